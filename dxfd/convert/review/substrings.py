"""What matching by substrings would make of a layer and a block: what rules with word boundaries are compared with.

The usual way of the field: a discipline by the beginning of the layer's name, a class by the first of some words found
anywhere in the block's or the layer's name, else a proxy. It knows no annotation and no word boundaries. Used for
comparison alone.
"""

from __future__ import annotations

from typing import Final

_PREFIXES: Final = ("ARC", "FP", "ELEC", "ACMV", "SP", "STR", "CW", "LPG")
_BLOCKS: Final = (
    (("SPRINKLER",), "IfcFireSuppressionTerminal"),
    (("ALARM",), "IfcAlarm"),
    (("LIGHT",), "IfcLightFixture"),
    (("CHAIR", "TABLE", "SEAT"), "IfcFurniture"),
    (("DIFFUSER", "GRILLE"), "IfcAirTerminal"),
)
_LAYERS: Final = (
    ("PIPE", "IfcPipeSegment"),
    ("DUCT", "IfcDuctSegment"),
    ("WALL", "IfcWall"),
    ("DOOR", "IfcDoor"),
    ("WIN", "IfcWindow"),
    ("SLAB", "IfcSlab"),
    ("FLOOR", "IfcSlab"),
    ("BEAM", "IfcBeam"),
    ("COL", "IfcColumn"),
)
PROXY: Final = "IfcBuildingElementProxy"


def by_prefix(layer: str, block: str) -> str | None:
    """Return the class, as if there were a template of every class for every discipline; None: no discipline."""
    if not layer.upper().startswith(_PREFIXES):
        return None
    return by_words(layer, block) or PROXY


def by_words(layer: str, block: str) -> str | None:
    """Return the class by substrings alone, whatever the discipline; None: no word of the list."""
    for words, ifc_class in _BLOCKS:
        if any(word in block.upper() for word in words):
            return ifc_class
    return next((ifc_class for word, ifc_class in _LAYERS if word in layer.upper()), None)
