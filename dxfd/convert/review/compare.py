"""Two result databases side by side: elements per class, how far paired elements lie apart, whether they say the same.

Elements are paired by guid, then by drawing and handle, then the nearest of the same class. The field's validation of a
conversion against a reference: 90 % of the elements of each class, 0.5 m on average, 90 % of the properties.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field, to_builtins

from dxfd.convert.review.opened import columns, opened, tables, telling

LEAST_SHARE: Final = 0.9
MOST_DELTA_M: Final = 0.5
NEAREST_WITHIN_M: Final = 2.0
_MOST_NEAREST: Final = 200_000
"""Elements without a pair by name that are paired by place; beyond, the databases are of different things."""
_FIELDS: Final[tuple[str, ...]] = ("discipline", "ifc_class", "predefined_type", "storey", "material_name")


class ClassCount(Struct, frozen=True, kw_only=True):
    """Elements of a class in both."""

    ifc_class: str
    first: int
    second: int

    @property
    def share(self) -> float:
        """The smaller count of the larger."""
        return min(self.first, self.second) / max(self.first, self.second)


class Comparison(Struct, kw_only=True):
    """What two databases have in common.

    Attributes:
        classes: counts, the fullest first.
        paired_by: pairs found by guid, handle, place.
        delta_mean_m, delta_max_m: how far the centres of pairs lie apart; None without pairs.
        near: share of pairs within the tolerance.
        fields: share of pairs with equal values, per column.
        properties: share of the first's properties of paired elements that the second has with the same value.
        notes: what could not be compared.
    """

    first: str
    second: str
    tolerance_m: float
    least_share: float
    classes: list[ClassCount] = field(default_factory=list)
    paired_by: dict[str, int] = field(default_factory=dict)
    delta_mean_m: float | None = None
    delta_max_m: float | None = None
    near: float | None = None
    fields: dict[str, float] = field(default_factory=dict)
    properties: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def count_match(self) -> float:
        """Share of elements that have a counterpart in number, class by class."""
        larger = sum(max(c.first, c.second) for c in self.classes)
        return sum(min(c.first, c.second) for c in self.classes) / larger if larger else 1.0

    @property
    def property_match(self) -> float | None:
        """Mean of the shares of equal columns and properties; None without pairs."""
        values = [*self.fields.values(), *([self.properties] if self.properties is not None else [])]
        return sum(values) / len(values) if values else None

    @property
    def passed(self) -> bool:
        """Whether the second is as good as the first by the field's measure."""
        placed = self.delta_mean_m is not None and self.delta_mean_m <= self.tolerance_m
        alike = self.property_match is not None and self.property_match >= self.least_share
        empty = not self.classes
        return self.count_match >= self.least_share and ((placed and alike) or empty)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        found: dict[str, Any] = to_builtins(self)
        for row, count in zip(found["classes"], self.classes, strict=True):
            row["share"] = count.share
        return {
            **found, "count_match": self.count_match, "property_match": self.property_match, "passed": self.passed
        }  # fmt: skip


def compare(
    first: Path, second: Path, *, tolerance_m: float = MOST_DELTA_M, least_share: float = LEAST_SHARE
) -> Comparison:
    """Return what two databases have in common.

    Args:
        first: the reference.
        second: what is compared with it.
        tolerance_m: mean distance of pairs that passes.
        least_share: of counts and properties that passes.

    Raises:
        SourceError: one of them is missing or no result database.
    """
    out = Comparison(first=str(first), second=str(second), tolerance_m=tolerance_m, least_share=least_share)
    with opened(first) as a, opened(second) as b:
        with telling(first):
            mine, have, named = _counts(a), columns(a, "elements_meta"), tables(a)
        with telling(second):
            theirs, have, named = _counts(b), have & columns(b, "elements_meta"), named & tables(b)
        out.classes = _classes(mine, theirs)
        known = [column for column in _FIELDS if column in have]
        with telling(first):
            left = _elements(a, known)
        with telling(second):
            right = _elements(b, known)
        pairs = _pairs(left, right, out)
        _measure(pairs, known, out)
        if "element_properties" in named:
            with telling(second):
                kept = set(b.execute("SELECT guid, name, value FROM element_properties"))
            with telling(first):
                out.properties = _properties(a, kept, pairs)
    return out


class _Element(Struct, frozen=True):
    guid: str
    source: tuple[str, str]
    place: tuple[float, float, float]
    values: tuple[Any, ...]
    ifc_class: str


def _counts(database: sqlite3.Connection) -> Counter[Any]:
    return Counter(
        dict(database.execute("SELECT ifc_class, COUNT(*) FROM elements_meta GROUP BY ifc_class").fetchall())
    )


def _classes(mine: Counter[Any], theirs: Counter[Any]) -> list[ClassCount]:
    names = sorted(mine.keys() | theirs.keys(), key=lambda name: (-max(mine[name], theirs[name]), str(name)))
    return [ClassCount(ifc_class=str(name), first=mine[name], second=theirs[name]) for name in names]


def _elements(database: sqlite3.Connection, known: list[str]) -> list[_Element]:
    """Return all elements with a place; those of ours are brought back to the drawing's coordinates."""
    have = columns(database, "elements_meta")
    handle = "m.dxf_handle" if "dxf_handle" in have else "NULL"
    path = "m.filepath" if "filepath" in have else "NULL"
    offset = (0.0, 0.0, 0.0)
    if {"run_report", "coordinate_metadata"} <= tables(database):
        row = database.execute("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata").fetchone()
        offset = tuple(row) if row else offset
    more = "".join(f", m.{column}" for column in known)
    placed = " AND ".join(f"typeof(t.center_{axis}) IN ('real', 'integer')" for axis in "xyz")
    query = (
        f"SELECT m.guid, {path}, {handle}, m.ifc_class, t.center_x, t.center_y, t.center_z{more}"
        " FROM elements_meta m JOIN element_transforms t ON t.guid = m.guid"
        f" WHERE {placed} ORDER BY m.guid"
    )
    return [
        _Element(
            str(guid), (Path(str(file or "")).stem, str(at or "")),
            (x + offset[0], y + offset[1], z + offset[2]), tuple(values), str(ifc_class),
        )
        for guid, file, at, ifc_class, x, y, z, *values in database.execute(query)
    ]  # fmt: skip


Pairs = list[tuple[_Element, _Element]]


def _pairs(left: list[_Element], right: list[_Element], out: Comparison) -> Pairs:
    pairs: Pairs = []
    for name, key in (("guid", lambda e: e.guid), ("handle", lambda e: e.source if e.source[1] else None)):
        found, left, right = _by(left, right, key)
        out.paired_by[name] = len(found)
        pairs += found
    found = []
    if max(len(left), len(right)) > _MOST_NEAREST:
        out.notes.append(f"{max(len(left), len(right))} elements have no pair by name: too many to be paired by place")
    else:
        found = _nearest(left, right)
    out.paired_by["place"] = len(found)
    return pairs + found


def _by(left: list[_Element], right: list[_Element], key: Any) -> tuple[Pairs, list[_Element], list[_Element]]:
    """Pair elements whose key is the same and stands once on either side."""
    counts = [Counter(key(e) for e in side) for side in (left, right)]
    by_key = {key(e): e for e in right}

    def alone(element: _Element) -> bool:
        k = key(element)
        return k is not None and counts[0][k] == counts[1][k] == 1

    pairs = [(e, by_key[key(e)]) for e in left if alone(e)]
    return pairs, [e for e in left if not alone(e)], [e for e in right if not alone(e)]


def _nearest(left: list[_Element], right: list[_Element]) -> Pairs:
    """Pair elements of one class by distance, the nearest pair first; the order of guids decides between equals."""
    cell = NEAREST_WITHIN_M
    grid: defaultdict[tuple[str, int, int], list[int]] = defaultdict(list)
    for k, e in enumerate(right):
        grid[e.ifc_class, math.floor(e.place[0] / cell), math.floor(e.place[1] / cell)].append(k)
    near = []
    for k, e in enumerate(left):
        x, y = math.floor(e.place[0] / cell), math.floor(e.place[1] / cell)
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                for other in grid.get((e.ifc_class, x + dx, y + dy), ()):
                    distance = math.dist(e.place, right[other].place)
                    if distance <= NEAREST_WITHIN_M:
                        near.append((distance, k, other))
    taken: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for _, k, other in sorted(near):
        if k not in taken[0] and other not in taken[1]:
            taken[0].add(k)
            taken[1].add(other)
            pairs.append((left[k], right[other]))
    return pairs


def _measure(pairs: Pairs, known: list[str], out: Comparison) -> None:
    if not pairs:
        out.notes.append("no element of one has a counterpart in the other")
        return
    distances = [math.dist(a.place, b.place) for a, b in pairs]
    out.delta_mean_m = sum(distances) / len(distances)
    out.delta_max_m = max(distances)
    out.near = sum(d <= out.tolerance_m for d in distances) / len(distances)
    for k, column in enumerate(known):
        out.fields[column] = sum((a.values[k] or None) == (b.values[k] or None) for a, b in pairs) / len(pairs)


def _properties(a: sqlite3.Connection, theirs: set[tuple[Any, ...]], pairs: Pairs) -> float | None:
    """Return how many of the first's properties the second has too; None if it has none."""
    partner = {first.guid: second.guid for first, second in pairs}
    total = same = 0
    for guid, name, value in a.execute("SELECT guid, name, value FROM element_properties"):
        if guid in partner:
            total += 1
            same += (partner[guid], name, value) in theirs
    return same / total if total else None
