"""Colours: "r,g,b,a" texts to numbers, and what an element without one is shown in. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

Colour = tuple[float, float, float, float]

_OF_DISCIPLINE: Final = {
    "ARC": "0.85,0.82,0.75,1", "STR": "0.6,0.6,0.62,1", "FP": "0.85,0.15,0.1,1", "ELEC": "0.95,0.6,0.15,1",
    "ACMV": "0.3,0.55,0.9,1", "SP": "0.15,0.65,0.35,1", "CW": "0.1,0.6,0.75,1", "LPG": "0.95,0.75,0.1,1",
    "REB": "0.45,0.3,0.25,1",
}  # fmt: skip
_OTHER: Final = "0.7,0.7,0.7,1"


@lru_cache(maxsize=4096)
def parsed(rgba: str) -> Colour | None:
    """Return the parts, each from 0 to 1; None if the text is no colour."""
    try:
        red, green, blue, alpha = (min(1.0, max(0.0, float(part))) for part in rgba.split(","))
    except ValueError:
        return None
    return red, green, blue, alpha


@lru_cache(maxsize=4096)
def shown(rgba: str | None, discipline: str) -> str:
    """Return an element's colour, or its discipline's where it has none."""
    return rgba if rgba and parsed(rgba) else _OF_DISCIPLINE.get(discipline, _OTHER)


def linear(rgba: str) -> Colour:
    """Return a colour as light: glTF's factors are linear, the texts are sRGB as screens show it."""
    red, green, blue, alpha = parsed(rgba) or (0.7, 0.7, 0.7, 1.0)
    return _light(red), _light(green), _light(blue), alpha


def _light(value: float) -> float:
    return round(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4, 5)
