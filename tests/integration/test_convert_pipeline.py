"""Whole conversions of small drawings: the schema its readers rely on, batches, resuming, faults, full disks.

Over 500 lines because it is one thing: every test disturbs the conversion of one drawing, made once for all of them,
and compares the end with that of the run that nothing disturbed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pytest

from dxfd.convert import memory, pipeline, session
from dxfd.convert.types import Advanced, Began, Committed, ErrorAction, Found, Left, Phase, ResumePolicy
from dxfd.errors import (
    ConfigError,
    DiskFullError,
    MemoryLimitError,
    OutputDamagedError,
    OutputNotWritableError,
    ResumeImpossibleError,
    SourceChangedError,
    SourceDamagedError,
    SourceMissingError,
    TemplatesMissingError,
    TooManyIssuesError,
)
from tests.support import convert as cv


def building(folder: Path, *, copies: int = 12) -> Path:
    """Write a drawing of every kind of entity, faults and oddities included."""
    doc = ezdxf.new("R2010")
    doc.header["$INSUNITS"] = 4
    doc.header["$FINGERPRINTGUID"] = "{0}"
    door = doc.blocks.new("DOOR")
    door.add_lwpolyline([(0, 0), (900, 0), (900, 50)], close=True)
    door.add_arc((0, 0), 900, 0, 90)
    twice = doc.blocks.new("TWICE")
    twice.add_blockref("DOOR", (0, 0))
    twice.add_blockref("TWICE", (500, 0))  # contains itself
    msp = doc.modelspace()
    for k in range(copies):
        x = 5000.0 * k
        msp.add_line((x, 0), (x + 3000, 0), dxfattribs={"layer": f"A-WALL-{k % 3}"})
        msp.add_circle((x, 500), 200, dxfattribs={"extrusion": (0, 0, -1)})
        msp.add_arc((x, 500), 400, 10, 100 + k)
        msp.add_lwpolyline([(x, 0, 0, 0, 0.4), (x + 900, 0), (x + 900, 700)], close=True)
        msp.add_polyline3d([(x, 0, 0), (x, 0, 500), (x, 900, 900)])
        msp.add_3dface([(x, 0), (x + 100, 0), (x + 100, 100), (x, 100)])
        msp.add_text(f"Room {k} %%d", dxfattribs={"insert": (x, 0), "height": 100})
        msp.add_mtext(f"Hall\\P{k}", dxfattribs={"insert": (x, 0)})
        for name in ("DOOR", "TWICE"):
            mark = msp.add_blockref(name, (x, 1000), dxfattribs={"rotation": 15.0 * k, "xscale": (-1) ** k})
            mark.add_attrib("MARK", f"D-{k}", (x, 1000))
        msp.add_spline([(x, 0), (x + 100, 50), (x + 200, -80), (x + 300, 0)])
        hatch = msp.add_hatch()
        hatch.paths.add_polyline_path([(x, 0), (x + 100, 0), (x + 100, 100)], is_closed=True)
    doc.paperspace().add_line((0, 0), (1, 1))
    path = folder / "building.dxf"
    doc.saveas(path)
    text = path.read_text()
    odd = (
        cv.line(900) + cv.line(900) + cv.entity("LINE", (10, "abc"), handle="BAD1")
        + cv.entity("LWPOLYLINE", handle="BAD2")
        + cv.entity("INSERT", (2, "GONE"), (10, 0), handle="BAD3") + cv.line(901) + "no group code\n" + cv.line(902)
    )  # fmt: skip
    end = text.index("  0\nENDSEC", text.index("  2\nENTITIES"))
    path.write_text(text[:end] + odd + text[end:])
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with cv.fast_folder() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def source(folder) -> Path:
    return building(folder)


@pytest.fixture(scope="module")
def templates(folder) -> Path:
    return cv.rules(folder / "rules.toml", "wall")


@pytest.fixture(scope="module")
def whole(folder, source, templates) -> cv.Run:
    """The undisturbed conversion that others are compared with."""
    return cv.convert(source, folder / "whole.db", templates=templates)


@pytest.fixture
def output(folder, request) -> Iterator[Path]:
    yield folder / "out.db"
    for path in folder.glob("out.db*"):
        path.unlink()


def same(one: Path, other: Path) -> None:
    left, right = cv.snapshot(one), cv.snapshot(other)
    assert left.keys() == right.keys()
    for name in left:
        assert left[name] == right[name], f"{name} differs"


# --- the database its readers expect ----------------------------------------------------------------------------


def test_the_readers_own_queries_run(whole):
    n = whole.report.elements_written
    assert n > 100
    preview = whole.rows(
        "SELECT m.guid, m.discipline, m.ifc_class, r.minX, r.maxX, r.minY, r.maxY, r.minZ, r.maxZ"
        " FROM elements_meta m JOIN elements_rtree r ON m.id = r.id"
    )
    stream = whole.rows(
        "SELECT m.guid, m.building, m.storey, m.material_rgba, t.center_x, t.center_y, t.center_z,"
        " t.rotation_x, t.rotation_y, t.rotation_z, i.geometry_hash FROM elements_meta m"
        " JOIN element_transforms t ON t.guid = m.guid"
        " JOIN element_instances i ON i.guid = m.guid JOIN elements_rtree r ON r.id = m.rowid"
    )
    full = whole.rows(
        "SELECT g.guid, g.geometry_hash, g.vertices, g.faces, g.normals, m.ifc_class, t.length FROM element_geometry g"
        " JOIN elements_meta m ON g.guid = m.guid JOIN element_transforms t ON t.guid = m.guid"
    )
    assert len(preview) == len(stream) == len(full) == n
    assert {row[1] for row in preview} == {"ARC"}
    assert whole.rows("SELECT COUNT(*) FROM elements_meta WHERE material_rgba = ''") == [(0,)]
    assert len(whole.rows("SELECT offset_x, offset_y, offset_z FROM global_offset LIMIT 1")) == 1
    assert (
        whole.rows("SELECT COUNT(*) FROM global_offset")
        == whole.rows("SELECT COUNT(*) FROM global_offset WHERE id = 1")
        == [(1,)]
    )
    for view in ("spatial_structure", "element_source"):
        assert whole.rows(f"SELECT COUNT(*) FROM {view}") == [(n,)]
    whole.rows("SELECT guid, material_name, rgba FROM material_assignments")
    assert whole.rows("SELECT rtreecheck('elements_rtree')") == [("ok",)]
    assert whole.rows("PRAGMA integrity_check") == [("ok",)]
    assert not whole.rows("SELECT name FROM sqlite_master WHERE name IN ('_conversion_progress', '_ledger')")


def test_bodies_are_where_transforms_and_the_tree_say(whole):
    rows = whole.rows(
        "SELECT g.vertices, g.faces, g.normals, g.geometry_hash = m.guid, t.center_x, t.center_y, t.center_z,"
        " t.bbox_x, t.bbox_y, t.bbox_z, r.minX, r.minY, r.minZ, r.maxX, r.maxY, r.maxZ, t.rotation_z"
        " FROM elements_meta m JOIN element_geometry g ON g.guid = m.guid JOIN element_transforms t ON t.id = m.id"
        " JOIN elements_rtree r ON r.id = m.id"
    )
    for vertices, faces, normals, own, *rest in rows:
        assert len(vertices) % 12 == 0 and len(faces) % 12 == 0 and normals is None and len(vertices) > 0
        at = cv.vertices(vertices)
        assert not faces or cv.faces(faces).max() < len(at)
        center, size, low, high = (np.array(rest[k : k + 3]) for k in (0, 3, 6, 9))
        assert np.allclose(low, center - size / 2, atol=1e-4) and np.allclose(high, center + size / 2, atol=1e-4)
        if own:
            assert np.allclose([at.min(axis=0), at.max(axis=0)], [-size / 2, size / 2], atol=1e-4)
        else:  # a shared body is turned where it stands
            turn = rest[12]
            x = at[:, 0] * np.cos(turn) - at[:, 1] * np.sin(turn)
            assert np.ptp(x) == pytest.approx(size[0], abs=1e-3)
    offsets = whole.rows("SELECT offset_x, offset_y, offset_z, min_x, max_x, min_y, max_y, min_z FROM global_offset")[0]
    assert offsets[0] == pytest.approx((offsets[3] + offsets[4]) / 2)
    assert offsets[2] == offsets[7]


def test_a_drawing_far_from_its_origin_is_shifted_and_can_be_shifted_back(folder, output):
    text = cv.entity("LINE", (10, 512_345.25), (20, 5_403_211.5), (11, 512_349.25), (21, 5_403_211.5), handle="1")
    path = cv.write(folder / "far.dxf", cv.drawing(text, head=cv.header(insunits=6)))
    run = cv.convert(path, output, templates=cv.rules(folder / "curve.toml"))
    ((x, y, ox, oy, blob),) = run.rows(
        "SELECT center_x, center_y, offset_x, offset_y, vertices"
        " FROM element_transforms, coordinate_metadata, base_geometries"
    )
    assert (x + ox, y + oy) == (512_347.25, 5_403_211.5)
    assert abs(x) < 1000 and abs(y) < 1000 and ox % 1000 == 0
    assert cv.vertices(blob).tolist() == [[-2, 0, 0], [2, 0, 0]]


def test_the_report_tells_what_happened(whole):
    report = whole.report
    assert cv.adds_up(report)
    assert (report.dxf_version, report.units, report.units_source) == ("AC1024", "mm", "$INSUNITS")
    assert (report.batches, report.resumed_from) == (1, 0)
    assert {
        "structure",
        "bad_number",
        "no_vertices",
        "block_missing",
        "block_cycle",
        "duplicate_handle",
    } <= report.issues.keys()
    assert dict(whole.rows("SELECT key, value FROM run_report"))["entities_read"] == str(report.entities_read)
    began = [e for e in whole.events if isinstance(e, Began)]
    assert len(began) == 1 and began[0].bytes_total > 0
    phases = [e.phase for e in whole.events if isinstance(e, Advanced)]
    assert phases[0] is Phase.SKIM and phases[-1] is Phase.PUBLISH and {Phase.READ, Phase.INDEX} <= set(phases)
    assert [e.entities_read for e in whole.events if isinstance(e, Committed)][-1] == report.entities_read


def test_one_bad_entity_is_an_issue_with_handle_and_line(whole, source):
    lines = source.read_text().split("\n")
    rows = whole.rows("SELECT code, handle, line FROM conversion_issues WHERE severity = 'error' ORDER BY line")
    assert [(code, handle) for code, handle, _ in rows] == [
        ("bad_number", "BAD1"),
        ("no_vertices", "BAD2"),
        ("structure", "485"),
    ]
    assert lines[rows[0][2]] == "LINE" and lines[rows[1][2]] == "LWPOLYLINE"
    assert lines[rows[2][2] - 1] == "no group code"
    told = [(e.code, e.handle) for e in whole.events if isinstance(e, Found)]
    assert ("bad_number", "BAD1") in told


# --- batches and resuming ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 50])
@pytest.mark.parametrize("chunk", [300, 5000, pipeline.CHUNK_BYTES])
def test_batches_and_chunks_of_any_size_give_the_same_database(
    source, templates, whole, output, monkeypatch, batch, chunk
):
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", chunk)
    run = cv.convert(source, output, templates=templates, batch_size=batch)
    same(run.output, whole.output)
    assert run.report.ledger == whole.report.ledger
    assert run.report.batches > 2


def test_what_takes_long_is_committed_by_its_time_and_gives_the_same_database(
    source, templates, whole, output, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(memory, "LEAST_CHUNK_BYTES", 500)
    monkeypatch.setattr(memory, "LONG_CHUNK_S", 0.0)
    monkeypatch.setattr(memory, "LONG_BATCH_S", 0.0)
    monkeypatch.setattr(pipeline, "CHUNK_BYTES", 8000)
    run = cv.convert(source, output, templates=templates)
    same(run.output, whole.output)
    assert run.report.batches > 8, "one is what it takes at once"


def leaving_after(checkpoints: int) -> Callable[[], str | None]:
    left = [checkpoints]

    def ask() -> str | None:
        left[0] -= 1
        return "pause" if left[0] <= 0 else None

    return ask


def test_leaving_at_every_checkpoint_and_going_on_gives_the_same_database(source, templates, whole, output):
    options: dict[str, Any] = {"templates": templates, "batch_size": 9, "resume": ResumePolicy.RESUME}
    runs, last, asked = 0, 0, 1
    while True:
        try:
            run = cv.convert(source, output, leave=leaving_after(asked), **options)
            break
        except Left as left:
            assert left.cause == "pause"
            assert left.entities_read >= last
            assert runs < 100
            assert not output.exists()
            asked += left.entities_read == last  # all is read: then it is asked between the steps of finishing
            last, runs = left.entities_read, runs + 1
    assert runs > 10
    assert run.report.resumed_from == last
    same(run.output, whole.output)
    assert {r.outcome for r in run.report.ledger} == {"element", "skipped", "error"}


def test_a_resumed_run_may_have_another_batch_size_and_limit(source, templates, whole, output):
    with pytest.raises(Left):
        cv.convert(source, output, leave=leaving_after(3), templates=templates, batch_size=20)
    run = cv.convert(source, output, templates=templates, batch_size=33, max_errors=50, resume=ResumePolicy.RESUME)
    assert run.report.resumed_from > 0
    same(run.output, whole.output)


def interrupted(source: Path, templates: Path, output: Path) -> None:
    with pytest.raises(Left):
        cv.convert(source, output, leave=leaving_after(2), templates=templates, batch_size=20)


def test_an_interrupted_run_can_be_looked_at(source, templates, output):
    assert pipeline.find_interrupted(cv.options(source, output, templates=templates)) is None
    interrupted(source, templates, output)
    found = pipeline.find_interrupted(cv.options(source, output, templates=templates))
    assert found is not None
    assert (found.fits, found.why_not, found.status, found.batch) == (True, "", "in_progress", 2)
    assert 0 < found.entities_done < found.entities_total
    other = pipeline.find_interrupted(cv.options(source, output, templates=templates, units="m"))
    assert other is not None and not other.fits and "units" in other.why_not


@pytest.mark.parametrize("table", ["layers", "base_geometries"])  # one that is not touched again, one that is
def test_a_large_interrupted_run_is_looked_at_before_it_is_published(source, templates, output, monkeypatch, table):
    monkeypatch.setattr(session, "CHECKED_AT_ONCE", 0)
    interrupted(source, templates, output)
    partial = Path(f"{output}.partial")
    with contextlib.closing(sqlite3.connect(partial)) as database:
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table])
        ((size,),) = database.execute("PRAGMA page_size")
    with partial.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\0" * 100)
    with pytest.raises(OutputDamagedError):
        cv.convert(source, output, templates=templates, resume=ResumePolicy.AUTO)
    assert not partial.exists()
    run = cv.convert(source, output, templates=templates, resume=ResumePolicy.AUTO)
    assert (run.report.resumed_from, run.report.ok) == (0, True)


def test_a_run_that_is_gone_on_from_unseen_and_is_sound_is_published(source, templates, output, monkeypatch):
    expected = cv.snapshot(cv.convert(source, output.with_name("whole.db"), templates=templates).output)
    monkeypatch.setattr(session, "CHECKED_AT_ONCE", 0)
    interrupted(source, templates, output)
    run = cv.convert(source, output, templates=templates, resume=ResumePolicy.RESUME)
    assert run.report.resumed_from > 0
    assert cv.snapshot(run.output) == expected


@pytest.mark.parametrize("change", ["source", "templates", "units", "damage"])
def test_what_does_not_fit_begins_anew_or_is_refused(folder, whole, output, change):
    source, templates = building(folder / "."), cv.rules(folder / "own.toml", "wall")
    interrupted(source, templates, output)
    options: dict[str, Any] = {"templates": templates}
    match change:
        case "source":
            os.utime(source, (1_700_000_001, 1_700_000_001))
        case "templates":
            cv.rules(templates, "beam")
        case "units":
            options["units"] = "cm"
        case "damage":
            partial = output.with_name("out.db.partial")
            raw = bytearray(partial.read_bytes())
            raw[4096:8192] = bytes(4096)
            partial.write_bytes(raw)
    with pytest.raises(ResumeImpossibleError):
        cv.convert(source, output, resume=ResumePolicy.RESUME, **options)
    run = cv.convert(source, output, resume=ResumePolicy.AUTO, **options)
    assert run.report.resumed_from == 0
    assert "discarded" in run.report.resume_note
    assert run.report.entities_read == whole.report.entities_read
    os.utime(source, (1_700_000_000, 1_700_000_000))


def test_restart_discards_without_asking(source, templates, whole, output):
    interrupted(source, templates, output)
    run = cv.convert(source, output, templates=templates, resume=ResumePolicy.RESTART)
    assert run.report.resumed_from == 0
    same(run.output, whole.output)


# --- faults -----------------------------------------------------------------------------------------------------


def test_more_faults_than_allowed_end_the_conversion(source, templates, output):
    with pytest.raises(TooManyIssuesError, match="more than the 2 allowed"):
        cv.convert(source, output, templates=templates, max_errors=2)
    assert not output.exists()
    cv.convert(source, output, templates=templates, max_errors=3)


def test_stop_ends_at_the_first_fault_and_names_it(source, templates, output):
    with pytest.raises(TooManyIssuesError, match="BAD1") as caught:
        cv.convert(source, output, templates=templates, error_action=ErrorAction.STOP)
    assert "'abc'" in caught.value.message
    assert not output.exists()


@pytest.mark.parametrize("keep", [0.5, 0.7, 0.9, 0.99])
def test_a_drawing_cut_off_in_its_entities_is_refused(folder, source, templates, output, keep):
    raw = source.read_bytes()
    start, end = raw.index(b"  2\nENTITIES"), raw.index(b"no group code")
    cut = cv.write(folder / "cut.dxf", raw[: start + int((end - start) * keep)])
    with pytest.raises(SourceDamagedError, match="cut off in its section ENTITIES"):
        cv.convert(cut, output, templates=templates)
    assert not list(folder.glob("out.db*"))


def test_missing_things_are_told_before_anything_is_written(folder, source, templates, output):
    cases: list[tuple[type[Exception], dict[str, Any]]] = [
        (SourceMissingError, {"source": folder / "none.dxf", "templates": templates}),
        (TemplatesMissingError, {"source": source, "templates": folder / "none.toml"}),
        (ConfigError, {"source": source, "templates": templates, "units": "parsec"}),
        (OutputNotWritableError, {"source": source, "templates": templates, "output": folder / "none" / "out.db"}),
        (OutputNotWritableError, {"source": source, "templates": templates, "output": Path("/proc/out.db")}),
    ]
    for error, more in cases:
        with pytest.raises(error):
            cv.convert(**{"output": output, **more})
        assert not list(folder.glob("out.db*"))


def test_a_drawing_that_changes_meanwhile_is_not_published(folder, templates, output):
    source = cv.write(folder / "changing.dxf", cv.drawing("".join(cv.line(k) for k in range(50))))

    def change() -> None:
        with source.open("ab") as file:
            file.write(b"\n")

    with pytest.raises(SourceChangedError):
        cv.convert(source, output, templates=templates, leave=change)
    assert not output.exists()
    run = cv.convert(source, output, templates=templates)
    assert "changed" in run.report.resume_note


def test_too_small_a_memory_limit_is_an_error_and_a_tight_one_a_pause(source, templates, output, monkeypatch):
    with pytest.raises(MemoryLimitError):
        cv.convert(source, output, templates=templates, max_memory_bytes=1 << 20, batch_size=20)
    assert not output.exists()
    used = iter([1] * 12)
    monkeypatch.setattr(memory, "rss", lambda: next(used, 1 << 40))
    with pytest.raises(Left, match="memory") as caught:
        cv.convert(
            source, output, templates=templates, batch_size=5, max_memory_bytes=1 << 30, resume=ResumePolicy.RESTART
        )
    assert caught.value.batch > 2
    monkeypatch.undo()
    assert cv.convert(source, output, templates=templates, resume=ResumePolicy.RESUME).report.resumed_from > 0


FILL = """
import resource, sys
from pathlib import Path
from dxfd.convert import pipeline
from dxfd.convert.types import ConvertOptions, Left
from dxfd.errors import DxfdError
limit = int(sys.argv[4])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
options = ConvertOptions(source=Path(sys.argv[1]), output=Path(sys.argv[2]), templates=Path(sys.argv[3]), batch_size=40)
try:
    pipeline.convert(options, on_event=lambda e: None, should_leave=lambda: None)
except DxfdError as error:
    print(error.code)
else:
    print("done")
"""


def child(source: Path, output: Path, templates: Path, limit: int = 0) -> str:
    """Convert in a process of its own and return what came of it: a limit on the size of files stays for good."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(source), str(output), str(templates), str(limit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("no right to mount a small file system; the size limit below is tested in its stead")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("room", [8, 60, 120, 170, 220])
def test_a_full_disk_is_told_and_the_conversion_goes_on_once_there_is_room(small_disk, source, templates, whole, room):
    output = small_disk / "out.db"
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"x" * (free - room * 1024))
    assert child(source, output, templates) == DiskFullError.code
    assert not output.exists()
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    cv.convert(source, output, templates=templates, batch_size=40)
    same(output, whole.output)


@pytest.mark.parametrize("limit_kb", [4, 60, 110, 150])
def test_a_file_that_may_not_grow_ends_as_an_error_and_goes_on_without_the_limit(
    source, templates, whole, output, limit_kb
):
    assert child(source, output, templates, limit_kb * 1024) != "done"
    assert not output.exists()
    cv.convert(source, output, templates=templates, batch_size=40)
    same(output, whole.output)


def test_the_result_can_be_converted_again_over_itself(source, templates, whole, output):
    for _ in range(2):
        cv.convert(source, output, templates=templates, vacuum=True)
        same(output, whole.output)
    with contextlib.closing(sqlite3.connect(output)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone()[0] <= 2  # the checkpoint's, dropped behind VACUUM
    assert sorted(p.name for p in output.parent.glob("out.db*")) == ["out.db"]


def test_a_drawing_without_entities_gives_an_empty_database(folder, templates, output):
    run = cv.convert(cv.write(folder / "none.dxf", cv.drawing("")), output, templates=templates)
    assert (run.report.entities_read, run.report.elements_written, run.report.match_rate) == (0, 0, 0.0)
    assert run.rows("SELECT COUNT(*) FROM global_offset") == [(1,)]
    assert run.rows("SELECT rtreecheck('elements_rtree')") == [("ok",)]
