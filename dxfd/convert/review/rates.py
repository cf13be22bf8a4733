"""Match rates of drawings: by the rules, and beside them what substring matching would give. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.kinds import ANNOTATION_TYPES
from dxfd.convert.match.rules import SkipReason
from dxfd.convert.review import substrings
from dxfd.convert.review.survey import Survey

_ANNOTATION: Final = frozenset(
    {SkipReason.ANNOTATION_TYPE, SkipReason.ANNOTATION_LAYER, SkipReason.ANNOTATION_BLOCK}
)  # fmt: skip
PROXY: Final = substrings.PROXY


class Rate(Struct, frozen=True, kw_only=True):
    """One drawing's counts of entities.

    Attributes:
        drawing: its file's name.
        entities: in the model.
        annotation: of those, what the rules know to be annotation (by type, layer or block).
        matched: became elements by the rules.
        proxies: of those, as IfcBuildingElementProxy.
        prefix_matched: would be elements by discipline prefix and substrings.
        prefix_annotation: of those, texts, dimensions, hatches and the like.
        word_matched: have one of the substrings, whatever their discipline.
        word_annotation: of those, texts, dimensions, hatches and the like.
    """

    drawing: str
    entities: int
    annotation: int
    matched: int
    proxies: int
    prefix_matched: int
    prefix_annotation: int
    word_matched: int
    word_annotation: int

    @property
    def things(self) -> int:
        """Entities that may be building parts: all but annotation."""
        return self.entities - self.annotation

    @property
    def rate(self) -> float:
        """Elements by the rules, of what may be building parts."""
        return self.matched / self.things if self.things else 0.0

    @property
    def prefix_rate(self) -> float:
        """Building parts by prefixes and substrings, of what may be building parts."""
        return max(0, self.prefix_matched - self.prefix_annotation) / self.things if self.things else 0.0

    @property
    def word_rate(self) -> float:
        """The same without asking for a discipline."""
        return max(0, self.word_matched - self.word_annotation) / self.things if self.things else 0.0


def rate(survey: Survey, rules: RuleSet) -> Rate:
    """Return a drawing's counts."""
    total = dict.fromkeys(
        ("annotation", "matched", "proxies", "prefix_matched", "prefix_annotation", "word_matched", "word_annotation"),
        0,
    )
    for kind in survey.kinds:
        choice = rules.choices(kind.entity_type, kind.layer, kind.block)[-1]
        apart = kind.entity_type in ANNOTATION_TYPES or choice.reason in _ANNOTATION
        if choice.element is not None:
            total["matched"] += kind.count
            total["proxies"] += kind.count * (choice.element.ifc_class == PROXY)
        elif apart:
            total["annotation"] += kind.count
        for name, found in (
            ("prefix", substrings.by_prefix(kind.layer, kind.block)),
            ("word", substrings.by_words(kind.layer, kind.block)),
        ):
            if found is not None:
                total[f"{name}_matched"] += kind.count
                total[f"{name}_annotation"] += kind.count * (apart and choice.element is None)
    return Rate(drawing=survey.path.name, entities=survey.entities, **total)
