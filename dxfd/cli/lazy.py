"""A group of commands that are imported when they are asked for, so that `--help` and errors come at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that knows its commands by name: module, attribute, one line of help."""

    def __init__(self, *args: Any, commands_of: Mapping[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = commands_of

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the table."""
        return list(self._known)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command; None when there is no such one."""
        if cmd_name not in self._known:
            return None
        module, name, _ = self._known[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in self._known.items()])
