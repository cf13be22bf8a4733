"""`dxfd templates …` and `dxfd compare` as they are typed: tables 80 columns wide, documents, exit codes."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from dxfd.cli.main import call
from dxfd.contract.human import cells
from tests.support.convert import convert, drawing, entity, line, write

MIX = "".join(
    [
        *(line(k) for k in range(6)),
        *(line(10 + k, layer="BRICKWALL") for k in range(4)),
        *(line(20 + k, layer="WALS EXT") for k in range(3)),
        line(30, layer="0"),
        *(
            entity("TEXT", (10, 0.0), (20, 0.0), (40, 1.0), (1, "Hall"), handle=f"A{k}", layer="WALLTEXT")
            for k in range(2)
        ),
    ]
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "mix.dxf", drawing(MIX))


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DXFD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("DXFD_TEMPLATES", raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    try:
        status = call([str(a) for a in arguments])
    except SystemExit as left:
        status = int(left.code or 0)
    said = capsys.readouterr()
    assert status == code, said.out + said.err
    if "--json" not in arguments:
        assert max((cells(text) for text in said.out.splitlines() if " /" not in text), default=0) <= 80, said.out
    return said.out


def document(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict:
    return json.loads(run(capsys, *arguments, "--json", code=code))


def test_lint_finds_the_rule_that_can_never_win(capsys, tmp_path):
    assert "0 warnings" in run(capsys, "templates", "lint")
    rules = tmp_path / "r.toml"
    rule = '[[rule]]\nid = "{}"\ndiscipline = "ARC"\nifc_class = "IfcWall"\nlayer_words = ["wall"]\n'
    rules.write_text("version = 1\n" + rule.format("first") + rule.format("second"))
    said = run(capsys, "templates", "lint", rules, code=1)
    assert "warning: second: none of its words leads to it; “wall” leads to first" in said
    (finding,) = document(capsys, "templates", "lint", rules, code=1)["findings"]
    assert (finding["rule_id"], finding["severity"]) == ("second", "warning")


def test_errors_are_documents_when_json_is_asked_for(capsys, tmp_path):
    found = document(capsys, "templates", "lint", tmp_path / "none.toml", code=66)
    assert (found["ok"], found["error"]["code"]) == (False, "E_TEMPLATES_MISSING")


def test_list_names_every_rule(capsys):
    listed = document(capsys, "templates", "list")["rules"]
    assert {"arc.wall", "skip.annotation-layer"} <= {rule["id"] for rule in listed}
    assert len(run(capsys, "templates", "list").splitlines()) == len(listed) + 1


def test_explain_tells_the_winner_and_the_losers(capsys):
    said = run(capsys, "templates", "explain", "M-DUCT-GRILLE", "insert", "Supply Diffuser 600x600")
    assert "IfcAirTerminal DIFFUSER, ACMV, by rule acmv.air-terminal" in said
    assert "acmv.duct   " in said
    found = document(capsys, "templates", "explain", "WALLPAPER", "LINE")
    assert (found["element"], found["reason"]) == (None, "no_rule")
    assert not any(verdict["matched"] for verdict in found["verdicts"])


def test_suggest_proposes_with_evidence_and_what_it_writes_matches(capsys, tmp_path, source):
    out = tmp_path / "more.toml"
    found = document(capsys, "templates", "suggest", source, "--out", out)
    groups = {group["layer"]: group for group in found["groups"]}
    assert groups["BRICKWALL"]["evidence"] == "“brickwall” has “wall” in it"
    assert groups["WALS EXT"]["confidence"] < groups["BRICKWALL"]["confidence"]
    assert groups["0"]["rule"] is None
    assert found["unmatched"] == 8
    assert tomllib.loads(out.read_text())["extends"] == "default"
    after = document(capsys, "templates", "suggest", source, "--templates", out)
    assert [group["layer"] for group in after["groups"]] == ["0"]
    run(capsys, "templates", "suggest", source)
    assert "E_OUTPUT" in str(document(capsys, "templates", "suggest", source, "--out", out, code=73))


def test_rate_stands_beside_what_substrings_would_give(capsys, source):
    (row,) = document(capsys, "templates", "rate", source)["drawings"]
    assert (row["entities"], row["things"], row["matched"]) == (16, 14, 6)
    assert (row["word_matched"], row["word_annotation"], row["prefix_matched"]) == (12, 2, 0)
    assert "mix.dxf" in run(capsys, "templates", "rate", source)


def test_rate_goes_on_after_a_file_that_is_no_drawing(capsys, tmp_path, source):
    found = document(capsys, "templates", "rate", source, write(tmp_path / "x.dxf", "no"), code=1)
    assert len(found["drawings"]) == 1
    assert found["refused"][0]["drawing"] == "x.dxf"


def test_exported_rules_read_back_as_the_same(capsys, tmp_path):
    from dxfd.convert.match.load import load_rules

    out = tmp_path / "all.toml"
    run(capsys, "templates", "export", out)
    assert load_rules(out).fingerprint == load_rules(None).fingerprint
    assert "E_USAGE" in str(document(capsys, "templates", "export", tmp_path / "x.txt", code=2))


def test_an_exported_library_is_one_and_its_import_matches_alike(capsys, tmp_path):
    from dxfd.convert.match.load import load_rules

    library, back = tmp_path / "lib.db", tmp_path / "back.toml"
    run(capsys, "templates", "export", library)
    with closing(sqlite3.connect(library)) as database:
        assert database.execute("SELECT COUNT(*) FROM v_active_templates").fetchone()[0] > 80
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    run(capsys, "templates", "import", library, back)
    for layer, kind in (("A-WALL", "LINE"), ("FP-PIPE", "LINE"), ("M-DUCT", "LWPOLYLINE"), ("ELEC-LIGHT", "INSERT")):
        first, second = (load_rules(path).classify(kind, layer, "") for path in (library, back))
        assert first is not None
        assert first == second
    duct = load_rules(back).classify("LINE", "ACMV-DUCT", "")
    assert duct is not None
    assert duct.elevation_m == 2.9


def test_effectiveness_counts_use_and_shows_the_trend(capsys, tmp_path, source):
    first = convert(source).output
    more = tmp_path / "more.toml"
    run(capsys, "templates", "suggest", source, "--out", more)
    second = convert(source, tmp_path / "second.db", templates=more).output
    found = document(capsys, "templates", "effectiveness", second, first)
    assert [run["rate"] for run in found["runs"]] == [6 / 14, 13 / 14]
    assert found["rules"]["arc.wall"] == 12
    assert found["layers"]["BRICKWALL"] == {"entities": 8, "elements": 4, "rate": 0.5}
    assert {"layer": "0", "entity_type": "LINE", "block": "", "entities": 2} in found["unmatched"]
    assert "fp.sprinkler" in found["unused"]
    assert "+50.0" in run(capsys, "templates", "effectiveness", first, second)


def test_a_database_compared_with_itself_passes(capsys, source):
    output = convert(source).output
    found = document(capsys, "compare", output, output)
    assert (found["passed"], found["count_match"], found["delta_max_m"]) == (True, 1.0, 0.0)
    assert "validation  passed" in run(capsys, "compare", output, output)


def test_comparison_finds_moved_lost_and_renamed_elements(capsys, tmp_path, source):
    first = convert(source).output
    second = tmp_path / "b.db"
    second.write_bytes(first.read_bytes())
    with closing(sqlite3.connect(second)) as database, database:
        database.execute("UPDATE element_transforms SET center_x = center_x + 0.9")
        database.execute("UPDATE elements_meta SET material_name = 'other' WHERE id = 1")
        database.execute("DELETE FROM elements_meta WHERE id IN (5, 6)")
    found = document(capsys, "compare", first, second, code=1)
    assert found["passed"] is False
    assert found["count_match"] == pytest.approx(4 / 6)
    assert found["delta_mean_m"] == pytest.approx(0.9)
    assert found["fields"]["material_name"] == 0.75
    assert document(capsys, "compare", first, second, "--tolerance", 1, "--share", 0.6)["passed"] is True


def test_elements_with_other_identifiers_are_paired_by_handle_or_place(capsys, tmp_path, source):
    first = convert(source).output
    second = tmp_path / "b.db"
    second.write_bytes(first.read_bytes())
    with closing(sqlite3.connect(second)) as database, database:
        for table in ("elements_meta", "element_transforms"):
            database.execute(f"UPDATE {table} SET guid = 'other' || id")
        database.execute("UPDATE elements_meta SET dxf_handle = NULL WHERE id > 2")
    assert document(capsys, "compare", first, second)["paired_by"] == {"guid": 0, "handle": 2, "place": 4}


def test_what_is_no_result_is_refused(capsys, tmp_path, source):
    found = document(capsys, "compare", source, source, code=66)
    assert found["error"]["code"] == "E_SOURCE_UNREADABLE"
    assert document(capsys, "compare", tmp_path / "x.db", source, code=66)["error"]["code"] == "E_SOURCE_MISSING"


def test_the_installed_command_knows_the_verbs(sandbox):
    said = sandbox.run("dxfd", "templates", "explain", "A-DOOR", "LINE").stdout
    assert "IfcDoor" in said
    assert isinstance(sandbox.run("dxfd", "templates", "--help"), subprocess.CompletedProcess)


@pytest.mark.parametrize("suffix", [".toml", ".db"])
def test_rules_that_do_not_fit_on_the_disk_leave_no_file(capsys, tmp_path, suffix):
    out = tmp_path / f"rules{suffix}"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limits[1]))
    try:
        assert call(["templates", "export", str(out)]) == 73
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["templates export {0}", "compare {0} {0}"])
def test_names_that_are_too_long_are_told(capsys, words):
    assert call(words.format("x" * 300 + ".db").split()) in {66, 73}
    assert "E_INTERNAL" not in capsys.readouterr().err


def test_of_two_databases_the_damaged_one_is_named(capsys, tmp_path, source):
    whole = convert(source).output
    damaged = tmp_path / "damaged.db"
    with closing(sqlite3.connect(damaged)) as database, database:
        database.execute("CREATE TABLE elements_meta (id, guid)")
    for pair in ((damaged, whole), (whole, damaged)):
        assert str(damaged) in document(capsys, "compare", *pair, code=66)["error"]["message"]


def test_elements_without_a_place_are_paired_with_none(capsys, tmp_path, source):
    whole = convert(source).output
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE TABLE elements_meta (guid, ifc_class)")
        database.execute("CREATE TABLE element_transforms (guid, center_x, center_y, center_z)")
        database.execute("INSERT INTO elements_meta VALUES ('a', 'IfcWall'), ('b', 'IfcWall')")
        database.execute("INSERT INTO element_transforms VALUES ('a', NULL, NULL, NULL), ('b', 'far', 0, 0)")
    assert document(capsys, "compare", other, whole, code=1)["paired_by"] == {"guid": 0, "handle": 0, "place": 0}


@pytest.mark.parametrize("option", ["--tolerance", "--share"])
def test_what_is_no_number_is_no_tolerance(capsys, source, option):
    output = convert(source).output
    assert "nan" in document(capsys, "compare", output, output, option, "nan", code=2)["error"]["message"]
