"""Where rules come from: the shipped set, a TOML file, or a template library (SQLite).

Owns the choice by content, and reading the file. Runs in the worker and in `dxfd convert`, once per conversion.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

from dxfd.convert.match import ruleset
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.library import read_library
from dxfd.convert.match.rules import DisciplineWords, Rule
from dxfd.convert.match.ruleset import RuleFile
from dxfd.errors import TemplatesError, TemplatesMissingError

DEFAULT_RULES: Final = "default_rules.toml"
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_MAX_TOML_BYTES: Final = 16 * 1024 * 1024


@lru_cache(maxsize=1)
def default_rules() -> RuleFile:
    """Return the rules that ship with dxfd."""
    text = resources.files("dxfd.convert.match").joinpath(DEFAULT_RULES).read_text(encoding="utf-8")
    return ruleset.parse(text, DEFAULT_RULES)


def load_rules(path: Path | None) -> RuleSet:
    """Return the rule set of a file, or the shipped one for None.

    A file that begins like an SQLite database is read as a template library, any other as TOML.

    Raises:
        TemplatesMissingError: there is no such file.
        TemplatesError: it cannot be read or is wrong; the message names the key or row.
    """
    default = default_rules()
    if path is None:
        return RuleSet(default.rules, disciplines=default.disciplines, source="default rules of dxfd")
    head = _head(path)
    if head == _SQLITE_MAGIC:
        library = read_library(path, default)
        disciplines = library.disciplines or default.disciplines
        return RuleSet(library.rules, disciplines=disciplines, source=str(path), notes=library.notes)
    if path.suffix.lower() in {".db", ".sqlite", ".sqlite3"}:
        raise TemplatesError(f"{path}: not an SQLite database", hint="give a template_library.db or a TOML rule set")
    rules = ruleset.parse(_text(path), path.name)
    return RuleSet(
        rules.rules + _not_replaced(default.rules, rules) if rules.extends_default else rules.rules,
        disciplines=_disciplines(rules, default),
        source=str(path),
    )


def _disciplines(rules: RuleFile, default: RuleFile) -> tuple[DisciplineWords, ...]:
    """Return the default words per discipline, those that the file gives in their place."""
    given = {words.code: words for words in rules.disciplines}
    return tuple(given.get(words.code, words) for words in default.disciplines)


def _not_replaced(rules: tuple[Rule, ...], by: RuleFile) -> tuple[Rule, ...]:
    """Return the default rules whose id the file does not use again: the same id replaces a rule."""
    ids = {rule.rule_id for rule in by.rules}
    return tuple(rule for rule in rules if rule.rule_id not in ids)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE_MAGIC))
    except FileNotFoundError:
        raise TemplatesMissingError(f"no such template file: {path}") from None
    except IsADirectoryError:
        raise TemplatesError(f"{path}: is a folder, not a template file") from None
    except OSError as error:
        raise TemplatesError(f"{path}: cannot be read: {error.strerror}") from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_TOML_BYTES:
            raise TemplatesError(f"{path}: too large for a rule set (over {_MAX_TOML_BYTES >> 20} MB)")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplatesError(f"{path}: not UTF-8 text (byte {error.start}), so not a TOML rule set") from None
    except OSError as error:
        raise TemplatesError(f"{path}: cannot be read: {error.strerror}") from None
