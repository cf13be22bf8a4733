"""How rules did in finished databases: use of each, match rates by layer and type, what was unmatched, the trend.

Reads databases of ours; memory is a few rows per rule and layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct, field, to_builtins

from dxfd.convert.review.opened import opened, report, tables
from dxfd.errors import SourceUnreadableError


class Tally(Struct):
    """Entities, and those that became elements."""

    entities: int = 0
    elements: int = 0

    @property
    def rate(self) -> float:
        """Elements of entities."""
        return self.elements / self.entities if self.entities else 0.0


class RunOf(Struct, frozen=True, kw_only=True):
    """One database.

    Attributes:
        path: of the database.
        drawing: its source.
        finished_at: UTC, ISO 8601.
        rules: which rules it was made with, by the first characters of their fingerprint.
        entities, elements, annotation: counts; annotation is what rules know to be none of the building.
    """

    path: str
    drawing: str
    finished_at: str
    rules: str
    entities: int
    elements: int
    annotation: int

    @property
    def rate(self) -> float:
        """Elements of what may be building parts."""
        things = self.entities - self.annotation
        return self.elements / things if things else 0.0


class Effectiveness(Struct):
    """What the databases tell of the rules.

    Attributes:
        runs: in order of time.
        rules: elements per rule, the most used first.
        unused: rules of the set that made nothing, in its order.
        layers, types: by name, the fullest first; without annotation.
        unmatched: (layer, type, block, entities) that no rule spoke of, the most first.
    """

    runs: list[RunOf] = field(default_factory=list)
    rules: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    layers: dict[str, Tally] = field(default_factory=dict)
    types: dict[str, Tally] = field(default_factory=dict)
    unmatched: list[tuple[str, str, str, int]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        found: dict[str, Any] = to_builtins(self)
        for name in ("layers", "types"):
            for key, tally in getattr(self, name).items():
                found[name][key]["rate"] = tally.rate
        for row, run in zip(found["runs"], self.runs, strict=True):
            row["rate"] = run.rate
        names = ("layer", "entity_type", "block", "entities")
        found["unmatched"] = [dict(zip(names, row, strict=True)) for row in self.unmatched]
        return found


def effectiveness(paths: Iterable[Path], rule_ids: Iterable[str]) -> Effectiveness:
    """Return what the databases tell of rules.

    Args:
        paths: finished databases.
        rule_ids: the rules of the set in force, for the list of unused ones.

    Raises:
        SourceUnreadableError: one of them is no database of ours.
    """
    out = Effectiveness()
    used: Counter[str] = Counter()
    unmatched: Counter[tuple[str, str, str]] = Counter()
    for path in paths:
        with opened(path) as database:
            if "ledger" not in tables(database):
                raise SourceUnreadableError(f"{path} has no ledger: it was not made by dxfd")
            counts: Counter[str] = Counter()
            ledger = "SELECT entity_type, layer, block, outcome, reason, count FROM ledger WHERE space = 'model'"
            for kind, layer, block, outcome, reason, count in database.execute(ledger):
                counts["entities"] += count
                if outcome != "element" and str(reason).startswith("annotation_"):
                    counts["annotation"] += count
                    continue
                counts["elements"] += count * (outcome == "element")
                for tally in (out.layers.setdefault(layer, Tally()), out.types.setdefault(kind, Tally())):
                    tally.entities += count
                    tally.elements += count * (outcome == "element")
                if reason == "no_rule":
                    unmatched[layer, kind, block] += count
            used.update(dict(database.execute("SELECT rule_id, COUNT(*) FROM elements_meta GROUP BY rule_id")))
            said = report(database)
        out.runs.append(
            RunOf(
                path=str(path), drawing=Path(str(said.get("input", ""))).name,
                finished_at=str(said.get("finished_at", "")), rules=str(said.get("config_fingerprint", ""))[:8],
                entities=counts["entities"], elements=counts["elements"], annotation=counts["annotation"],
            )
        )  # fmt: skip
    out.runs.sort(key=lambda run: (run.finished_at, run.path))
    out.rules = dict(sorted(used.items(), key=lambda item: (-item[1], item[0])))
    out.unused = [rule_id for rule_id in rule_ids if rule_id not in used]
    for name in ("layers", "types"):
        ordered = sorted(getattr(out, name).items(), key=lambda item: (-item[1].entities, item[0]))
        setattr(out, name, dict(ordered))
    out.unmatched = [(*key, n) for key, n in sorted(unmatched.items(), key=lambda item: (-item[1], item[0]))]
    return out
