"""The help texts as a document: what docs/dxfctl.md is made of between its marks, and what a test compares it with.

`python -m dxfctl.handbook docs/dxfctl.md` writes them anew. Not used by the commands.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

import click

from dxfctl import exits
from dxfctl.cli import VERBS, cli
from dxfctl.options import ENV_PREFIX

WIDTH: Final = 96
_MARK: Final = re.compile(r"(<!-- begin (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def help_of(verb: str | None) -> str:
    """Return the help text of a verb (None: of dxfctl itself)."""
    group = _context(cli, "dxfctl", None)
    if verb is None:
        return cli.get_help(group).rstrip()
    command = cli.get_command(group, verb)
    if command is None:
        raise KeyError(verb)
    return command.get_help(_context(command, verb, group)).rstrip()


def exit_table() -> str:
    """Return the table of exit codes in Markdown."""
    rows = [f"| {code} | {meaning} |" for code, meaning in exits.MEANINGS.items()]
    return "\n".join(["| code | meaning |", "|---:|---|", *rows])


def renewed(text: str) -> str:
    """Return the document with everything between its marks written anew."""
    return _MARK.sub(lambda m: f"{m[1]}{_part(m['name'])}\n{m[3]}", text)


def verbs_in(text: str) -> list[str]:
    """Return the verbs that the document has a help text of."""
    return [m["name"].removeprefix("help ") for m in _MARK.finditer(text) if m["name"].startswith("help ")]


def _part(name: str) -> str:
    if name == "exit codes":
        return exit_table()
    verb = name.removeprefix("help ")
    return f"```text\n{help_of(None if verb == 'dxfctl' else verb)}\n```"


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command,
        parent=parent,
        info_name=name,
        terminal_width=WIDTH,
        auto_envvar_prefix=ENV_PREFIX if parent is None else None,
        help_option_names=["-h", "--help"],
    )


def main() -> None:
    """Write the document's parts anew; make its verbs' marks first if a verb is new."""
    path = Path(sys.argv[1])
    text = renewed(path.read_text())
    missing = [verb for verb in VERBS if verb not in verbs_in(text)]
    if missing:
        sys.exit(f"{path} has no section for: {', '.join(missing)}")
    path.write_text(text)


if __name__ == "__main__":
    main()
