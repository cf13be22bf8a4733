"""The command that an interrupted conversion tells people to go on with, and the words of a finished one."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

from dxfd.cli import convert as command
from dxfd.cli.convert import convert, summary
from dxfd.config.model import Settings
from dxfd.convert.types import ConvertOptions, Left
from tests.support import convert as cv


@pytest.fixture(autouse=True)
def _no_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("DXFD_CONFIG", str(tmp_path / "dxfd.toml"))
    (tmp_path / "dxfd.toml").write_text("")


def asked(words: list[str], settings: Settings) -> ConvertOptions:
    """Return what a command line asks for."""
    seen: list[ConvertOptions] = []

    @click.pass_context
    def take(context: click.Context, **given: object) -> None:
        source, output = given.pop("source"), given.pop("output")
        building, rest = command.split(given)
        choices, limits = command.chosen_of(rest), command.taken(rest)
        chosen = command._Chosen(asked=limits, choices=choices, building=building, **rest)
        seen.append(command._options(source, output, chosen, settings))

    probe = click.Command("convert", params=convert.params, callback=take)
    probe.main(words, standalone_mode=False)
    return seen[0]


@pytest.mark.parametrize(
    "words",
    [
        "--tolerance 1.2345678", "--tolerance 5", "--tolerance 0.1 --clip-endless", "--max-entity-time 12.3456789",
        "--max-entity-size 100000001 --max-vertices 7", "--damaged refuse", "--error-action stop --vacuum",
        "--storey all --first structure", "--heights rules --region 0,0,1,1 --detail body",
        "--dwg-converter auto --detail box", "--walls auto --heights auto", "--walls lines",
        "--layouts all --blocks explode --colors drawing --hidden-layers skip --xdata --explode-limit 3",
    ],
)  # fmt: skip
def test_the_command_to_go_on_with_asks_for_the_same_as_the_one_that_was_interrupted(words):
    settings = Settings(
        tolerance_um=10_000,
        damaged="convert",
        max_entity_vertices=10,
        dwg_converter="off",
        detail="box",
        walls="pairs",
        heights="mixed",
    )
    options = asked(["a.dxf", "a.db", *shlex.split(words)], settings)
    hint = command._left(Left("interrupt", 1, 5), options, settings).hint
    told = shlex.split(hint.split("dxfd convert", 1)[1])
    assert told.pop() == "--resume"
    assert asked(told, settings) == options


def test_a_tolerance_that_is_no_number_is_refused(tmp_path):
    source = cv.write(tmp_path / "a.dxf", cv.drawing(cv.line(1)))
    done = CliRunner().invoke(convert, [str(source), "--tolerance", "nan"])
    assert done.exit_code == 2
    assert "nan" in done.stderr


def block(name: str, content: str) -> str:
    """Return a block."""
    return cv.tag(0, "BLOCK") + cv.tag(2, name) + cv.tag(10, 0) + cv.tag(20, 0) + content + cv.tag(0, "ENDBLK")


def test_what_is_skipped_within_exploded_references_is_told_apart(tmp_path):
    inner = block("B", cv.line(1) + cv.entity("TEXT", (10, 0), (20, 0), (1, "x")) * 7)
    reference = cv.entity("INSERT", (2, "B"), (10, 0), (20, 0))
    source = cv.write(tmp_path / "a.dxf", cv.drawing(reference + cv.entity("RAY", (10, 0), (11, 1)), blocks=inner))
    rules = cv.rules(tmp_path / "r.toml", types=("LINE", "INSERT", "RAY"))
    report = cv.convert(source, templates=rules, blocks=("explode",)).report
    assert [line.strip() for line in summary(report) if " skipped: " in line] == [
        "1 skipped: infinite 1",
        "7 of the content skipped: annotation_type 7",
    ]


def test_a_drawing_of_nothing_is_told_in_whole_words(tmp_path):
    source = cv.write(tmp_path / "a.dxf", cv.drawing(""))
    assert ", ," not in summary(cv.convert(source).report)[-1]
