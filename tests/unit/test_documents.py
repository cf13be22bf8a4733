from __future__ import annotations

import re
from pathlib import Path

import pytest

from dxfd.config.model import FIELDS
from tests.support.documents import MADE, ROOT, section


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_from_the_code_is_up_to_date(name):
    path, make = MADE[name]
    assert section((ROOT / path).read_text(), name)[2] == make(), "run  python -m tests.support.documents"


def test_the_tree_in_the_architecture_names_what_there_is():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"^    (\w+)/ +", text, re.MULTILINE):
        assert (ROOT / "dxfd" / path).is_dir(), path
    for folder in (ROOT / "dxfd").iterdir():
        if folder.is_dir() and not folder.name.startswith("_"):
            assert f"{folder.name}/" in text


def test_links_between_documents_lead_somewhere():
    for path in [
        ROOT / "ARCHITECTURE.md",
        ROOT / "docs/settings.md",
        ROOT / "docs/protocol.md",
        ROOT / "docs/errors.md",
    ]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_settings_named_in_the_documents_exist():
    names = set(FIELDS) | {"user_version"}
    for name in ("ARCHITECTURE.md", "docs/errors.md"):
        text = Path(ROOT / name).read_text()
        for word in re.findall(r"`((?:max|memory|retry|stop|worker|log|quarantine)_\w+)`", text):
            assert word in names, f"{name}: {word}"


@pytest.mark.parametrize(("document", "least"), [("faults.md", 31), ("complaints.md", 20)])
def test_tests_named_in_the_tables_of_faults_and_complaints_exist(document, least):
    named = re.findall(r"`(\w+/test_\w+\.py)::(\w+)`", (ROOT / "docs" / document).read_text())
    assert len(named) >= least
    for path, name in named:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(), f"{path}::{name}"


def test_events_of_the_log_that_are_documented_are_logged():
    table = (ROOT / "docs/dashboards.md").read_text().partition("| event |")[2].partition("\n\n")[0]
    events = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))
    code = "".join(path.read_text() for path in (ROOT / "dxfd").rglob("*.py"))
    assert len(events) > 30
    for event in events:
        assert f'"{event}"' in code, event
