"""Which drawings a submit means and where the databases go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dxfctl.drawings import plan

from dxfd.errors import SourceMissingError, SourceUnreadableError, UsageError


@pytest.fixture
def tree(tmp_path):
    for name in ("b.dxf", "A.DXF", "notes.txt", "level1/hall.dxf", "level2/hall.dxf", "level2/old.Dxf"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0\nEOF\n")
    return tmp_path


def pairs(planned, base):
    return [(str(d.source.relative_to(base)), str(d.output.relative_to(base))) for d in planned.drawings]


def test_database_is_beside_its_drawing(tree):
    assert pairs(plan(["in/b.dxf"], None, cwd=tree), tree) == [("in/b.dxf", "in/b.db")]


def test_folder_is_searched_in_any_case_and_in_order(tree):
    found = [source for source, _ in pairs(plan(["in"], None, cwd=tree), tree)]
    assert found == ["in/A.DXF", "in/b.dxf", "in/level1/hall.dxf", "in/level2/hall.dxf", "in/level2/old.Dxf"]


def test_output_folder_keeps_the_tree(tree):
    planned = pairs(plan(["in"], "out", cwd=tree), tree)
    assert ("in/level2/hall.dxf", "out/level2/hall.db") in planned


def test_glob_is_expanded_where_the_shell_did_not(tree):
    planned = plan(["in/*/hall.dxf"], "out", cwd=tree)
    assert pairs(planned, tree) == [
        ("in/level1/hall.dxf", "out/level1/hall.db"),
        ("in/level2/hall.dxf", "out/level2/hall.db"),
    ]


def test_file_with_glob_signs_in_its_name_is_a_file(tree):
    odd = tree / "in" / "plan[1].dxf"
    odd.write_text("")
    assert [d.source for d in plan(["in/plan[1].dxf"], None, cwd=tree).drawings] == [odd]


def test_output_of_one_drawing_is_a_file_unless_it_is_a_folder(tree):
    assert plan(["in/b.dxf"], "x", cwd=tree).drawings[0].output == tree / "x"
    assert plan(["in/b.dxf"], "x/", cwd=tree).drawings[0].output == tree / "x/b.db"
    assert plan(["in/b.dxf"], "in", cwd=tree).drawings[0].output == tree / "in/b.db"


def test_same_drawing_named_twice_is_one(tree):
    assert len(plan(["in/b.dxf", "in/../in/b.dxf", "in/b.*"], None, cwd=tree).drawings) == 1


def test_missing_drawing_is_told_and_the_others_stay(tree):
    planned = plan(["in/none.dxf", "in/b.dxf", "in/*.dwg"], None, cwd=tree)
    assert [d.source.name for d in planned.drawings] == ["b.dxf"]
    assert [(name, type(e)) for name, e in planned.problems] == [
        ("in/none.dxf", SourceMissingError),
        ("in/*.dwg", SourceMissingError),
    ]


def test_dwg_of_a_folder_is_taken_on_request_unless_its_dxf_is_there(tree):
    for name in ("b.dwg", "c.DWG", "level1/x.dwg"):
        (tree / "in" / name).write_bytes(b"AC1032")
    without = [source for source, _ in pairs(plan(["in"], None, cwd=tree), tree)]
    found = pairs(plan(["in"], None, cwd=tree, dwg=True), tree)
    assert not any(source.lower().endswith(".dwg") for source in without)
    assert [pair for pair in found if pair[0] not in without] == [
        ("in/c.DWG", "in/c.db"),
        ("in/level1/x.dwg", "in/level1/x.db"),
    ]
    assert pairs(plan(["in/b.dwg"], "out.db", cwd=tree), tree) == [("in/b.dwg", "out.db")]


def test_folder_of_dwg_alone_is_told_how_to_take_them(tree):
    (tree / "old").mkdir()
    (tree / "old/a.dwg").write_bytes(b"AC1032")
    ((_, error),) = plan(["old"], None, cwd=tree).problems
    assert isinstance(error, SourceMissingError)
    assert "--dwg" in error.hint


def test_folder_without_drawings_is_told(tree):
    (tree / "empty").mkdir()
    assert "there is no *.dxf in" in plan(["empty"], None, cwd=tree).problems[0][1].message


def test_two_drawings_for_one_database_are_refused(tree):
    (tree / "in" / "b.DXF").write_text("")
    with pytest.raises(UsageError, match="would both become"):
        plan(["in"], None, cwd=tree)
    with pytest.raises(UsageError, match="would both become"):
        plan(["in/level1/hall.dxf", "in/level2/hall.dxf"], "out", cwd=tree)


def test_drawing_over_itself_is_refused(tree):
    (tree / "in" / "x.db").write_text("")
    with pytest.raises(UsageError, match="over itself"):
        plan(["in/x.db"], None, cwd=tree)


def test_link_to_nowhere_and_pipe_are_told(tree):
    (tree / "dead.dxf").symlink_to("nowhere")
    os.mkfifo(tree / "pipe.dxf")
    problems = [e for _, e in plan(["dead.dxf", "pipe.dxf"], None, cwd=tree).problems]
    assert [type(e) for e in problems] == [SourceMissingError, SourceUnreadableError]


def test_name_that_is_no_utf8_is_told(tree):
    path = Path(os.fsdecode(os.fsencode(tree) + b"/in/\xff.dxf"))
    path.write_text("")
    planned = plan([str(path)], None, cwd=tree)
    assert planned.drawings == []
    assert "UTF-8" in planned.problems[0][1].message


def test_compressed_drawings_are_found_and_lose_both_endings(tree):
    (tree / "in" / "level1" / "roof.DXF.gz").write_bytes(b"\x1f\x8b")

    found = dict(pairs(plan(["in/level1"], None, cwd=tree), tree))

    assert found["in/level1/roof.DXF.gz"] == "in/level1/roof.db"
