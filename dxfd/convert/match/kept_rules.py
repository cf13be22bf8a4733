"""Rules kept whole in a template library that dxfd wrote, beside the templates that other tools know.

The table `x_dxfd_rules` has each rule as it stands in a TOML rule set, with the templates it was written as and a
digest of their rows; `x_dxfd_disciplines` the words of disciplines. A template that was changed since, or is not active
any more, counts as it stands in the library, and what is kept of its rule for that discipline does not.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.match import ruleset
from dxfd.convert.match.rules import DisciplineWords, Rule
from dxfd.convert.match.write_toml import document, rule_lines
from dxfd.errors import TemplatesError

RULES: Final = "x_dxfd_rules"
DISCIPLINES: Final = "x_dxfd_disciplines"
TABLES: Final = (
    "element_templates", "geometry_definitions", "template_parameters", "material_specifications", "derivation_rules",
    "adaptation_rules",
)  # fmt: skip
"""What a template means: the tables that are read."""

Row = Mapping[str, Any]
Tables = Mapping[str, list[Row]]


class Kept(Struct, frozen=True):
    """What a library keeps.

    Attributes:
        rules: those that still count, in order.
        disciplines: words of disciplines.
        templates: identifiers of the templates that the rules stand for.
        changed: identifiers of templates that count as they stand in the library.
    """

    rules: tuple[Rule, ...]
    disciplines: tuple[DisciplineWords, ...]
    templates: frozenset[str]
    changed: tuple[str, ...]


def keep(
    database: sqlite3.Connection, rules: Iterable[Rule], disciplines: Iterable[DisciplineWords],
    templates: Mapping[str, Mapping[str, str]],
) -> None:  # fmt: skip
    """Write the tables.

    Args:
        database: the library, its templates written.
        rules: in order.
        disciplines: how layers speak of disciplines.
        templates: by rule: discipline to identifier of the template.
    """
    database.execute(f"CREATE TABLE {RULES} (position INTEGER PRIMARY KEY, rule_id TEXT, rule TEXT, templates TEXT)")
    database.execute(f"CREATE TABLE {DISCIPLINES} (words TEXT)")
    database.execute(f"INSERT INTO {DISCIPLINES} VALUES (?)", (document((), disciplines),))
    digests = _digests({name: rows_of(database, name) for name in TABLES})
    for position, rule in enumerate(rules, 1):
        of = {code: [row_id, digests[row_id]] for code, row_id in templates.get(rule.rule_id, {}).items()}
        text = "\n".join(rule_lines(rule))
        database.execute(f"INSERT INTO {RULES} VALUES (?, ?, ?, ?)", (position, rule.rule_id, text, json.dumps(of)))


def kept(database: sqlite3.Connection, tables: Tables, name: str) -> Kept | None:
    """Return what a library keeps, None if dxfd did not write it.

    Raises:
        TemplatesError: the tables hold no rules.
        sqlite3.Error, msgspec.MsgspecError: they cannot be read.
    """
    found = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {RULES, DISCIPLINES} <= found:
        return None
    rows = database.execute(f"SELECT rule, templates FROM {RULES} ORDER BY position").fetchall()
    words = "\n".join(str(text) for (text,) in database.execute(f"SELECT words FROM {DISCIPLINES}"))
    read = ruleset.parse("\n".join([words, *(str(text) for text, _ in rows)]), name)
    digests = _digests(tables)
    active = {str(row.get("template_id")) for row in tables["element_templates"] if row.get("status") == "active"}
    rules: list[Rule] = []
    known: set[str] = set()
    changed: list[str] = []
    if len(read.rules) != len(rows):
        raise TemplatesError(f"{name}: {RULES} does not hold one rule a row")
    for rule, (_, text) in zip(read.rules, rows, strict=True):
        of = msgspec.json.decode(text, type=dict[str, tuple[str, str]])
        known |= {row_id for row_id, _ in of.values()}
        other = {code for code, (row_id, digest) in of.items() if row_id not in active or digests[row_id] != digest}
        changed += [of[code][0] for code in sorted(other)]
        if (left := _without(rule, other)) is not None:
            rules.append(left)
    return Kept(tuple(rules), read.disciplines, frozenset(known), tuple(changed))


def _without(rule: Rule, codes: set[str]) -> Rule | None:
    """Return the rule for its other disciplines, None if there are none."""
    if not codes or rule.element is None:
        return rule
    left = tuple(code for code in rule.disciplines if code not in codes)
    if not left:
        return None
    return replace(rule, disciplines=left, element=replace(rule.element, discipline=left[0]))


def rows_of(database: sqlite3.Connection, table: str) -> list[Row]:
    """Return the rows of a table in its order, columns by their small-letter name."""
    cursor = database.execute(f"SELECT * FROM {table}")
    columns = [str(column[0]).lower() for column in cursor.description]
    return [dict(zip(columns, values, strict=True)) for values in cursor]


def _digests(tables: Tables) -> dict[str, str]:
    """Return a digest of all rows that say what a template is, by its identifier."""
    rows: dict[str, list[str]] = {}
    for name in TABLES:
        for row in tables[name]:
            text = json.dumps([name, sorted(row.items())], sort_keys=True, default=repr)
            rows.setdefault(str(row.get("template_id")), []).append(text)
    return {row_id: hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest() for row_id, texts in rows.items()}
