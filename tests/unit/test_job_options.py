"""The options of a job: whatever `dxfd convert` can do, a job can, and the same words give the same conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from dxfctl.commands import submit
from dxfctl.conversion import job_options
from dxfctl.options import CONTEXT
from msgspec.structs import replace

from dxfd.cli import convert as foreground
from dxfd.config.model import FIELDS, Settings
from dxfd.contract.messages import JobDwg, JobLimits, JobOptions
from dxfd.contract.progress import Building, Choices
from dxfd.contract.states import JobState
from dxfd.control.options import check_options
from dxfd.convert.types import ConvertOptions, ResumePolicy
from dxfd.errors import UsageError
from dxfd.store.rows import JobRow
from dxfd.supervise.orders import order_of
from dxfd.worker.options import options_of

ONLY_FOR_WHO_WATCHES = {"--resume", "--auto-resume", "--no-auto-resume", "--quiet", "-q"}
WORDS = [
    "--templates", "{rules}", "--units", "cm", "--batch-size", "77", "--max-memory", "300M", "--max-errors", "5",
    "--error-action", "stop", "--dwg-converter", "oda", "--dwg-timeout", "7s", "--dwg-memory", "200M", "--damaged",
    "convert", "--encoding", "cp1251", "--max-entity-size", "3M", "--max-vertices", "99", "--max-body-points", "98",
    "--max-block-depth", "9", "--max-entity-time", "0", "--tolerance", "2.5", "--clip-endless", "--layouts", "all",
    "--blocks", "A*,B", "--explode-limit", "4", "--hidden-layers", "skip", "--colors", "drawing", "--detail", "box",
    "--xdata", "--building", "{building}", "--storey", "L1", "--heights", "rules", "--region", "0,0,1,2", "--clashes",
    "--separate", "--first", "structure", "--walls", "lines", "--vacuum", "--restart",
]  # fmt: skip
SITE = Settings(
    templates="/site.toml", building="/site-building.toml", heights="mixed", damaged="convert", tolerance_um=1234,
    max_entity_bytes=1 << 21, max_entity_vertices=1111, max_body_points=222, max_block_depth=33, max_entity_s=4.0,
    walls="pairs", detail="box", dwg_converter="dwg2dxf", dwg_path="/opt/x",
    dwg_timeout_s=5.0, dwg_memory_limit=1 << 27,
)  # fmt: skip


def by_job(tmp_path: Path, words: list[str], settings: Settings) -> ConvertOptions:
    """What a worker converts with when `dxfctl submit` was given these words."""
    given = submit.command.make_context("submit", [str(tmp_path / "a.dxf"), *words], **CONTEXT).params
    row = job_row(tmp_path, job_options(given))
    check_options(row.options)
    asked = row.options.max_memory_bytes
    options = options_of(order_of(row, settings, limit_bytes=asked, queue_uid="q"))
    assert options.run_key == "q/1"
    return replace(options, run_key="")


def in_foreground(tmp_path: Path, words: list[str], settings: Settings) -> ConvertOptions:
    """What `dxfd convert` converts with."""
    source, output = tmp_path / "a.dxf", tmp_path / "a.db"
    made: list[ConvertOptions] = []

    def keep(_source: Path, _output: Path | None, chosen: Any) -> int:
        made.append(foreground._options(source, output, chosen, settings))
        return 0

    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(foreground, "_guarded", keep)
        foreground.convert.main([str(source), str(output), *words], standalone_mode=False)
    return made[0]


def job_row(tmp_path: Path, options: JobOptions) -> JobRow:
    return JobRow(
        id=1, state=JobState.RUNNING, rev=0, converter="bim", source=str(tmp_path / "a.dxf"),
        output=str(tmp_path / "a.db"), options=options, priority=0, label="", owner_uid=0, owner="", max_attempts=3,
        attempt=1, attempt_token="t", attempts_charged=0, deaths=0, halvings=0, restart=options.restart,
        submitted_at="", started_at=None, finished_at=None, not_before=None, progress=None, error_code="",
        error_message="", error_hint="",
    )  # fmt: skip


def said(tmp_path: Path) -> list[str]:
    files = {"rules": tmp_path / "rules.toml", "building": tmp_path / "building.toml"}
    for path in files.values():
        path.write_text("")
    return [word.format_map(files) for word in WORDS]


def test_a_job_has_every_option_of_the_foreground():
    names = {name for p in foreground.convert.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")}
    jobs = {name for p in submit.command.params for name in p.opts}
    assert names - jobs == ONLY_FOR_WHO_WATCHES
    assert {word for word in WORDS if word.startswith("--")} == names - ONLY_FOR_WHO_WATCHES - {"--json"}


@pytest.mark.parametrize("command", [foreground.convert, submit.command])
def test_options_of_settings_take_what_the_settings_take(command):
    options = {p.name: p.type for p in command.params}
    for name in ("damaged", "detail", "heights", "walls", "dwg_converter"):
        assert tuple(options[name].choices) == FIELDS[name].choices, name
    depth = FIELDS["max_block_depth"]
    assert (options[depth.name].min, options[depth.name].max) == (depth.least, depth.most)


def test_the_same_words_give_the_same_conversion(tmp_path):
    words = said(tmp_path)
    options = by_job(tmp_path, words, Settings())
    assert options == in_foreground(tmp_path, words, Settings())
    plain = ConvertOptions(source=options.source, output=options.output)
    same = {name for name in ConvertOptions.__struct_fields__ if getattr(options, name) == getattr(plain, name)}
    assert same == {"source", "output", "run_key"}


@pytest.mark.parametrize("settings", [Settings(), SITE], ids=["as shipped", "of a site"])
def test_no_words_give_what_the_settings_say(tmp_path, settings):
    options, own = by_job(tmp_path, [], settings), in_foreground(tmp_path, [], settings)
    assert (options.resume, options) == (ResumePolicy.AUTO, own)
    assert (str(options.building or ""), options.heights.value) == (settings.building, settings.heights)


def test_words_go_before_settings(tmp_path):
    words = said(tmp_path)
    by_site, by_itself = by_job(tmp_path, words, SITE), by_job(tmp_path, words, Settings())
    assert by_site == replace(by_itself, dwg=replace(by_itself.dwg, path="/opt/x"))


def test_a_converter_of_dwg_that_is_off_stays_off(tmp_path):
    row = job_row(tmp_path, JobOptions(dwg=JobDwg(converter="auto")))
    assert order_of(row, Settings(dwg_converter="off"), limit_bytes=1, queue_uid="").dwg_converter == "off"


@pytest.mark.parametrize(
    "wrong",
    [
        JobOptions(units="furlong"), JobOptions(error_action="x"), JobOptions(damaged="x"), JobOptions(encoding="/"),
        JobOptions(tolerance_m=float("nan")), JobOptions(batch_size=-1), JobOptions(templates="relative.toml"),
        JobOptions(choices=Choices(layouts=[""])), JobOptions(building=Building(file="relative.toml")),
        JobOptions(building=Building(heights="x")), JobOptions(building=Building(first="x")),
        JobOptions(building=Building(storey="x" * 256)), JobOptions(building=Building(region="1,2,3")),
        JobOptions(building=Building(region="0,0,nan,1")), JobOptions(building=Building(region="1,1,0,0")),
        JobOptions(building=Building(walls="x")), JobOptions(limits=JobLimits(max_block_depth=201)),
        JobOptions(building=Building(walls="pairs"), choices=Choices(detail="box")),
        JobOptions(limits=JobLimits(max_entity_bytes=-1)), JobOptions(limits=JobLimits(max_entity_s=float("inf"))),
        JobOptions(dwg=JobDwg(converter="rm")), JobOptions(dwg=JobDwg(timeout_s=-1.0)),
        JobOptions(dwg=JobDwg(memory_bytes=2**62)),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        check_options(wrong)


@pytest.mark.parametrize("right", ["", "building", "0,0,1,1", "-1e3, -2.5,7,8"])
def test_regions_that_make_sense_are_taken(right):
    check_options(JobOptions(building=Building(region=right)))


def test_a_tolerance_that_is_no_number_is_a_wrong_word_for_both(tmp_path):
    for way in (by_job, in_foreground):
        with pytest.raises(click.BadParameter, match="nan"):
            way(tmp_path, ["--tolerance", "nan"], Settings())
