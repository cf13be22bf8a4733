"""Numbers, times and names as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.contract import human

NOW = datetime(2025, 3, 1, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 m 00 s"),
        (185, "3 m 05 s"), (3599.7, "1 h 00 m"), (8040, "2 h 14 m"), (86399.9, "1 d 0 h"), (442_800, "5 d 3 h"),
    ],
)  # fmt: skip
def test_duration_shows_its_two_largest_units(seconds, text):
    assert human.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (512, "512 B"), (1536, "1.5 KB"), (536_870_912, "512 MB"), (1_610_612_736, "1.5 GB"), (2**53, "8192 TB")],
)
def test_size_uses_binary_units(count, text):
    assert human.size(count) == text


@pytest.mark.parametrize(
    ("per_s", "text"), [(0, ""), (850.4, "850/s"), (1500, "1.5k/s"), (110_000, "110k/s"), (1_250_000, "1.2M/s")]
)
def test_rate_is_short(per_s, text):
    assert human.rate(per_s) == text


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0 %"), (0.626, "62 %"), (0.9999, "99 %"), (1, "100 %"), (1.2, "100 %")]
)
def test_percent_is_full_only_at_the_end(part, text):
    assert human.percent(part) == text


def test_clock_leaves_out_today_and_marks_utc():
    assert human.clock("2025-03-01T13:02:11Z", now=NOW, utc=True) == "13:02:11Z"
    assert human.clock("2025-02-27T13:02:11Z", now=NOW, utc=True) == "2025-02-27 13:02Z"
    assert human.clock("", now=NOW, utc=True) == ""
    assert human.clock("yesterday", now=NOW, utc=True) == ""


def test_between_runs_to_now_while_there_is_no_end():
    assert human.between("2025-03-01T13:59:00Z", "", now=NOW) == 60
    assert human.between("2025-03-01T13:59:00Z", "2025-03-01T13:59:30Z", now=NOW) == 30
    assert human.between("", "", now=NOW) is None


def test_names_cannot_steer_the_terminal():
    assert human.safe("a\x1b[2Jb\nc\u202ed") == "a\\x1b[2Jb\\x0ac\\u202ed"
    assert human.safe("hall\udcff.dxf") == "hall\\xff.dxf"
    assert human.safe("Gebäude 楼.dxf") == "Gebäude 楼.dxf"


@given(st.text(), st.integers(0, 30), st.booleans())
def test_shortened_text_never_exceeds_its_width(text, width, middle):
    assert human.cells(human.shorten(human.safe(text), width, middle=middle)) <= max(width, 0)


def test_paths_are_shortened_in_the_middle():
    assert human.shorten("terminal-building-arc.dxf", 13, middle=True) == "termin…rc.dxf"
