from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dxfd.contract.messages import JobOptions
from dxfd.contract.states import JobState
from dxfd.convert.types import Advanced, Began, DwgOptions, Left, ResumePolicy
from dxfd.errors import DwgFailedError, DwgTimeoutError, ResumeImpossibleError
from tests.support import convert as cv
from tests.support.corpus import CORPUS, real_drawing
from tests.support.daemon import daemon
from tests.support.dwg import COPY, DWG, by, converter, is_dead, need_acadsharp
from tests.support.polling import wait_for

LOST = json.dumps(
    [
        {"kind": "REGION", "space": "model", "layer": "0", "count": 3, "handle": "2F"},
        {"kind": "ACAD_TABLE", "space": "paper", "layer": "0", "count": 1, "handle": "30"},
    ]
)
TOO_OLD = ("r10_entities", "r11_entities-2d", "r2.10_entities")


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A DWG that converters make 500 walls of."""
    cv.write(tmp_path / "text.dxf", cv.drawing("".join(cv.line(n) for n in range(500))))
    return cv.write(tmp_path / "plan.dwg", DWG)


def good(plan: Path, script: str = COPY) -> DwgOptions:
    return by(converter(plan.parent / "bin", script, text=plan.parent / "text.dxf"))


def leave_after(batches: int):
    """Leave at a checkpoint once so many batches are asked about."""
    asked = iter(range(10_000))
    return lambda: "pause" if next(asked) >= batches else None


def test_a_dwg_gives_what_its_dxf_gives(plan):
    run = cv.convert(plan, dwg=good(plan))
    same = cv.convert(plan.parent / "text.dxf")
    columns = "dxf_handle, dxf_type, dxf_layer, ifc_class"
    assert run.rows(f"SELECT {columns} FROM elements_meta") == same.rows(f"SELECT {columns} FROM elements_meta")
    assert run.report.input == str(plan)
    assert run.report.issues["dwg_import"] == 1
    ((message,),) = run.rows("SELECT message FROM conversion_issues WHERE code = 'dwg_import'")
    assert message == run.report.dwg_note
    assert "dwg2dxf" in message
    assert cv.adds_up(run.report)


def test_what_a_converter_says_it_lost_is_in_the_ledger(plan):
    run = cv.convert(plan, dwg=good(plan, f"{COPY}; echo '{LOST}' > lost.json"))
    assert run.rows("SELECT entity_type, outcome, count, first_handle FROM ledger WHERE reason = 'dwg_import'") == [
        ("REGION", "skipped", 3, "2F")
    ]
    assert (run.report.entities_read, run.report.skipped) == (503, 3)
    assert cv.adds_up(run.report)
    assert "dropped 4 entities: REGION 3, ACAD_TABLE 1" in run.report.dwg_note


def test_the_total_counts_what_a_converter_lost_once(plan, tmp_path):
    def totals(run: cv.Run) -> set[int]:
        return {event.entities_total for event in run.events if isinstance(event, Began | Advanced)} - {0}

    dwg = good(plan, f"{COPY}; echo '{LOST}' > lost.json")
    assert totals(cv.convert(plan, dwg=dwg)) == {503}
    for tolerance_m in (0.01, 0.02):  # the interrupted run is gone on with, then discarded
        with pytest.raises(Left):
            cv.convert(plan, tmp_path / "b.db", dwg=dwg, batch_size=20, leave=leave_after(4), tolerance_m=0.01)
        assert totals(cv.convert(plan, tmp_path / "b.db", dwg=dwg, tolerance_m=tolerance_m)) == {503}


def test_an_interrupted_dwg_goes_on_and_gives_the_same_database(plan):
    whole = cv.convert(plan, plan.parent / "whole.db", dwg=good(plan, f"{COPY}; echo '{LOST}' > lost.json"))
    with pytest.raises(Left):
        cv.convert(plan, dwg=whole_options(plan), batch_size=50, leave=leave_after(10))
    run = cv.convert(plan, dwg=whole_options(plan), batch_size=50)
    assert run.report.resumed_from > 0
    assert run.report.resume_note == ""
    assert cv.snapshot(run.output) == cv.snapshot(whole.output)


def whole_options(plan: Path) -> DwgOptions:
    return by(plan.parent / "bin" / "dwg2dxf")


def test_a_text_that_is_another_than_then_is_converted_anew_with_the_reason(plan):
    options = good(plan)
    with pytest.raises(Left):
        cv.convert(plan, dwg=options, batch_size=50, leave=leave_after(10))
    cv.write(plan.parent / "text.dxf", cv.drawing("".join(cv.line(n, "A-DOOR") for n in range(400))))
    with pytest.raises(ResumeImpossibleError, match="another text"):
        cv.convert(plan, dwg=options, batch_size=50, resume=ResumePolicy.RESUME)
    run = cv.convert(plan, dwg=options, batch_size=50)
    assert "another text of the DWG" in run.report.resume_note
    assert (run.report.resumed_from, run.report.entities_read) == (0, 400)


def test_another_converter_than_then_begins_anew(plan):
    with pytest.raises(Left):
        cv.convert(plan, dwg=good(plan), batch_size=50, leave=leave_after(10))
    run = cv.convert(plan, dwg=good(plan, f"true; {COPY}"), batch_size=50)
    assert "dwg" in run.report.resume_note
    assert run.report.resumed_from == 0


def test_leaving_while_the_converter_runs_leaves_nothing(plan):
    with pytest.raises(Left) as left:
        cv.convert(plan, dwg=good(plan, "sleep 300"), leave=lambda: "cancel")
    assert (left.value.cause, left.value.batch) == ("cancel", 0)
    assert [p.name for p in plan.parent.iterdir() if p.name.startswith("plan.d")] == ["plan.dwg"]


# --- in the queue ----------------------------------------------------------------------------------------------------


def test_the_queue_converts_a_dwg_and_pauses_its_converter(plan):
    script = f"echo $$ >> {plan.parent}/pids; test -e {plan.parent}/go || exec sleep 300; {COPY}"
    slow = converter(plan.parent / "bin", script, text=plan.parent / "text.dxf")
    with daemon(dwg_path=str(slow), dwg_converter="dwg2dxf", dwg_memory_limit="640M") as dxfd:
        job = dxfd.submit(plan, dxfd.folder / "a.db")
        pid = int(wait_for(lambda: pids(plan), what="a converter")[-1])
        assert dxfd.change("pause", job.id).state is JobState.PAUSED
        wait_for(lambda: is_dead(pid), what="the end of the converter")
        assert [p.name for p in dxfd.folder.glob("a.db*")] == []
        (plan.parent / "go").touch()
        dxfd.ref("resume", job.id)
        ended = dxfd.wait_final(job.id)
        assert (ended.state, ended.error_message) == (JobState.SUCCEEDED, "")
        assert len(cv.query(dxfd.folder / "a.db", "SELECT 1 FROM elements_meta")) == 500
        started = [json.loads(line) for line in dxfd.log_path.read_text().splitlines() if "attempt_started" in line]
        assert {line["limit_bytes"] for line in started} == {640 << 20}


def pids(plan: Path) -> list[str]:
    path = plan.parent / "pids"
    return path.read_text().split() if path.exists() else []


def test_a_dwg_that_hangs_its_converter_fails_for_good(plan):
    hangs = converter(plan.parent / "bin", "sleep 300")
    with daemon(dwg_path=str(hangs), dwg_converter="dwg2dxf", dwg_timeout_s="1s") as dxfd:
        job = dxfd.submit(plan, dxfd.folder / "a.db", options=JobOptions())
        ended = dxfd.wait_final(job.id)
        assert (ended.state, ended.error_code, ended.attempt) == (JobState.FAILED, "E_DWG_TIMEOUT", 1)
        assert "dwg_timeout_s" in ended.error_hint


# --- the real converter ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sample_2018", "2004_Surface", "example_2018", "example_r14", "2010_gh209_1"])
def test_real_drawings_are_converted_and_accounted_for(tmp_path, name):
    need_acadsharp()
    source = real_drawing(f"dwg/LibreDWG+libredwg__{name}.dwg")
    run = cv.convert(source, tmp_path / "out.db", templates=cv.rules(tmp_path / "rules.toml"))
    assert run.report.entities_read > 0
    assert run.report.elements_written > 0
    assert cv.adds_up(run.report)
    assert "acadsharp" in run.report.dwg_note


def test_what_acadsharp_drops_is_named_with_layer_and_handle(tmp_path):
    need_acadsharp()
    run = cv.convert(real_drawing("dwg/LibreDWG+libredwg__example_2018.dwg"), tmp_path / "out.db")
    lost = run.rows("SELECT entity_type, layer, count, first_handle FROM ledger WHERE reason = 'dwg_import' ORDER BY 1")
    assert lost == [
        ("3DSOLID", "Tavolo 3", 1, "2E1"),
        ("ACAD_TABLE", "Tavolo 3", 1, "4F2"),
        ("LIGHT", "*ADSK_SYSTEM_LIGHTS", 1, "75E"),
        ("REGION", "Tavolo 3", 2, "176"),
    ]


@pytest.mark.parametrize("name", ["example_2004", "example_2010"])
def test_a_dwg_has_as_many_entities_as_the_dxf_made_of_it_elsewhere(tmp_path, name):
    need_acadsharp()
    dwg = cv.convert(real_drawing(f"dwg/LibreDWG+libredwg__{name}.dwg"), tmp_path / "dwg.db")
    dxf = cv.convert(real_drawing(f"dwg/LibreDWG+libredwg__{name}.dxf"), tmp_path / "dxf.db")
    sums = "SELECT entity_type, SUM(count) FROM ledger WHERE space = 'model' GROUP BY 1 ORDER BY 1"
    assert dwg.rows(sums) == dxf.rows(sums)


@pytest.mark.parametrize("name", ["2018_Constraints", "example_2004", "example_2010", "example_2013"])
def test_a_dwg_gives_the_elements_of_the_dxf_that_autocad_made_of_it(tmp_path, name):
    need_acadsharp()
    templates = cv.rules(tmp_path / "rules.toml")
    places = (
        "SELECT dxf_handle, dxf_type, ROUND(center_x, 3), ROUND(center_y, 3), ROUND(bbox_x, 3), ROUND(bbox_y, 3)"
        " FROM elements_meta JOIN element_transforms USING (id) WHERE dxf_type <> 'SPLINE' ORDER BY id"
    )  # the package writes splines drawn by fit points without control points: their curve is near, not the same
    elements = {}
    for form in ("dwg", "dxf"):
        source = real_drawing(f"dwg/LibreDWG+libredwg__{name}.{form}")
        elements[form] = cv.convert(source, tmp_path / f"{form}.db", templates=templates)
    lost = {kind for (kind,) in elements["dwg"].rows("SELECT entity_type FROM ledger WHERE reason = 'dwg_import'")}
    expected = [row for row in elements["dxf"].rows(places) if row[1] not in lost]
    assert sorted(elements["dwg"].rows(places)) == sorted(expected)


def test_a_real_drawing_is_gone_on_with(tmp_path):
    need_acadsharp()
    source = real_drawing("dwg/LibreDWG+libredwg__example_2000.dwg")
    templates = cv.rules(tmp_path / "rules.toml")
    whole = cv.convert(source, tmp_path / "whole.db", templates=templates)
    with pytest.raises(Left):
        cv.convert(source, tmp_path / "out.db", templates=templates, batch_size=5, leave=leave_after(9))
    run = cv.convert(source, tmp_path / "out.db", templates=templates, batch_size=5)
    assert (run.report.resumed_from > 0, run.report.resume_note) == (True, "")
    assert cv.snapshot(run.output) == cv.snapshot(whole.output)


@pytest.mark.parametrize("name", TOO_OLD)
def test_a_drawing_too_old_for_it_is_refused_by_its_version(tmp_path, name):
    need_acadsharp()
    with pytest.raises(DwgFailedError, match=r"R11 or older.*reads R13"):
        cv.convert(
            real_drawing(f"dwg/LibreDWG+libredwg__{name}.dwg"),
            tmp_path / "out.db",
            dwg=DwgOptions(converter="acadsharp"),
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [7, 200, 20_000, 100_000])
def test_a_damaged_drawing_ends_as_a_conversion_or_a_refusal(tmp_path, cut):
    need_acadsharp()
    data = bytearray(real_drawing("dwg/LibreDWG+libredwg__example_2018.dwg").read_bytes()[:cut])
    for at in range(0x80, len(data), 997):
        data[at] ^= 0x55
    path = cv.write(tmp_path / "d.dwg", bytes(data))
    try:
        run = cv.convert(path, dwg=DwgOptions(converter="acadsharp", timeout_s=20.0))
    except (DwgFailedError, DwgTimeoutError):
        return
    assert cv.adds_up(run.report)


def test_all_real_drawings_are_converted_but_those_too_old(tmp_path):
    need_acadsharp()
    folder = CORPUS / "dwg"
    if not folder.is_dir():
        pytest.skip("real drawings are not here (DXF_CORPUS names the folder)")
    refused = set()
    for source in sorted(folder.glob("*.dwg")):
        try:
            run = cv.convert(source, tmp_path / "out.db", dwg=DwgOptions(converter="acadsharp"))
        except DwgFailedError:
            refused.add(source.stem.partition("__")[2])
        else:
            assert cv.adds_up(run.report), source
    assert refused == set(TOO_OLD)


def test_the_command_refuses_a_dwg_where_it_is_told_to(plan):
    command = [sys.executable, "-m", "dxfd", "convert", str(plan), "--json", "--dwg-converter", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["code"], error["exit_code"]) == (65, "E_DWG_NO_CONVERTER", 65)
    assert "dwg_converter" in error["hint"]
    assert list(plan.parent.glob("plan.db*")) == []


def test_the_command_tells_what_was_lost(tmp_path):
    need_acadsharp()
    source = real_drawing("dwg/LibreDWG+libredwg__2004_Surface.dwg")
    command = [sys.executable, "-m", "dxfd", "convert", str(source), str(tmp_path / "out.db")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "DXFD_DWG_CONVERTER": "auto"}
    )
    assert "dropped 5 entities: EXTRUDEDSURFACE 1, LOFTEDSURFACE 1" in done.stdout
