"""The client's documents and help are true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dxfctl.cli import VERBS
from dxfctl.handbook import exit_table, help_of, renewed, verbs_in

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "dxfctl.md"


def words(text: str) -> list[str]:
    """Return the words: another version of click may break lines elsewhere."""
    return text.split()


def test_document_has_the_help_text_of_every_verb():
    text = DOCS.read_text()
    assert verbs_in(text) == ["dxfctl", *VERBS]
    assert words(renewed(text)) == words(text), "run  python -m dxfctl.handbook docs/dxfctl.md"


def test_readme_has_the_table_of_exit_codes():
    assert exit_table() in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_the_variable_of_every_option(verb):
    text = help_of(verb)
    for line in text.split("Options:", maxsplit=1)[-1].splitlines():
        if line.startswith("  -") and "--help" not in line:
            option = next(w for w in line.replace(",", " ").split() if w.startswith("--"))
            variable = f"DXFCTL_{verb.upper()}_{option[2:].upper().replace('-', '_')}"
            assert variable in words(text.replace("]", " ").replace(";", " ")), f"{option} of {verb}"


@pytest.mark.parametrize("argument", ["--help", "errors"])
def test_client_imports_nothing_heavy(argument):
    code = (
        "import sys; from dxfctl.cli import run; from dxfctl.invocation import Invocation; "
        f"run([{argument!r}], Invocation()); "
        "heavy = {'numpy', 'pyarrow', 'ezdxf', 'rich', 'structlog', 'psutil'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
