"""What verbs of `dxfd templates` have in common: which rules they speak of, how JSON is asked for, files they write."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dxfd.errors import OutputError, OutputNotWritableError

if TYPE_CHECKING:
    from dxfd.convert.match.engine import RuleSet

_Command = TypeVar("_Command", bound=Callable[..., Any])
_T = TypeVar("_T")


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


def refuse_existing(out: Path) -> None:
    """Raise where something stands already: these verbs replace nothing.

    Raises:
        OutputError: it does.
    """
    if os.path.lexists(out):
        raise OutputError(f"{out} is there already", hint="name another file, or remove it first")


def write_whole(out: Path, write: Callable[[Path], _T]) -> _T:
    """Let a function write a file beside its place, which gets its name when all of it is on the disk.

    Returns:
        What the function does.

    Raises:
        OutputError: it cannot be written.
    """
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    try:
        done = write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.rename(out)
    except OSError as error:
        raise OutputNotWritableError(f"{out} cannot be written: {error.strerror or error}") from None
    else:
        return done
    finally:
        with suppress(OSError):  # what cannot be removed is told by the error that is on its way
            partial.unlink(missing_ok=True)
