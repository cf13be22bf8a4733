"""What a report reads back from a finished database, in the run that made it and in one that finds it made."""

from __future__ import annotations

from tests.support import convert as cv

LAYERS = 20_040


def test_a_run_that_finds_its_output_published_reports_as_much_of_a_long_ledger_as_the_one_that_made_it(tmp_path):
    entities = "".join(cv.entity("LINE", (10, k), (20, 0), (11, k), (21, 5), layer=f"L{k}") for k in range(LAYERS))
    source = cv.write(tmp_path / "layers.dxf", cv.drawing(entities))
    made = cv.convert(source, tmp_path / "layers.db", run_key="queue/1").report
    found = cv.convert(source, tmp_path / "layers.db", run_key="queue/1").report
    assert found.resume_note != made.resume_note
    assert len(made.ledger) + made.ledger_rows_left_out == LAYERS
    assert made.ledger_rows_left_out > 0
    assert (found.ledger, found.ledger_rows_left_out) == (made.ledger, made.ledger_rows_left_out)
