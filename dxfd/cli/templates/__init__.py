"""`dxfd templates`: a group of verbs about rules; one file each, imported when it is called."""

from __future__ import annotations

from typing import Final

import click

from dxfd.cli.lazy import LazyGroup

COMMANDS: Final = {
    "lint": ("dxfd.cli.templates.lint", "lint", "Check a rule set: what is wrong, what can never win."),
    "list": ("dxfd.cli.templates.list", "list_rules", "List the rules."),
    "explain": ("dxfd.cli.templates.explain", "explain", "Tell which rule takes a layer, and why the others do not."),
    "suggest": ("dxfd.cli.templates.suggest", "suggest", "Propose rules for what no rule matches in drawings."),
    "rate": ("dxfd.cli.templates.rate", "rate", "Match rates of drawings, beside those of substring matching."),
    "import": ("dxfd.cli.templates.import_", "import_rules", "Turn a template_library.db into a TOML rule set."),
    "export": ("dxfd.cli.templates.export", "export", "Write the rules as TOML or as template_library.db."),
    "effectiveness": ("dxfd.cli.templates.effectiveness", "effectiveness", "How rules did in finished databases."),
}


@click.group("templates", cls=LazyGroup, commands_of=COMMANDS)
def templates() -> None:
    """Look at, check, explain and propose the rules that make elements of entities."""
