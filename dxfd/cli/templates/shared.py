"""What verbs of `dxfd templates` have in common: which rules they speak of, and how JSON is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dxfd.convert.match.engine import RuleSet

_Command = TypeVar("_Command", bound=Callable[..., Any])


def rules_option(command: _Command) -> _Command:
    """Add --templates FILE."""
    option = click.option(
        "--templates",
        "rules",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Rules (TOML) or template_library.db; else those of the settings, else dxfd's own.",
    )
    return option(command)


def json_option(command: _Command) -> _Command:
    """Add --json."""
    return click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document.")(command)


def load(path: Path | None) -> RuleSet:
    """Return the rules of a file; without one those of the settings, else dxfd's own."""
    from dxfd.config.load import load as load_settings
    from dxfd.convert.match.load import load_rules

    if path is None:
        chosen = load_settings().settings.templates
        path = Path(chosen) if chosen else None
    return load_rules(path)
