from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.config.units import (
    format_bytes,
    format_seconds,
    parse_amount,
    parse_bytes,
    parse_seconds,
    parse_share,
)
from dxfd.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512M", 512 << 20),
        ("4GiB", 4 << 30),
        ("1.5k", 1536),
        ("10MB", 10_000_000),
        ("7", 7),
        (7, 7),
        (" 2 g ", 2 << 30),
    ],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("250ms", 0.25), ("1h", 3600), (2.5, 2.5)])
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "M", "-5", "5 parsecs", "1e3", "0x10", True, "٣M", "5M5"])
def test_what_is_no_amount_is_refused(text):
    for parse in (parse_bytes, parse_seconds):
        with pytest.raises(ConfigError):
            parse(text)


def test_a_share_is_a_fraction_of_the_whole():
    assert parse_share("60%") == 0.6
    assert parse_amount("60%").of(1000) == 600
    assert parse_amount("2G").of(1000) == 2 << 30


@pytest.mark.parametrize("text", ["0%", "-3%", "x%", "60", "0", "120%"])
def test_what_is_no_share_of_memory_is_refused(text):
    with pytest.raises(ConfigError):
        parse_amount(text) if text in {"0", "120%"} else parse_share(text)


@given(st.integers(0, 2**50))
def test_a_written_size_reads_back(size):
    assert parse_bytes(format_bytes(size)) == size


@given(st.integers(0, 10**6))
def test_a_written_duration_reads_back(seconds):
    assert parse_seconds(format_seconds(seconds)) == seconds
