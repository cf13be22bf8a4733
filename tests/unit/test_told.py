"""What is told of a drawing: once each, so many of a kind, the same after an interruption."""

from __future__ import annotations

from dxfd.convert.told import LONGEST, MOST, Told
from tests.support import convert as cv


def test_a_message_is_told_once_and_many_of_a_kind_have_an_end():
    told = Told(most=2)
    found = [told.take(code, text) for code, text in (("a", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("a", "3"))]
    assert found[:4] == ["1", "", "2", "1"]
    assert found[4].startswith("there are more than 2")
    assert [told.take("a", text) for text in ("1", "3", "4")] == ["", "", ""]


def test_an_interrupted_run_goes_on_telling_where_it_was():
    whole, first, second = Told(most=2), Told(most=2), Told(most=2)
    texts = ["1", "2", "3", "4"]
    expected = [whole.take("a", text) for text in texts]
    for cut in range(5):
        first = Told(most=2)
        before = [first.take("a", text) for text in texts[:cut]]
        second = Told(most=2)
        second.resume(("a", said) for said in before if said)
        assert before + [second.take("a", text) for text in texts[cut:]] == expected


def test_a_long_message_is_told_once_whether_or_not_it_was_read_again():
    long = "x" * LONGEST + "tail"
    told = Told()
    assert told.take("a", long) == long[:LONGEST]
    later = Told()
    later.resume([("a", long[:LONGEST])])
    assert told.take("a", long) == later.take("a", long) == ""


def test_a_drawing_that_misses_each_of_its_blocks_does_not_fill_the_issues(tmp_path):
    text = "".join(
        cv.entity("INSERT", (2, f"NO-{k}"), (10, k), (20, 0), handle=f"{k + 16:X}", layer="A-DOOR")
        for k in range(MOST + 40)
    )
    source = cv.write(tmp_path / "d.dxf", cv.drawing(text))
    run = cv.convert(source, max_errors=0)
    assert run.report.issues["block_missing"] == MOST + 1
    left_out = [row.count for row in run.report.ledger if row.reason == "block_missing"]
    assert sum(left_out) == MOST + 40, "the ledger has them all"
    small = cv.convert(source, tmp_path / "small.db", max_errors=0, batch_size=70)
    assert cv.snapshot(small.output) == cv.snapshot(run.output)
