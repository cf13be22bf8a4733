"""Which length a drawing unit is, with the evidence. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct

from dxfd.convert.build.ragged import Floats
from dxfd.errors import ConfigError

METRES: Final = {
    "mm": 0.001, "cm": 0.01, "dm": 0.1, "m": 1.0, "km": 1000.0,
    "in": 0.0254, "ft": 0.3048, "yd": 0.9144, "mi": 1609.344,
}  # fmt: skip
"""Metres per unit, by the names that settings take."""

INSUNITS: Final = {
    1: ("in", 0.0254), 2: ("ft", 0.3048), 3: ("mi", 1609.344), 4: ("mm", 0.001), 5: ("cm", 0.01), 6: ("m", 1.0),
    7: ("km", 1000.0), 8: ("microinch", 2.54e-8), 9: ("mil", 2.54e-5), 10: ("yd", 0.9144), 11: ("angstrom", 1e-10),
    12: ("nm", 1e-9), 13: ("um", 1e-6), 14: ("dm", 0.1), 15: ("dam", 10.0), 16: ("hm", 100.0), 17: ("Gm", 1e9),
    18: ("au", 1.495978707e11), 19: ("ly", 9.4607304725808e15), 20: ("pc", 3.085677581491367e16),
    21: ("us-ft", 1200 / 3937), 22: ("us-in", 100 / 3937), 23: ("us-yd", 3600 / 3937), 24: ("us-mi", 6336000 / 3937),
}  # fmt: skip
"""$INSUNITS to (name, metres per unit): DXF reference, HEADER section."""

_NONE: Final = np.empty(0)
_IMPERIAL: Final = frozenset({1, 2, 3, 8, 9, 10, 21, 22, 23, 24})
"""$INSUNITS that are not metric."""
_LEAST_BUILDING_M: Final = 3.0
_MOST_BUILDING_M: Final = 20_000.0
_USUAL_M: Final = (4.0, 1_000.0)
"""Between these the drawing of a building is wide, whatever it shows."""
_DOORS_M: Final = (0.55, 1.3)
_WITH_DOORS_M: Final = (10.0, 2_000.0)
"""A drawing that is as wide may be without doors."""
_SPANS_M: Final = (0.05, 200.0)
"""Between these the middle one of ten dimensions lies."""
_USUAL_SPAN_M: Final = (0.3, 15.0)
_USUAL_TEXT_M: Final = (0.04, 1.5)
"""Written 2 to 6 mm high at scales of 1:20 to 1:250."""
_FEWEST_DOORS, _FEWEST_SPANS = 3, 10
_LIKELY: Final = ("mm", "m", "cm", "ft", "in")

_MM_BEYOND: Final = 10_000.0
"""A unitless drawing wider than this is taken for millimetres: 10 km of building is rarer than 10 m drawn in mm."""


class Units(Struct, frozen=True):
    """A drawing's unit.

    Attributes:
        name: as in METRES or INSUNITS.
        metres: metres per drawing unit.
        source: override, $INSUNITS or assumed.
        note: what is doubtful about it; empty if nothing is.
    """

    name: str
    metres: float
    source: str
    note: str = ""


def decide(override: str | None, insunits: int, measurement: int | None, spread: float) -> Units:
    """Return the unit: the override, else $INSUNITS, else a guess from the drawing's size, told as such.

    Args:
        override: a name of METRES, or None.
        insunits: $INSUNITS, 0 = unitless.
        measurement: $MEASUREMENT, 0 imperial, 1 metric, None if absent.
        spread: how far the drawing's points lie apart, in drawing units.

    Raises:
        ConfigError: the override is no unit.
    """
    if override:
        if override not in METRES:
            raise ConfigError(f"there is no unit {override!r}", hint="units: " + ", ".join(METRES))
        return Units(override, METRES[override], "override")
    if insunits in INSUNITS:
        name, metres = INSUNITS[insunits]
        return Units(name, metres, "$INSUNITS")
    name = "mm" if spread > _MM_BEYOND else "m"
    note = f"$INSUNITS is {insunits or 'unitless'}; {name} is assumed from the drawing's extent of {spread:.0f} units"
    if measurement == 0:
        note += ", but $MEASUREMENT says imperial"
    return Units(name, METRES[name], "assumed", note)


class Lengths(Struct, frozen=True):
    """Lengths in a sample of a drawing, in drawing units.

    Attributes:
        width: of the main part of the drawing; 0 if it is not known.
        swings: radii of quarter circles.
        texts: heights.
        spans: what linear dimensions measure.
    """

    width: float
    swings: Floats = _NONE
    texts: Floats = _NONE
    spans: Floats = _NONE

    def doors(self, metres: float) -> bool:
        """Return whether there are some that doors could swing along, in a unit of so many metres."""
        low, high = _DOORS_M
        count = int(((self.swings * metres >= low) & (self.swings * metres <= high)).sum())
        return count >= max(_FEWEST_DOORS, len(self.swings) // 10)

    def fit(self, metres: float) -> int:
        """Return how much speaks for a unit of so many metres."""
        said = [_between(self.width * metres, _USUAL_M), self.doors(metres)]
        for lengths, usual in ((self.spans, _USUAL_SPAN_M), (self.texts, _USUAL_TEXT_M)):
            said.append(bool(len(lengths)) and _between(float(np.median(lengths)) * metres, usual))
        return sum(said)


def _between(value: float, ends: tuple[float, float]) -> bool:
    return ends[0] <= value <= ends[1]


def doubt(units: Units, insunits: int, measurement: int | None, lengths: Lengths) -> str:
    """Return what in the drawing speaks against its unit, in words; "" if nothing does.

    Args:
        units: what is taken.
        insunits: $INSUNITS.
        measurement: $MEASUREMENT, 0 imperial, 1 metric, None if absent.
        lengths: in a sample of it.
    """
    against = list(_unlikely(units.metres, lengths))
    likely = ""
    if against:
        likely = max(_LIKELY, key=lambda name: lengths.fit(METRES[name]))  # the first of those that fit alike
        likely = likely if lengths.fit(METRES[likely]) > lengths.fit(units.metres) else ""
    if units.source != "assumed" and insunits in INSUNITS and measurement is not None:
        if measurement == 1 and insunits in _IMPERIAL:
            against.append("$MEASUREMENT says metric")
        elif measurement == 0 and insunits not in _IMPERIAL:
            against.append("$MEASUREMENT says imperial")
    if units.source == "override" and insunits in INSUNITS and INSUNITS[insunits][1] != units.metres:
        against.append(f"$INSUNITS says {INSUNITS[insunits][0]}")
    if not against:
        return ""
    words = f"{units.name} ({units.source}) is taken as the unit, but {' and '.join(against)}"
    return words + (f"; --units {likely} would fit" if likely and likely != units.name else "")


def _unlikely(metres: float, lengths: Lengths) -> Iterator[str]:
    """Yield what in the lengths speaks against a unit of so many metres."""
    width = lengths.width * metres
    if width > 0 and not _between(width, (_LEAST_BUILDING_M, _MOST_BUILDING_M)):
        yield f"the drawing would be {width:,.3g} m wide"
    elif width > 0 and not _between(width, _WITH_DOORS_M) and not lengths.doors(metres):
        other = next((name for name in _LIKELY if lengths.doors(METRES[name])), "")
        if other:
            yield f"none of {len(lengths.swings)} quarter circles would be as wide as a door, but some in {other}"
    if len(lengths.spans) >= _FEWEST_SPANS:
        middle = float(np.median(lengths.spans)) * metres
        if not _between(middle, _SPANS_M):
            yield f"the middle one of {len(lengths.spans)} dimensions would be {middle:,.2g} m"
