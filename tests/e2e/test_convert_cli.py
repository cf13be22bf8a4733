"""`dxfd convert` as a user runs it: results, refusals, interrupts, the question about an interrupted run."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.support.ctl import drawing
from tests.support.polling import wait_for

REPORT_KEYS = {
    "ok", "input", "output", "dxf_version", "units", "units_source", "entities_read", "elements_written", "matched",
    "skipped", "errors", "ledger", "match_rate", "batches", "resumed_from", "elapsed_s", "entities_per_s",
    "peak_rss_bytes",
}  # fmt: skip
ENTITIES = 60_000
SLOWLY = ("--batch-size", "500")


def rows(path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT guid, ifc_class, discipline FROM elements_meta ORDER BY guid").fetchall()


def test_a_drawing_that_is_cut_off_is_refused_or_converted_as_far_as_it_goes(sandbox):
    path = drawing(sandbox.folder / "hall.dxf", 400)
    path.write_bytes(path.read_bytes()[:-3000])
    refused = sandbox.run("dxfd", "convert", "hall.dxf", code=65)
    assert "--damaged convert" in refused.stderr
    done = sandbox.run("dxfd", "convert", "hall.dxf", "--damaged", "convert")
    assert "INCOMPLETE: the drawing is cut off in its section ENTITIES" in done.stdout
    again = sandbox.run(
        "dxfd", "convert", "hall.dxf", "--restart", "--json", environ={"DXFD_DAMAGED": "convert"}
    )  # fmt: skip
    report = json.loads(again.stdout)
    assert report["incomplete"].startswith("cut off")
    assert 300 < report["elements_written"] < 400


def test_encoding_and_limits_are_options(sandbox):
    path = drawing(sandbox.folder / "hall.dxf", 3)
    path.write_bytes(path.read_bytes().replace(b"A-WALL", "WALL-墙".encode("gbk")))
    done = sandbox.run(
        "dxfd", "convert", "hall.dxf", "--json", "--encoding", "cp936", "--max-vertices", "500",
        "--max-entity-size", "2M", "--max-body-points", "90", "--max-block-depth", "7", "--max-entity-time", "2s",
    )  # fmt: skip
    assert {row["layer"] for row in json.loads(done.stdout)["ledger"]} == {"WALL-墙"}
    wrong = sandbox.run("dxfd", "convert", "hall.dxf", "--encoding", "klingon", code=2)
    assert "klingon" in wrong.stderr


@pytest.fixture
def big(sandbox):
    return drawing(sandbox.folder / "big.dxf", ENTITIES)


@pytest.fixture
def interrupted(sandbox, big):
    """A drawing whose conversion was interrupted at a checkpoint."""
    with sandbox.background("dxfd", "convert", big, *SLOWLY) as child:
        wait_for(lambda: under_way(big), what="some batches")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
    return big


def under_way(source) -> bool:
    """Whether some batches are written. The size is looked at, not the content: a reader would lock the writer out."""
    partial = source.with_suffix(".db.partial")
    return partial.exists() and partial.stat().st_size > 1_500_000


def checkpoint(source) -> int:
    """Return the number of the last committed batch of an interrupted conversion."""
    with closing(sqlite3.connect(source.with_suffix(".db.partial"))) as db:
        return int(db.execute("SELECT current_batch_number FROM _conversion_progress").fetchone()[0])


def test_summary_is_for_people_and_on_stdout(sandbox):
    drawing(sandbox.folder / "hall.dxf", 40)
    done = sandbox.run("dxfd", "convert", "hall.dxf", "out.db")
    assert done.stdout.splitlines()[:2] == [
        f"hall.dxf → {sandbox.folder}/out.db",
        "  40 elements from 40 entities, match rate 100 %",
    ]
    assert done.stderr == ""
    assert len(rows(sandbox.folder / "out.db")) == 40
    assert not (sandbox.folder / "out.db.partial").exists()


def test_output_is_beside_the_drawing_by_default(sandbox):
    drawing(sandbox.folder / "a" / "hall.dxf", 4)
    assert sandbox.run("dxfd", "convert", "a/hall.dxf", "--quiet").stdout == ""
    assert (sandbox.folder / "a" / "hall.db").exists()


def test_json_is_one_document_that_adds_up(sandbox):
    drawing(sandbox.folder / "hall.dxf", 40)
    done = sandbox.run("dxfd", "convert", "hall.dxf", "--json")
    report = json.loads(done.stdout)
    assert set(report) >= REPORT_KEYS
    assert report["matched"] + report["skipped"] + report["errors"] == report["entities_read"] == 40
    assert sum(row["count"] for row in report["ledger"] if row["space"] == "model") == 40
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("make", "code", "error"),
    [
        (None, 66, "E_SOURCE_MISSING"),
        (b"", 65, "E_SOURCE_EMPTY"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), 65, "E_NOT_DXF"),
        (b"AutoCAD Binary DXF\r\n\x1a\x00" + bytes(64), 65, "E_NOT_DXF"),
    ],
)
def test_what_is_no_drawing_is_refused_in_a_line(sandbox, make, code, error):
    path = sandbox.folder / "x.dxf"
    if make is not None:
        path.write_bytes(make)
    done = sandbox.run("dxfd", "convert", "x.dxf", code=code)
    assert re.match(rf"error: [^\n]* \[{error}\]\n(  hint: [^\n]*\n)?$", done.stderr)
    assert done.stdout == ""
    document = json.loads(sandbox.run("dxfd", "convert", "x.dxf", "--json", code=code).stdout)
    assert document["ok"] is False
    assert (document["error"]["code"], document["error"]["exit_code"]) == (error, code)
    assert [p.name for p in sandbox.folder.iterdir() if p.suffix != ".dxf"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["."], 66, "is a folder"),
        (["hall.dxf", "hall.dxf"], 2, "over itself"),
        (["hall.dxf", "--resume", "--restart"], 2, "exclude each other"),
        (["hall.dxf", "--templates", "none.toml"], 66, "none.toml"),
        (["hall.dxf", "none/out.db"], 73, "none"),
        (["hall.dxf", "--max-memory", "lots"], 2, "is not an amount of memory"),
        (["hall.dxf", "--bogus"], 2, "No such option"),
    ],
)
def test_wrong_command_lines_are_refused(sandbox, arguments, code, told):
    drawing(sandbox.folder / "hall.dxf", 4)
    assert told in sandbox.run("dxfd", "convert", *arguments, code=code).stderr
    document = json.loads(sandbox.run("dxfd", "convert", *arguments, "--json", code=code).stdout)
    assert told in document["error"]["message"]


def test_ctrl_c_ends_at_a_checkpoint_and_says_how_to_go_on(sandbox, big):
    with sandbox.background("dxfd", "convert", big, *SLOWLY) as child:
        wait_for(lambda: under_way(big), what="some batches")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
        said = child.stderr.read()
    assert "error: interrupted; " in said
    assert f"hint: go on with:  dxfd convert {big} {big.with_suffix('.db')} --batch-size 500 --resume" in said
    assert not big.with_suffix(".db").exists()
    report = json.loads(sandbox.run("dxfd", "convert", big, *SLOWLY, "--resume", "--json").stdout)
    assert report["resumed_from"] > 0
    resumed = rows(big.with_suffix(".db"))
    sandbox.run("dxfd", "convert", big, "whole.db")
    assert resumed == rows(sandbox.folder / "whole.db")


def test_second_ctrl_c_is_immediate_and_the_work_is_kept(sandbox, big):
    with sandbox.terminal("dxfd", "convert", big, *SLOWLY) as terminal:
        wait_for(lambda: under_way(big), what="some batches")
        os.kill(terminal.pid, signal.SIGSTOP)  # both signals are there before it can reach the next checkpoint
        os.kill(terminal.pid, signal.SIGINT)
        os.kill(terminal.pid, signal.SIGTERM)
        os.kill(terminal.pid, signal.SIGCONT)
        assert terminal.wait() in {130, 143}
    assert terminal.text.rstrip("\r\n").endswith("\x1b[?25h")  # the cursor is back
    assert json.loads(sandbox.run("dxfd", "convert", big, *SLOWLY, "--json").stdout)["resumed_from"] > 0


def test_sigterm_leaves_at_a_checkpoint_with_143(sandbox, big):
    with sandbox.background("dxfd", "convert", big, *SLOWLY, "--json") as child:
        wait_for(lambda: under_way(big), what="some batches")
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 143
        error = json.loads(child.stdout.read())["error"]
    assert (error["code"], error["exit_code"]) == ("E_INTERRUPTED", 143)


def test_off_a_terminal_it_resumes_by_itself_and_says_so(sandbox, interrupted):
    done = sandbox.run("dxfd", "convert", interrupted, *SLOWLY)
    assert "going on with the interrupted run" in done.stderr
    assert "resumed after" in done.stdout
    assert len(rows(interrupted.with_suffix(".db"))) == ENTITIES


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_without_auto_resume_it_asks_for_a_word_with_code_4(sandbox, interrupted, way):
    arguments = ["--no-auto-resume"] if way == "flag" else []
    environ = {"DXFD_AUTO_RESUME": "off"} if way == "environment" else {}
    done = sandbox.run("dxfd", "convert", interrupted, *SLOWLY, *arguments, code=4, environ=environ)
    assert "[E_RESUME]\n  hint: add --resume or --restart" in done.stderr
    assert checkpoint(interrupted) > 2  # untouched


def test_changed_drawing_is_not_resumed_silently(sandbox, interrupted):
    drawing(interrupted, 100)
    done = sandbox.run("dxfd", "convert", interrupted, *SLOWLY, code=4)
    assert "cannot be gone on with" in done.stderr
    assert "--restart" in done.stderr
    assert "E_RESUME_IMPOSSIBLE" in sandbox.run("dxfd", "convert", interrupted, "--resume", code=4).stderr
    sandbox.run("dxfd", "convert", interrupted, "--restart")
    assert len(rows(interrupted.with_suffix(".db"))) == 100


def test_question_on_a_terminal_shows_the_state_and_resumes(sandbox, interrupted):
    with sandbox.terminal("dxfd", "convert", interrupted, *SLOWLY) as terminal:
        terminal.wait_for(r"\[R\]esume / \[S\]tart fresh / \[C\]ancel\? ")
        for word in ("started", "last checkpoint", "batch", f"of {ENTITIES:,} entities", "state"):
            assert word in terminal.text
        terminal.type("x\r")
        terminal.wait_for(r"Cancel\? x\s+\[R\]esume|\]ancel\? x[\s\S]*\[R\]esume")
        terminal.type("r\r")
        assert terminal.wait() == 0
    assert "resumed after" in terminal.text


def test_question_answered_with_start_fresh_begins_anew(sandbox, interrupted):
    with sandbox.terminal("dxfd", "convert", interrupted, *SLOWLY) as terminal:
        terminal.wait_for(r"ancel\? ")
        terminal.type("s\r")
        assert terminal.wait() == 0
    assert "resumed after" not in terminal.text
    assert len(rows(interrupted.with_suffix(".db"))) == ENTITIES


@pytest.mark.parametrize("answer", ["c\r", "\x04", "\x03"])
def test_question_cancelled_keeps_the_work(sandbox, interrupted, answer):
    with sandbox.terminal("dxfd", "convert", interrupted, *SLOWLY) as terminal:
        terminal.wait_for(r"ancel\? ")
        terminal.type(answer)
        assert terminal.wait() == 130
    assert "Traceback" not in terminal.text
    assert checkpoint(interrupted) > 2


def test_question_about_a_changed_drawing_offers_no_resume(sandbox, interrupted):
    drawing(interrupted, 100)
    with sandbox.terminal("dxfd", "convert", interrupted, *SLOWLY) as terminal:
        terminal.wait_for(r"cannot be gone on with[\s\S]*ancel\? ")
        assert "[R]esume" not in terminal.text
        terminal.type("s\r")
        assert terminal.wait() == 0


def test_progress_on_a_terminal_shows_entities_rate_and_memory(sandbox, big):
    with sandbox.terminal("dxfd", "convert", big, *SLOWLY) as terminal:
        terminal.wait_for(r"[\d,]+ entities  [\d.]+k/s  \d+ MB")
        assert terminal.wait(timeout_s=60) == 0
    assert "60,000 elements from 60,000 entities" in terminal.text
