"""The values a rule set may hold: one checker per kind, each returns the value or says what is wrong with it.

Owns the words of the complaint, not its place (ruleset.py knows file, rule and line). Pure.
"""

from __future__ import annotations

import re
from typing import Final

from dxfd.convert.match.rules import DISCIPLINES, RGB_COLOR, Recipe

_IFC_CLASS = re.compile(r"Ifc[A-Z][A-Za-z0-9]*")
_MAX_LENGTH_M: Final = 1000.0
_MEASURE = re.compile(r"([-+]?\d+(?:\.\d*)?|[-+]?\.\d+)\s*(mm|cm|m|in|ft|\"|')")
_IN_METRES: Final = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254, '"': 0.0254, "ft": 0.3048, "'": 0.3048}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS: Final = ("name", "handle", "layer", "block", "type")
_RGB = re.compile(r"#([0-9A-Fa-f]{6})")


class WrongValueError(Exception):
    """A value is wrong; ruleset.py makes a TemplatesError of it that knows the place."""


def text(value: object) -> str:
    """Return text."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be text, not {value!r}")
    return value


def some_text(value: object) -> str:
    """Return text that is not blank."""
    if not text(value).strip():
        raise WrongValueError("must not be empty")
    return str(value)


def texts(value: object) -> tuple[str, ...]:
    """Return a list of such texts."""
    if isinstance(value, str):
        raise WrongValueError(f"must be a list of text, as [{value!r}]")
    if not isinstance(value, list):
        raise WrongValueError(f"must be a list of text, not {value!r}")
    return tuple(some_text(item) for item in value)


def regexes(value: object) -> tuple[str, ...]:
    """Return a list of regular expressions."""
    for pattern in texts(value):
        try:
            re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise WrongValueError(f"{pattern!r} is no regular expression: {error}") from None
    return texts(value)


def number(value: object) -> float:
    """Return a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValueError(f"must be a number, not {value!r}")
    return float(value)


def length(value: object) -> float:
    """Return metres above 0."""
    metres = number(value)
    if not 0 < metres <= _MAX_LENGTH_M:
        raise WrongValueError(f"must be metres above 0 and up to {_MAX_LENGTH_M:g}, not {value!r}")
    return metres


def elevation(value: object) -> float:
    """Return metres, below 0 too."""
    metres = number(value)
    if not -_MAX_LENGTH_M <= metres <= _MAX_LENGTH_M:
        raise WrongValueError(f"must be metres within ±{_MAX_LENGTH_M:g}, not {value!r}")
    return metres


def not_negative(value: object) -> float:
    """Return metres from 0 up."""
    metres = number(value)
    if not metres >= 0:
        raise WrongValueError(f"must be metres from 0 up, not {value!r}")
    return metres


def share(value: object) -> float:
    """Return 0 to 1."""
    part = number(value)
    if not 0 <= part <= 1:
        raise WrongValueError(f"must be within 0 and 1, not {value!r}")
    return part


def whole(value: object) -> int:
    """Return a whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongValueError(f"must be a whole number, not {value!r}")
    return value


def flag(value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, not {value!r}")
    return value


def code(value: object) -> str:
    """Return a discipline code."""
    if value not in DISCIPLINES:
        raise WrongValueError(f"must be one of {' '.join(DISCIPLINES)}, not {value!r}")
    return str(value)


def codes(value: object) -> tuple[str, ...]:
    """Return one discipline code or a list."""
    found = tuple(code(item) for item in (value if isinstance(value, list) else [value]))
    if not found:
        raise WrongValueError("must name at least one discipline")
    return found


def ifc_class(value: object) -> str:
    """Return an IFC class."""
    if not _IFC_CLASS.fullmatch(text(value)):
        raise WrongValueError(f"must be an IFC class such as IfcWall, not {value!r}")
    return str(value)


def recipe(value: object) -> Recipe:
    """Return a recipe."""
    try:
        return Recipe(text(value))
    except ValueError:
        raise WrongValueError(f"must be one of {' '.join(Recipe)}, not {value!r}") from None


def rgba(value: object) -> str:
    """Return a colour "r,g,b,a"."""
    parts = [part.strip() for part in text(value).split(",")]
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 4 or not all(0 <= number <= 1 for number in numbers):
        raise WrongValueError(f'must be "r,g,b,a" with parts from 0 to 1, not {value!r}')
    return ",".join(parts)


def types(value: object) -> frozenset[str]:
    """Return DXF type names."""
    return frozenset(name.upper() for name in texts(value))


def measure(value: object) -> float:
    """Return metres of a length with its unit, as "200 mm"."""
    match = _MEASURE.fullmatch(text(value).strip())
    if match is None:
        raise WrongValueError(f'must be a length with mm, cm, m, in or ft, as "200 mm", not {value!r}')
    return round(float(match.group(1)) * _IN_METRES[match.group(2)], 9)


def name_pattern(value: object) -> str:
    """Return a pattern of names."""
    pattern = some_text(value)
    for inside in _PLACEHOLDER.findall(pattern):
        if inside not in _PLACEHOLDERS and not (inside.startswith("attr:") and inside.removeprefix("attr:").strip()):
            known = " ".join(f"{{{name}}}" for name in (*_PLACEHOLDERS, "attr:TAG"))
            raise WrongValueError(f"has {{{inside}}}; known are {known}")
    if "{" in _PLACEHOLDER.sub("", pattern) or "}" in _PLACEHOLDER.sub("", pattern):
        raise WrongValueError(f"has a brace without its other, in {pattern!r}")
    return pattern


def colors(value: object) -> tuple[int, ...]:
    """Return colours: ACI numbers, and "#rrggbb" as RGB_COLOR + number."""
    if not isinstance(value, list) or not value:
        raise WrongValueError(f"must be a list of colours, as [1, '#ff8000'], not {value!r}")
    return tuple(_color(item) for item in value)


def _color(value: object) -> int:
    if isinstance(value, str) and (match := _RGB.fullmatch(value)):
        return RGB_COLOR + int(match.group(1), 16)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise WrongValueError(f"must be colour numbers from 0 to 255 or '#rrggbb', not {value!r}")
    return value


def attributes(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return (tag, globs of its value) of a table."""
    if not isinstance(value, dict) or not value:
        raise WrongValueError("must be a table of tags and lists of values, as { TYPE = ['FD*'] }")
    return tuple((tag.strip().upper(), texts(globs)) for tag, globs in value.items())
