"""What of a drawing is converted: model, paper layouts, hidden layers. Decides; reads only which layouts there are.

An entity's layout is told by where it stands: the model and the active layout in ENTITIES, the others in blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.build.ragged import Bools, Ints
from dxfd.convert.match.rules import Element
from dxfd.convert.read.columns import Heads
from dxfd.convert.read.layouts import MODEL_NAME, Layouts, layouts
from dxfd.convert.read.skim import Layer, Section, Skim
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Stream
from dxfd.convert.types import BOX, EXPLODE, ConvertOptions, First, HiddenLayers

LAYER_HIDDEN: Final = "layer_hidden"
INVISIBLE: Final = "invisible"
_NAMES_TOLD: Final = 20
"""Layouts that a message lists."""
_FIRST_CLASSES: Final = frozenset({"IfcWall", "IfcCurtainWall", "IfcColumn", "IfcBeam", "IfcSlab", "IfcFooting"})
OUTSIDE: Final = frozenset({"paper_space", "model_space"})
"""Reasons of entities in layouts that are not converted: they are not counted as read."""


class View(Struct, frozen=True):
    """The entities of a chunk as they concern the conversion.

    Attributes:
        head: their heads, `paper` being those of layouts that are not converted.
        paper: (E,) they lie in a paper layout.
        hidden: (E,) they are not shown and not to be converted; None if nothing is.
        layouts: names of layouts.
        layout_of: (E,) index into them.
    """

    head: Heads
    paper: Bools
    hidden: Bools | None
    layouts: tuple[str, str]
    layout_of: Ints

    def named(self, entities: Ints) -> Any:
        """Return an Arrow string array (n,): paper layouts of entities, null for the model; None if all are there."""
        if not self.paper[entities].any():
            return None
        names = pa.array([None, *self.layouts[1:]], type=pa.string())
        return names.take(pa.array(self.layout_of[entities]))


class Scope:
    """The choice of one run."""

    def __init__(self, options: ConvertOptions, source: Source, found: Skim, chunk_bytes: int) -> None:
        """Find out which layouts there are, if any but the model is asked for."""
        blocks = Stream(source, [s for s in found.sections if s.name == "BLOCKS"], chunk_bytes)
        self.layouts: Layouts = layouts(source, found.sections, found.codec, blocks, options.layouts)
        self._entities = [s for s in found.sections if s.name == "ENTITIES"]
        self._once: list[Section] = [*self._entities, *self.layouts.others]
        self._passes = 1 if options.first is First.ALL else 2
        self.explodes = policy(options, found.true_names)
        self.sections: list[Section] = self._once * self._passes
        """What a stream reads, twice where structure comes first: the checkpoint counts them."""
        if self.explodes is not None:
            self.sections += [replace(section, name=f"{section.name} (content)") for section in self._once]
        self._known = self.layouts.known
        self.skips_hidden = options.hidden_layers is HiddenLayers.SKIP
        self.layers: dict[str, Layer] = {name.upper(): layer for name, layer in found.layers.items()}
        """By name in capitals: CAD programs know no case."""

    def notes(self) -> list[tuple[str, str]]:
        """Return what is to be told of the choice, as (issue code, message)."""
        there = self.layouts.names[:_NAMES_TOLD]
        more = ", ..." if len(self.layouts.names) > _NAMES_TOLD else ""
        words = f"there are {', '.join((MODEL_NAME, *there))}{more}"
        return [("layout_missing", f"there is no layout {name!r}; {words}") for name in self.layouts.missing]

    def hides(self, layer: str) -> bool:
        """Return whether what lies on a layer is left out."""
        known = self.layers.get(layer.upper())
        return self.skips_hidden and known is not None and (known.frozen or known.off)

    def freezes(self, layer: str) -> bool:
        """Return whether what is inserted on a layer is left out, whatever layers its content has."""
        known = self.layers.get(layer.upper())
        return self.skips_hidden and known is not None and known.frozen

    def is_content(self, section: int) -> bool:
        """Return whether a section is read for the second time: for the content of its block references."""
        return section >= self._passes * len(self._once) > 0

    def view(self, chunk: Chunk, head: Heads) -> View:
        """Return which entities of a chunk are converted."""
        section = chunk.place.section % max(len(self._once), 1)
        if section >= len(self._entities):
            whole = np.ones(chunk.count, dtype=np.bool_)
            names = MODEL_NAME, self.sections[section].name
            lies = whole.astype(np.int64)
            return self._hide(View(replace(head, paper=~whole, layout=(names, lies)), whole, None, names, lies))
        names = MODEL_NAME, self.layouts.active if self._known else ""
        outside = np.where(head.paper, not self.layouts.active_chosen, not self.layouts.model)
        lies = head.paper.astype(np.int64)
        seen = replace(head, paper=outside.astype(np.bool_), layout=(names, lies) if self._known else None)
        return self._hide(View(seen, head.paper, None, names, lies))

    def elsewhen(self, chunk: Chunk, rule: Ints, elements: list[Element]) -> Bools | None:
        """Return (E,) which entities another pass takes; None if there is but one."""
        if self._passes == 1:
            return None
        early = np.array([*(comes_first(element) for element in elements), False], dtype=np.bool_)[rule]
        early = early[chunk.owner]
        return ~early if self.is_early(chunk) else early

    def is_early(self, chunk: Chunk) -> bool:
        """Return whether a chunk belongs to the first of two passes."""
        return self._passes > 1 and chunk.place.section < len(self._once)

    def apply(self, view: View, rule: Ints, reasons: tuple[list[str], Ints]) -> tuple[list[str], Ints]:
        """Take what is out of scope from its rules, in place, and return the reasons with those added."""
        words, of = reasons
        model = view.head.paper & ~view.paper & (rule < 0)
        if view.hidden is None and not model.any():
            return reasons
        words, of = [*words, "model_space", LAYER_HIDDEN, INVISIBLE], of.copy()
        last = len(words)
        of[model] = last - 3
        if view.hidden is not None:
            hidden = view.hidden & ~view.head.paper
            rule[hidden] = -1
            of[hidden] = np.where(view.head.invisible[hidden], last - 1, last - 2)
        return words, of

    def _hide(self, view: View) -> View:
        if not self.skips_hidden:
            return view
        hides = np.array([self.hides(name) for name in view.head.layers], dtype=np.bool_)
        return replace(view, hidden=hides[view.head.layer_of] | view.head.invisible)


def comes_first(element: Element) -> bool:
    """Return whether an element belongs to what shows the building: structure, walls, floors."""
    return element.discipline == "STR" or element.ifc_class in _FIRST_CLASSES


def policy(options: ConvertOptions, true_names: dict[str, str]) -> Callable[[str], bool] | None:
    """Return which blocks (by name in capitals) are to be exploded; None if none is."""
    words = [name.upper() for name in options.blocks]
    patterns = ["*" if word == EXPLODE.upper() else word for word in words if word != BOX.upper()]
    if not patterns:
        return None

    def wanted(name: str) -> bool:
        names = (name, true_names.get(name, name).upper())
        return any(fnmatchcase(each, pattern) for each in names for pattern in patterns)

    return wanted
