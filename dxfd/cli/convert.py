"""`dxfd convert`: one conversion in the foreground, with no daemon and no queue.

Owns the command line, the question about an interrupted run, what Ctrl-C means, words and exit codes of the end.
Conversion itself is dxfd.convert.pipeline, imported when it begins, so that `--help` and errors come fast.
stdout carries the result (text or one JSON document), stderr everything else.
"""

from __future__ import annotations

import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from dxfd.cli import streams
from dxfd.cli.choices import again as again_chosen
from dxfd.cli.choices import choice_options, chosen_of, fields_of
from dxfd.cli.interrupts import SHOW_CURSOR, Interrupts
from dxfd.cli.limits import Asked, again, limit_options, limits_of, taken, tolerance_m
from dxfd.cli.options import Chosen as Building
from dxfd.cli.options import again as again_built
from dxfd.cli.options import applied, building_options, split
from dxfd.cli.progress import progress_for
from dxfd.config.units import parse_bytes, parse_seconds
from dxfd.contract.human import clock, count, counted, duration, percent, rate, safe, size, walls_told
from dxfd.contract.progress import Choices
from dxfd.errors import (
    ConfigError,
    DxfdError,
    InterruptedConversionError,
    IoTimeoutError,
    MemoryLimitError,
    ResumeNeededError,
    UsageError,
)
from dxfd.paths import database_of

if TYPE_CHECKING:
    from dxfd.config.model import Settings
    from dxfd.convert.types import ConvertOptions, Interrupted, Left, Report, ResumePolicy

UNITS: Final = ("mm", "cm", "dm", "m", "km", "in", "ft", "yd", "mi")
REASONS_SHOWN: Final = 5
NOT_CHOSEN: Final = frozenset({"paper_space", "model_space"})
"""Reasons of what lies in layouts that are not converted: it does not count as read."""


class _Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said besides the paths."""

    templates: Path | None
    building: Building
    resume: bool
    restart: bool
    auto_resume: bool | None
    max_memory: int | None
    batch_size: int | None
    units: str | None
    max_errors: int
    error_action: str
    dwg_converter: str | None
    dwg_timeout: float | None
    dwg_memory: int | None
    asked: Asked
    choices: Choices
    vacuum: bool
    as_json: bool
    quiet: bool


def _bytes(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else parse_bytes(value)
    except ConfigError as error:
        raise click.BadParameter(f"{error.message}; {error.hint}") from error


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else parse_seconds(value)
    except ConfigError as error:
        raise click.BadParameter(f"{error.message}; {error.hint}") from error


class _Command(click.Command):
    """A command whose usage errors are documents too, when --json is there."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if not as_json:
                raise
            fields = {"code": UsageError.code, "message": error.format_message(), "hint": "dxfd convert --help"}
            _write_json({"ok": False, "error": {**fields, "exit_code": UsageError.exit_code}})
            sys.exit(UsageError.exit_code)


@click.command(
    "convert", cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, readable=False))  # told by code, not as usage
@click.argument("output", metavar="[OUT.db]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--templates", metavar="FILE", type=click.Path(path_type=Path), help="Rules (TOML) or template_library.db."
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run; an error if it does not fit.")
@click.option("--restart", is_flag=True, help="Discard an interrupted run.")
@click.option(
    "--auto-resume/--no-auto-resume",
    default=None,
    help="Without a terminal: go on with an interrupted run of an unchanged drawing (setting auto_resume, on).",
)
@click.option("--max-memory", metavar="SIZE", callback=_bytes, help="Keep within this memory, as 512M.")
@click.option("--batch-size", metavar="N", type=click.IntRange(1, 10_000_000), help="Entities per committed batch.")
@click.option("--units", type=click.Choice(UNITS), help="Drawing unit, where the drawing itself is wrong.")
@click.option(
    "--max-errors", metavar="N", type=click.IntRange(0), default=100, show_default=True, help="Faulty entities allowed."
)
@click.option(
    "--error-action",
    type=click.Choice(["skip", "stop"]),
    default="skip",
    show_default=True,
    help="What a faulty entity does.",
)
@click.option(
    "--dwg-converter",
    type=click.Choice(["auto", "acadsharp", "dwg2dxf", "oda", "off"]),
    help="What makes DXF of a DWG drawing (setting dwg_converter, auto).",
)
@click.option("--dwg-timeout", metavar="TIME", callback=_seconds, help="Time it may take (setting dwg_timeout_s, 5m).")
@click.option("--dwg-memory", metavar="SIZE", callback=_bytes, help="Memory it may take (dwg_memory_limit, 1G).")
@limit_options
@choice_options
@building_options
@click.option("--vacuum", is_flag=True, help="Compact the database at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, errors too.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, no summary.")
def convert(source: Path, output: Path | None, **chosen: Any) -> None:
    """Convert one drawing (DXF, or DWG where a converter for it is installed) to a BIM database, here and now.

    OUT.db is by default the drawing's name with .db, beside it. It appears when the conversion is complete: until then
    the work is in OUT.db.partial. Ctrl-C ends at a checkpoint, a second one at once; both can be gone on from.
    """
    building, rest = split(chosen)
    sys.exit(_guarded(source, output, _Chosen(asked=taken(rest), choices=chosen_of(rest), building=building, **rest)))


def _guarded(source: Path, output: Path | None, chosen: _Chosen) -> int:
    """Convert and return the exit code, every error told in a line."""
    try:
        return _run(source, output, chosen)
    except DxfdError as error:
        _tell_error(error, chosen)
        return error.exit_code
    except KeyboardInterrupt:  # before the conversion began, at the question
        _tell_error(InterruptedConversionError("interrupted before the conversion began"), chosen)
        return InterruptedConversionError.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as error:
        if not chosen.as_json:
            raise  # the group's last resort tells it in one line
        _tell_error(DxfdError(f"unexpected {type(error).__name__}: {error}", hint="please report it"), chosen)
        return DxfdError.exit_code


def _run(source: Path, output: Path | None, chosen: _Chosen) -> int:
    from dxfd.config.load import load

    settings = load().settings
    from dxfd.convert.patience import watch

    end = watch(settings.io_timeout_s, lambda what, seconds: _give_up(what, seconds, chosen))
    try:
        return _convert(_options(source, output, chosen, settings), chosen, settings)
    finally:
        end()


def _convert(options: ConvertOptions, chosen: _Chosen, settings: Settings) -> int:
    from dxfd.convert import pipeline
    from dxfd.convert.types import Left, ResumePolicy

    if options.resume is ResumePolicy.AUTO:
        found = pipeline.find_interrupted(options)
        if found is not None:
            auto = settings.auto_resume if chosen.auto_resume is None else chosen.auto_resume
            options = _with_policy(options, _policy(found, options, chosen, auto=auto))
    terminal = _on_terminal(chosen)
    with progress_for(quiet=chosen.quiet or chosen.as_json, terminal=terminal) as shown:

        def first() -> None:
            shown.note("stopping at the next checkpoint; Ctrl-C again stops at once")

        with Interrupts(first, terminal=terminal) as interrupts:
            try:
                report = pipeline.convert(options, on_event=shown.event, should_leave=interrupts.cause)
            except Left as left:
                outcome: Left | None = left
            else:
                outcome = None
    if outcome is not None:
        error = _left(outcome, options, settings)
        code = error.exit_code if outcome.cause == "memory" else interrupts.exit_code
        _tell_error(error, chosen, exit_code=code)
        return code
    _tell_report(report, chosen)
    return 0


def _on_terminal(chosen: _Chosen) -> bool:
    return sys.stderr.isatty() and not chosen.as_json and not chosen.quiet


def _give_up(what: str, seconds: float, chosen: _Chosen) -> None:
    """End the process: a thread of it hangs in the system and nothing can call it back."""
    if _on_terminal(chosen):
        sys.stderr.write(SHOW_CURSOR)
    error = IoTimeoutError(f"{what} takes longer than {seconds:.0f} s: the disk or share does not answer")
    _tell_error(error, chosen)
    sys.stderr.flush()
    os._exit(error.exit_code)


def _options(source: Path, output: Path | None, chosen: _Chosen, settings: Settings) -> ConvertOptions:
    from dxfd.convert.types import ConvertOptions, Damaged, DwgOptions, ErrorAction, ResumePolicy

    if chosen.resume and chosen.restart:
        raise UsageError("--resume and --restart exclude each other")
    source = source.absolute()
    target = output.absolute() if output is not None else database_of(source)
    if target == source:
        raise UsageError(f"{source} would be written over itself", hint="name another OUT.db")
    policy = ResumePolicy.RESUME if chosen.resume else ResumePolicy.RESTART if chosen.restart else ResumePolicy.AUTO
    templates = chosen.templates or (Path(settings.templates) if settings.templates else None)
    options = ConvertOptions(
        source=source,
        output=target,
        templates=templates.absolute() if templates else None,
        units=chosen.units,
        batch_size=chosen.batch_size,
        max_memory_bytes=chosen.max_memory,
        max_errors=chosen.max_errors,
        error_action=ErrorAction(chosen.error_action),
        resume=policy,
        vacuum=chosen.vacuum,
        damaged=Damaged(chosen.asked.damaged or settings.damaged),
        encoding=chosen.asked.encoding,
        tolerance_m=tolerance_m(chosen.asked, settings),
        clip_endless=chosen.asked.clip_endless,
        **fields_of(chosen.choices, settings.detail),
        limits=limits_of(chosen.asked, settings),
        dwg=DwgOptions(
            converter=chosen.dwg_converter or settings.dwg_converter,
            path=settings.dwg_path,
            timeout_s=chosen.dwg_timeout or settings.dwg_timeout_s,
            memory_bytes=chosen.dwg_memory or settings.dwg_memory_limit,
        ),
    )
    return applied(options, chosen.building, settings)


def _with_policy(options: ConvertOptions, policy: ResumePolicy) -> ConvertOptions:
    from msgspec.structs import replace

    return replace(options, resume=policy)


# --- the interrupted run ---------------------------------------------------------------------------------------------


def _policy(found: Interrupted, options: ConvertOptions, chosen: _Chosen, *, auto: bool) -> ResumePolicy:
    """Return what to do with an interrupted run: ask on a terminal, decide by rule elsewhere.

    Raises:
        ResumeNeededError: nobody to ask, and the rule does not allow going on.
        InterruptedConversionError: the user chose to cancel.
    """
    from dxfd.convert.types import ResumePolicy

    if sys.stdin.isatty() and sys.stderr.isatty() and not chosen.as_json:
        return _ask(found)
    if found.fits and auto:
        if not chosen.as_json and not chosen.quiet:
            sys.stderr.write(f"going on with the interrupted run: {_how_far(found)}\n")
        return ResumePolicy.AUTO  # not RESUME: that a DWG gives another text than then is known only later
    if found.fits:
        raise ResumeNeededError(f"an interrupted run of {options.source.name} is there ({_how_far(found)})")
    raise ResumeNeededError(
        f"an interrupted run is there that cannot be gone on with: {found.why_not}",
        hint="add --restart to discard it and begin anew",
    )


def _ask(found: Interrupted) -> ResumePolicy:
    from dxfd.convert.types import ResumePolicy

    now = datetime.now(UTC)
    errors = f", {count(found.error_count)} faulty entities" if found.error_count else ""
    lines = [
        f"An interrupted run is there: {safe(str(found.partial))}",
        f"  started          {clock(found.started_at, now=now, utc=False)}",
        f"  last checkpoint  {clock(found.last_checkpoint_at, now=now, utc=False)} (batch {found.batch})",
        f"  done             {_how_far(found)}{errors}",
        f"  state            {safe(found.status)}",
    ]
    if not found.fits:
        lines.append(f"  It cannot be gone on with: {safe(found.why_not)}")
    sys.stderr.write("\n".join(lines) + "\n")
    choices = {"s": ResumePolicy.RESTART, "start fresh": ResumePolicy.RESTART}
    if found.fits:
        choices |= {"r": ResumePolicy.RESUME, "resume": ResumePolicy.RESUME, "": ResumePolicy.RESUME}
    question = ("[R]esume / " if found.fits else "") + "[S]tart fresh / [C]ancel? "
    while True:
        sys.stderr.write(question)
        sys.stderr.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line or answer in {"c", "cancel"}:
            raise InterruptedConversionError("cancelled; the interrupted run is kept as it was")
        if answer in choices:
            return choices[answer]


def _how_far(found: Interrupted) -> str:
    if not found.entities_total:
        return f"{count(found.entities_done)} entities"
    share = percent(found.entities_done / found.entities_total)
    return f"{count(found.entities_done)} of {count(found.entities_total)} entities, {share}"


# --- the end ---------------------------------------------------------------------------------------------------------


def _left(left: Left, options: ConvertOptions, settings: Settings) -> DxfdError:
    """Return the error for a conversion that left at a checkpoint; it says how to go on."""
    command = shlex.join(
        ["dxfd", "convert", str(options.source), str(options.output), *_again(options, settings), "--resume"]
    )
    where = f"{count(left.entities_read)} entities are done (batch {left.batch})" if left.batch else "nothing was done"
    if left.cause == "memory":
        return MemoryLimitError(
            f"the memory limit was reached; {where}",
            hint=f"go on with a higher --max-memory or a smaller --batch-size:  {command}",
            batch=left.batch,
        )
    hint = f"go on with:  {command}" if left.batch else ""
    return InterruptedConversionError(f"interrupted; {where}", hint=hint, batch=left.batch)


def _again(options: ConvertOptions, settings: Settings) -> list[str]:
    """Return the options that the next run needs to fit to this one."""
    words: list[str] = []
    if options.templates is not None:
        words += ["--templates", str(options.templates)]
    if options.units is not None:
        words += ["--units", options.units]
    if options.batch_size is not None:
        words += ["--batch-size", str(options.batch_size)]
    if options.max_errors != type(options)(source=options.source, output=options.output).max_errors:
        words += ["--max-errors", str(options.max_errors)]
    if options.error_action.value != "skip":
        words += ["--error-action", options.error_action.value]
    if options.vacuum:
        words.append("--vacuum")
    if options.dwg.converter != settings.dwg_converter:
        words += ["--dwg-converter", options.dwg.converter]
    return words + again(options, settings) + again_chosen(options, settings.detail) + again_built(options, settings)


def _tell_report(report: Report, chosen: _Chosen) -> None:
    if chosen.as_json:
        _write_json(report.to_dict())
    elif not chosen.quiet:
        click.echo("\n".join(summary(report)))


def summary(report: Report) -> list[str]:
    """Return the end's summary for people."""
    counts = f"{counted(report.elements_written, 'element')} from {counted(report.entities_read, 'entity', 'entities')}"
    lines = [
        f"{safe(Path(report.input).name)} → {safe(report.output)}",
        f"  {counts}, match rate {percent(report.match_rate)}",
    ]
    if report.exploded:
        what = counted(report.exploded, "block reference")
        lines.append(f"  {what} exploded to {counted(report.content_read, 'entity', 'entities')}")
    for origin, words in (("entity", "skipped"), ("content", "of the content skipped")):
        if reasons := _reasons(report, "skipped", origin):
            total = sum(n for _, n in reasons)
            told = ", ".join(f"{reason} {count(n)}" for reason, n in reasons[:REASONS_SHOWN])
            lines.append(f"  {count(total)} {words}: {told}")
    if report.errors:
        codes = sorted(report.issues.items(), key=lambda item: -item[1])[:REASONS_SHOWN]
        lines.append(f"  {count(report.errors)} faulty: " + ", ".join(f"{code} {count(n)}" for code, n in codes))
    lines += [f"  WARNING: {safe(words)}" for words in report.warnings]
    if report.walls:
        lines.append(f"  {walls_told(report.walls)}")
    if report.incomplete:
        lines.append(f"  INCOMPLETE: the drawing is {safe(report.incomplete)}; what is there was converted")
    if report.resumed_from:
        lines.append(f"  resumed after {count(report.resumed_from)} entities")
    if report.dwg_note:
        lines.append(f"  {safe(report.dwg_note)}")
    if report.resume_note:
        lines.append(f"  {safe(report.resume_note)}")
    facts = (duration(report.elapsed_s), rate(report.entities_per_s), f"peak memory {size(report.peak_rss_bytes)}")
    lines.append("  " + ", ".join(fact for fact in facts if fact))
    return lines


def _reasons(report: Report, outcome: str, origin: str) -> list[tuple[str, int]]:
    """Return the reasons of an outcome in the chosen layouts with their counts, the most frequent first."""
    sums: dict[str, int] = {}
    for row in report.ledger:
        if row.outcome == outcome and row.origin == origin and row.reason not in NOT_CHOSEN:
            sums[row.reason] = sums.get(row.reason, 0) + row.count
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def _tell_error(error: DxfdError, chosen: _Chosen, *, exit_code: int | None = None) -> None:
    if chosen.as_json:
        code = error.exit_code if exit_code is None else exit_code
        fields = {"code": error.code, "message": error.message, "hint": error.hint, "exit_code": code}
        _write_json({"ok": False, "error": fields})
        return
    streams.say(f"error: {safe(error.message)} [{error.code}]\n")
    if error.hint:
        streams.say(f"  hint: {safe(error.hint)}\n")


def _write_json(value: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()
