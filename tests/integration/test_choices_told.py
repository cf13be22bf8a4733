"""What calls a whole result in question is said in words, and limits are told in units that people can read."""

from __future__ import annotations

import pytest

from dxfd.cli.convert import summary
from dxfd.cli.limits import Asked, tolerance_m
from dxfd.config.model import Settings
from dxfd.config.units import metres
from dxfd.convert import pipeline
from dxfd.convert.types import ConvertOptions, DwgOptions, Left
from dxfd.errors import DwgNoConverterError, MemoryLimitError, TooManyIssuesError
from tests.support import convert as cv


def test_a_layout_that_is_not_there_is_told_with_those_that_are(tmp_path):
    sheet = cv.tag(0, "BLOCK") + cv.tag(2, "*Paper_Space") + cv.tag(0, "ENDBLK")
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1), blocks=sheet))
    report = cv.convert(source, layouts=("zzz", "model")).report
    assert report.warnings == ["there is no layout 'zzz'; there are Model, Layout1"]
    assert "  WARNING: there is no layout 'zzz'; there are Model, Layout1" in summary(report)
    assert not cv.convert(source, tmp_path / "model.db").report.warnings


def test_a_tiny_memory_limit_is_told_as_it_is(tmp_path):
    source = cv.write(tmp_path / "in.dxf", cv.drawing(cv.line(1)))
    with pytest.raises(MemoryLimitError, match=r"^1 KB are too little"):
        cv.convert(source, max_memory_bytes=1000)


def test_a_dwg_that_is_not_to_be_read_is_told_by_the_option_that_says_so(tmp_path):
    source = cv.write(tmp_path / "in.dwg", b"AC1032" + bytes(200))
    with pytest.raises(DwgNoConverterError, match="dwg_converter is off") as caught:
        cv.convert(source, dwg=DwgOptions(converter="off"))
    assert "--dwg-converter" in caught.value.hint


@pytest.mark.parametrize("micrometres", [10, 70, 290, 570, 1_100, 5_000, 12_345, 999_999])
def test_one_tolerance_is_one_number_whoever_says_it(micrometres):
    said = [
        tolerance_m(Asked(), Settings(tolerance_um=micrometres)),
        tolerance_m(Asked(tolerance=micrometres / 1000), Settings()),
        metres(micrometres / 1000, per_metre=1e3),
        metres(micrometres, per_metre=1e6),
    ]
    assert len(set(said)) == 1, said


def scattered(places: int) -> str:
    """Return lines on a sheet with damage between them: no errors, as sheets are not converted."""
    return "".join(cv.entity("LINE", (67, 1), (10, 0), (11, k), handle=f"{k + 1:X}") + "lost\n" for k in range(places))


def test_places_of_damage_are_counted_on_when_a_run_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_MOST_DAMAGES", 20)
    source = cv.write(tmp_path / "in.dxf", cv.drawing(scattered(30) + cv.line(900)))
    options = ConvertOptions(source=source, output=tmp_path / "out.db", batch_size=1, max_errors=5)
    words = []
    for leave_after in (10**9, 12):
        asked = iter(range(10**9))
        try:
            pipeline.convert(
                options, on_event=lambda _: None,
                should_leave=lambda at=asked, last=leave_after: "pause" if next(at) > last else None,
            )  # fmt: skip
        except TooManyIssuesError as error:
            words.append(error.message)
            (tmp_path / "out.db.partial").unlink()
        except Left:
            with pytest.raises(TooManyIssuesError) as caught:
                pipeline.convert(options, on_event=lambda _: None, should_leave=lambda: None)
            words.append(caught.value.message)
    assert len(words) == 2
    assert words[0] == words[1]
    assert words[0].startswith("the entities are damaged in more than 20 places")


def test_the_report_of_a_resumed_run_is_that_of_an_undisturbed_one(tmp_path):
    block = cv.tag(0, "BLOCK") + cv.tag(2, "B") + cv.tag(10, 0) + cv.line(1) + cv.line(2) + cv.tag(0, "ENDBLK")
    parts = [
        cv.line(k) + cv.entity(f"KIND_{k % 3}", (10, k), handle=f"A{k:X}")
        + cv.entity("INSERT", (2, "B" if k % 2 else "GONE"), (10, k), handle=f"B{k:X}")
        + (cv.entity("LINE", (10, "abc"), handle=f"C{k:X}") if k % 9 == 0 else "")
        + (cv.entity("LINE", (67, 1), (10, 0), handle=f"D{k:X}") + "lost\n" if k % 7 == 0 else "")
        for k in range(40)
    ]  # fmt: skip
    source = cv.write(tmp_path / "in.dxf", cv.drawing("".join(parts), blocks=block))
    rules = cv.rules(tmp_path / "r.toml", types=("LINE", "INSERT", "KIND_0", "KIND_1"))
    more = {"templates": rules, "batch_size": 3, "blocks": ("explode",), "layouts": ("model", "zzz")}
    whole = cv.convert(source, tmp_path / "whole.db", **more).report.to_dict()
    for _ in range(1000):
        asked = iter(range(10**6))
        try:
            run = cv.convert(
                source, tmp_path / "again.db", leave=lambda at=asked: "pause" if next(at) > 6 else None, **more
            )
        except Left:
            continue
        break
    found = run.report.to_dict()
    assert found.pop("resumed_from") > 0
    for name in ("output", "elapsed_s", "entities_per_s", "peak_rss_bytes", "batches"):
        del found[name], whole[name]
    del whole["resumed_from"]
    assert found == whole
