"""The options of `dxfctl submit` that say how to convert: their names, and the job's options they make.

They are those of `dxfd convert`, less what only somebody who watches decides (--resume, --auto-resume, --quiet).
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from dxfctl.options import Duration, Size, option
from dxfd.config.units import metres
from dxfd.contract.messages import JobDwg, JobLimits, JobOptions
from dxfd.contract.progress import Building, Choices
from dxfd.errors import TemplatesMissingError, UsageError

UNITS: Final = ("mm", "cm", "dm", "m", "km", "in", "ft", "yd", "mi")
_F = TypeVar("_F", bound=Callable[..., Any])


def _finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    if value is not None and not isfinite(value):  # nan is within every range
        raise click.BadParameter(f"{value} is no number of millimetres")
    return value


_OPTIONS: Final = (
    option("--templates", type=click.Path(), metavar="FILE", help="Rules (TOML) or template_library.db to match with."),
    option("--units", type=click.Choice(UNITS), help="Drawing unit, where the drawing itself is wrong."),
    option("--batch-size", type=click.IntRange(1, 10_000_000), metavar="N", help="Entities per committed batch."),
    option("--max-memory", type=Size(), metavar="SIZE", help="Memory limit of the conversion, as 512M."),
    option("--max-errors", metavar="N", type=click.IntRange(0), default=100, show_default=True,
           help="Faulty entities allowed."),
    option("--error-action", type=click.Choice(["skip", "stop"]), default="skip", show_default=True,
           help="At a fault."),
    option("--damaged", type=click.Choice(["refuse", "convert"]), help="A drawing that is cut off (setting damaged)."),
    option("--encoding", metavar="NAME", help="Code page of its text, as cp1251, where the drawing is wrong."),
    option("--max-entity-size", type=Size(), metavar="SIZE", help="Larger entities are passed over (a setting)."),
    option("--max-vertices", type=click.IntRange(1), metavar="N", help="So are those of more vertices (a setting)."),
    option("--max-body-points", type=click.IntRange(2), metavar="N", help="Longer paths stay lines (a setting)."),
    option("--max-block-depth", type=click.IntRange(1, 200), metavar="N", help="Deeper nesting is cut (a setting)."),
    option("--max-entity-time", type=Duration(), metavar="TIME", help="Processor time for one entity (a setting)."),
    option("--tolerance", type=click.FloatRange(0.01, 1000), metavar="MM", callback=_finite,
           help="Farthest chords lie from curves (5 mm)."),
    option("--clip-endless", is_flag=True, help="End RAY and XLINE at the drawing's extents."),
    option("--layouts", metavar="NAME,...", multiple=True, help="model, all, or names of paper layouts (model)."),
    option("--blocks", metavar="NAME,...", multiple=True, help="box, explode, or names of blocks to explode (box)."),
    option("--explode-limit", metavar="N", type=click.IntRange(1), help="Entities a reference may be exploded to."),
    option("--hidden-layers", type=click.Choice(["convert", "skip"]), default="convert",
           help="Frozen or off (convert)."),
    option("--colors", type=click.Choice(["rule", "drawing"]), default="rule", show_default=True,
           help="Whose go first."),
    option("--detail", type=click.Choice(["body", "box"]), help="Bodies, or boxes of them (setting detail)."),
    option("--xdata", is_flag=True, help="Keep extended data and extension dictionaries as properties."),
    option("--building", type=click.Path(), metavar="FILE", help="Building file: storeys, ceilings (a setting)."),
    option("--storey", default="", metavar="NAME", help="Storey that the drawing is of."),
    option("--heights", type=click.Choice(["auto", "drawing", "mixed", "rules"]),
           help="Where heights come from (a setting)."),
    option("--region", default="", metavar="R", help="What touches x0,y0,x1,y1 (drawing units), or building."),
    option("--clashes", is_flag=True, help="Predict clashes of services."),
    option("--separate", is_flag=True, help="Raise services until clearances are kept, then predict clashes."),
    option("--first", type=click.Choice(["all", "structure"]), default="all", show_default=True,
           help="Structure and walls in a pass of their own."),
    option("--walls", type=click.Choice(["auto", "lines", "pairs"]),
           help="Walls of lines, or of pairs of them (a setting)."),
    option("--dwg-converter", type=click.Choice(["auto", "acadsharp", "dwg2dxf", "oda", "off"]),
           help="What makes DXF of a DWG drawing (a setting)."),
    option("--dwg-timeout", type=Duration(), metavar="TIME", help="Time it may take (a setting)."),
    option("--dwg-memory", type=Size(), metavar="SIZE", help="Memory it may take (a setting)."),
    option("--vacuum", is_flag=True, help="Compact the database at the end."),
    option("--restart", is_flag=True, help="Discard an interrupted run instead of going on with it."),
)  # fmt: skip


def conversion_options(command: _F) -> _F:
    """Add the options to a command."""
    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command


def job_options(given: dict[str, Any]) -> JobOptions:
    """Return the job's options; what was not said is left to the daemon's settings.

    Raises:
        TemplatesMissingError: there is no such template file.
        UsageError: there is no such building file.
    """
    templates, building = _absolute(given["templates"]), _absolute(given["building"])
    if templates is not None and not templates.is_file():
        raise TemplatesMissingError(f"there is no template file {templates}")
    if building is not None and not building.is_file():
        raise UsageError(f"there is no building file {building}")
    return JobOptions(
        templates=str(templates or ""),
        units=given["units"] or "",
        batch_size=given["batch_size"] or 0,
        max_memory_bytes=given["max_memory"] or 0,
        max_errors=given["max_errors"],
        error_action=given["error_action"],
        damaged=given["damaged"] or "",
        encoding=given["encoding"] or "",
        tolerance_m=metres(given["tolerance"] or 0.0, per_metre=1e3),
        clip_endless=given["clip_endless"],
        choices=Choices(
            layouts=_listed(given["layouts"]),
            blocks=_listed(given["blocks"]),
            explode_limit=given["explode_limit"] or 0,
            hidden_layers=given["hidden_layers"],
            colors=given["colors"],
            xdata=given["xdata"],
            detail=given["detail"] or "",
        ),
        building=Building(
            file=str(building or ""),
            storey=given["storey"],
            heights=given["heights"] or "",
            region=given["region"],
            clashes=given["clashes"],
            separate=given["separate"],
            first=given["first"],
            walls=given["walls"] or "",
        ),
        limits=JobLimits(
            max_entity_bytes=given["max_entity_size"] or 0,
            max_entity_vertices=given["max_vertices"] or 0,
            max_body_points=given["max_body_points"] or 0,
            max_block_depth=given["max_block_depth"] or 0,
            max_entity_s=given["max_entity_time"],
        ),
        dwg=JobDwg(
            converter=given["dwg_converter"] or "",
            timeout_s=given["dwg_timeout"] or 0.0,
            memory_bytes=given["dwg_memory"] or 0,
        ),
        vacuum=given["vacuum"],
        restart=given["restart"],
    )


def _absolute(path: str | None) -> Path | None:
    return Path(path).absolute() if path else None


def _listed(values: tuple[str, ...]) -> list[str]:
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
