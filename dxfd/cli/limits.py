"""The options of `dxfd convert` about damaged drawings and about entities that ask for too much.

Owns their names and what they mean together with the settings; the command is convert.py.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from dxfd.config.units import format_bytes, format_seconds, metres, parse_bytes, parse_seconds
from dxfd.errors import ConfigError

if TYPE_CHECKING:
    from dxfd.config.model import Settings
    from dxfd.convert.types import ConvertOptions, Limits


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said; None where it said nothing."""

    damaged: str | None = None
    encoding: str | None = None
    max_entity_size: int | None = None
    max_vertices: int | None = None
    max_body_points: int | None = None
    max_block_depth: int | None = None
    max_entity_time: float | None = None
    tolerance: float | None = None
    clip_endless: bool = False


def _parsed(parse: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, str | None], Any]:
    def callback(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
        try:
            return None if value is None else parse(value)
        except ConfigError as error:
            raise click.BadParameter(f"{error.message}; {error.hint}") from error

    return callback


def _finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not isfinite(value):  # nan is within every range
        raise click.BadParameter(f"{value} is no number of millimetres")
    return value


_OPTIONS: Final = (
    click.option(
        "--damaged",
        type=click.Choice(["refuse", "convert"]),
        help="A drawing that is cut off: refuse it, or convert what is there (setting damaged, refuse).",
    ),
    click.option("--encoding", metavar="NAME", help="Code page of its text, as cp1251, where the drawing is wrong."),
    click.option(
        "--max-entity-size", metavar="SIZE", callback=_parsed(parse_bytes),
        help="Larger entities are passed over (max_entity_bytes, 64M).",
    ),
    click.option(
        "--max-vertices", metavar="N", type=click.IntRange(1),
        help="Entities of more vertices are passed over (max_entity_vertices, 200000).",
    ),
    click.option(
        "--max-body-points", metavar="N", type=click.IntRange(2),
        help="Longer paths stay lines (max_body_points, 20000).",
    ),
    click.option(
        "--max-block-depth", metavar="N", type=click.IntRange(1, 200),
        help="Nesting of blocks; what lies deeper is cut (max_block_depth, 64).",
    ),
    click.option(
        "--max-entity-time", metavar="TIME", callback=_parsed(parse_seconds),
        help="Processor time for one entity's geometry (max_entity_s, 30s).",
    ),
    click.option(
        "--tolerance", metavar="MM", type=click.FloatRange(0.01, 1000), callback=_finite,
        help="Farthest that chords lie from curves, in millimetres (tolerance_um, 5 mm).",
    ),
    click.option(
        "--clip-endless", is_flag=True, help="End RAY and XLINE at the drawing's extents instead of leaving them out."
    ),
)  # fmt: skip


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken(chosen: dict[str, Any]) -> Asked:
    """Take the options' values out of a command's parameters."""
    return Asked(**{name: chosen.pop(name) for name in Asked.__struct_fields__})


def limits_of(asked: Asked, settings: Settings) -> Limits:
    """Return the limits: the command line's, else the settings'."""
    from dxfd.convert.types import Limits

    return Limits(
        entity_bytes=asked.max_entity_size or settings.max_entity_bytes,
        entity_vertices=asked.max_vertices or settings.max_entity_vertices,
        body_points=asked.max_body_points or settings.max_body_points,
        block_depth=asked.max_block_depth or settings.max_block_depth,
        entity_s=settings.max_entity_s if asked.max_entity_time is None else asked.max_entity_time,
    )


def again(options: ConvertOptions, settings: Settings) -> list[str]:
    """Return the options that a next run with these settings needs to fit to this one."""
    limits, usual = options.limits, limits_of(Asked(), settings)
    words: list[str] = []
    for name, value, default in (
        ("--damaged", options.damaged.value, settings.damaged),
        ("--encoding", options.encoding, None),
        ("--max-entity-size", format_bytes(limits.entity_bytes), format_bytes(usual.entity_bytes)),
        ("--max-vertices", str(limits.entity_vertices), str(usual.entity_vertices)),
        ("--max-body-points", str(limits.body_points), str(usual.body_points)),
        ("--max-block-depth", str(limits.block_depth), str(usual.block_depth)),
        ("--max-entity-time", format_seconds(limits.entity_s), format_seconds(usual.entity_s)),
    ):
        if value is not None and value != default:
            words += [name, value]
    if options.tolerance_m != tolerance_m(Asked(), settings):
        words += ["--tolerance", _millimetres(options.tolerance_m)]
    return [*words, "--clip-endless"] if options.clip_endless else words


def tolerance_m(asked: Asked, settings: Settings) -> float:
    """Return the tolerance in metres: the command line's, else the setting's."""
    if asked.tolerance:
        return metres(asked.tolerance, per_metre=1e3)
    return metres(settings.tolerance_um, per_metre=1e6)


def _millimetres(length_m: float) -> str:
    """Return the shortest text that is exactly so many metres when it is read again."""
    texts = (f"{length_m * 1000:.{digits}g}" for digits in range(4, 18))
    return next((text for text in texts if metres(float(text), per_metre=1e3) == length_m), f"{length_m * 1000!r}")
