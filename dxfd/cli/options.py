"""Options of `dxfd convert` about the building: storeys, heights, region, clashes, order. Own words, no conversion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

if TYPE_CHECKING:
    from dxfd.config.model import Settings
    from dxfd.convert.types import ConvertOptions

HEIGHTS: Final = ("auto", "drawing", "mixed", "rules")
FIRST: Final = ("all", "structure")
WALLS: Final = ("auto", "lines", "pairs")
_SET: Final = frozenset({"heights", "walls"})
"""Options that a setting says where the command line does not."""
_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--building", metavar="FILE", type=click.Path(path_type=Path),
                 help="Building file (TOML): storeys, ceilings, which drawing is which storey (building)."),
    click.option("--storey", metavar="NAME", default="", help="Storey that the drawing is of."),
    click.option("--heights", type=click.Choice(HEIGHTS),
                 help="Where heights come from: the drawing, rules for what lies at 0 (mixed), or rules (auto)."),
    click.option("--region", metavar="R", default="",
                 help="Elements that touch x0,y0,x1,y1 (drawing units), or building: what lies together."),
    click.option("--clashes", is_flag=True, help="Predict clashes of services."),
    click.option("--separate", is_flag=True, help="Raise services until clearances are kept, then predict clashes."),
    click.option("--first", type=click.Choice(FIRST), default="all", show_default=True,
                 help="Structure and walls in a pass of their own, before the rest."),
    click.option("--walls", type=click.Choice(WALLS),
                 help="Each line is a wall, or pairs of them are, joined and with openings (setting walls, auto)."),
)  # fmt: skip


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line said of the building."""

    building: Path | None
    storey: str
    heights: str | None
    region: str
    clashes: bool
    separate: bool
    first: str
    walls: str | None


def building_options(command: _Command) -> _Command:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def split(given: dict[str, Any]) -> tuple[Chosen, dict[str, Any]]:
    """Return what was said of the building, and the rest."""
    names = Chosen.__struct_fields__
    return Chosen(**{name: given[name] for name in names}), {k: v for k, v in given.items() if k not in names}


def applied(options: ConvertOptions, chosen: Chosen, settings: Settings) -> ConvertOptions:
    """Return the options with what was said of the building, else what the settings say."""
    from msgspec.structs import replace

    from dxfd.convert.types import First, Heights, Walls

    building = chosen.building or (Path(settings.building) if settings.building else None)
    return replace(
        options, building=building.absolute() if building else None, storey=chosen.storey,
        heights=Heights(chosen.heights or settings.heights), region=chosen.region, clashes=chosen.clashes,
        separate=chosen.separate, first=First(chosen.first), walls=Walls(chosen.walls or settings.walls),
    )  # fmt: skip


def again(options: ConvertOptions, settings: Settings) -> list[str]:
    """Return the words that the next run needs to fit to this one."""
    plain = type(options)(source=options.source, output=options.output)
    words: list[str] = []
    for name in ("building", "storey", "heights", "region", "first", "walls"):
        value = getattr(options, name)
        if value != (getattr(settings, name) if name in _SET else getattr(plain, name)):
            words.append(f"--{name}={value}")
    return words + [f"--{name}" for name in ("clashes", "separate") if getattr(options, name)]
