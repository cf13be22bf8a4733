"""The options of `dxfd convert` about what of a drawing is converted: layouts, blocks, hidden layers, colours, extras.

Owns their names and what they mean; the command is convert.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from dxfd.contract.progress import Choices

if TYPE_CHECKING:
    from dxfd.convert.types import ConvertOptions

_OPTIONS: Final = (
    click.option(
        "--layouts", metavar="NAME,...", multiple=True,
        help="What is converted: model, all, or names of paper layouts, with * and ? (model).",
    ),
    click.option(
        "--blocks", metavar="NAME,...", multiple=True,
        help="Block references: box (one element each), explode (their content), or names of those to explode (box).",
    ),
    click.option(
        "--explode-limit", metavar="N", type=click.IntRange(1),
        help="Entities one reference may be exploded to; larger ones stay boxes (10000000).",
    ),
    click.option(
        "--hidden-layers", type=click.Choice(["convert", "skip"]), default="convert", show_default=True,
        help="Frozen layers and layers that are off.",
    ),
    click.option(
        "--colors", type=click.Choice(["rule", "drawing"]), default="rule", show_default=True,
        help="Whose colour goes first.",
    ),
    click.option(
        "--detail", type=click.Choice(["body", "box"]),
        help="Bodies of elements: those of their recipes, or their boxes (setting detail, body).",
    ),
    click.option("--xdata", is_flag=True, help="Keep extended data and extension dictionaries as properties."),
)  # fmt: skip


def choice_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_of(parameters: dict[str, Any]) -> Choices:
    """Take the options' values out of a command's parameters."""
    got = {name: parameters.pop(name) for name in Choices.__struct_fields__}
    lists = {name: listed(got[name]) for name in ("layouts", "blocks")}
    return Choices(**{**got, **lists, "explode_limit": got["explode_limit"] or 0, "detail": got["detail"] or ""})


def listed(values: tuple[str, ...]) -> list[str]:
    """Return the names of an option that may be given several times, each with commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def fields_of(choices: Choices, detail: str = "") -> dict[str, Any]:
    """Return the fields of ConvertOptions that are not as they are by default; `detail` is the setting."""
    from dxfd.convert.types import Colors, Detail, HiddenLayers

    given: dict[str, Any] = {
        "hidden_layers": HiddenLayers(choices.hidden_layers), "colors": Colors(choices.colors), "xdata": choices.xdata,
    }  # fmt: skip
    for name, value in (("layouts", choices.layouts), ("blocks", choices.blocks)):
        if value:
            given[name] = tuple(value)
    if wanted := choices.detail or detail:
        given["detail"] = Detail(wanted)
    return given | ({"explode_limit": choices.explode_limit} if choices.explode_limit else {})


def again(options: ConvertOptions, detail: str = "") -> list[str]:
    """Return the options that a next run needs to fit to this one; `detail` is the setting."""
    plain = type(options)(source=options.source, output=options.output, **fields_of(Choices(), detail))
    words: list[str] = []
    for name in ("layouts", "blocks"):
        if getattr(options, name) != getattr(plain, name):
            words += [f"--{name}", ",".join(getattr(options, name))]
    for name in ("hidden_layers", "colors", "explode_limit", "detail"):
        if getattr(options, name) != getattr(plain, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return [*words, "--xdata"] if options.xdata else words
