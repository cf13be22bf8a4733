"""A conversion asked to leave does so soon, while finishing too; the next run ends with the same database."""

from __future__ import annotations

from pathlib import Path

import pytest

from dxfd.convert import pipeline
from dxfd.convert.types import Advanced, Began, Event, Left, Phase
from tests.crash import run_convert
from tests.crash.compare import assert_same
from tests.crash.drawing import write_rich_drawing

BATCH = 50


class Asked:
    """Asks to leave at the n-th time that progress is told in a phase."""

    def __init__(self, phase: Phase, times: int) -> None:
        self.began: Began | None = None
        self._phase = phase
        self._left = times

    def on_event(self, event: Event) -> None:
        if isinstance(event, Began):
            self.began = event
        if isinstance(event, Advanced) and event.phase is self._phase:
            self._left -= 1

    def should_leave(self) -> str | None:
        return "pause" if self._left <= 0 else None


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rich_drawing(tmp_path_factory.mktemp("in") / "rich.dxf", 400)


@pytest.fixture(scope="module")
def undisturbed(source: Path) -> Path:
    return _convert(source, source.with_name("undisturbed.db"), Asked(Phase.PUBLISH, 2))


def _convert(source: Path, output: Path, asked: Asked) -> Path:
    options = run_convert.options(source, output, BATCH)
    pipeline.convert(options, on_event=asked.on_event, should_leave=asked.should_leave)
    return output


@pytest.mark.parametrize("step", [1, 2, 5])
def test_asked_while_finishing_it_leaves_and_the_next_run_does_the_rest(
    source: Path, undisturbed: Path, tmp_path: Path, step: int
) -> None:
    output = tmp_path / "out.db"
    with pytest.raises(Left) as left:
        _convert(source, output, Asked(Phase.INDEX, step))
    assert left.value.cause == "pause"
    assert not output.exists()
    again = Asked(Phase.PUBLISH, 2)
    _convert(source, output, again)
    assert again.began is not None
    assert again.began.resumed_from_batch == left.value.batch
    assert_same(undisturbed, output)


def test_left_again_and_again_it_ends_with_the_same_database(source: Path, undisturbed: Path, tmp_path: Path) -> None:
    output, times = tmp_path / "out.db", 0
    while not output.exists():
        times += 1
        try:
            _convert(source, output, Asked(Phase.READ, 1))
        except Left as left:
            assert left.batch >= times, "each run adds a batch at least"
    assert times > 5
    assert_same(undisturbed, output)
