"""What rules ask of the single entity, in words and in weight, and how names and values are compared with globs.

Pure; knows no columns (convert/facts.py has them).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate
from functools import lru_cache
from typing import Final

from dxfd.convert.match import tokens
from dxfd.convert.match.rules import RGB_COLOR, Span, Where

_CONDITION_WEIGHT: Final = 6
_ATTRIBUTE_WEIGHT: Final = 20
"""An attribute is what somebody wrote to say what the block is."""


def weight(where: Where) -> int:
    """Return what the conditions add to a rule's specificity."""
    others = (where.colors, where.linetypes, where.layouts, where.closed is not None, where.length_m, where.size_m)
    return _ATTRIBUTE_WEIGHT * len(where.attributes) + _CONDITION_WEIGHT * sum(map(bool, others))


def words(where: Where) -> str:
    """Return the conditions in words, "" if there are none."""
    return "; ".join(_parts(where))


def _parts(where: Where) -> Iterator[str]:
    for tag, globs in where.attributes:
        yield f"attribute {tag} like {' or '.join(globs)}"
    if where.colors:
        yield "colour " + " or ".join(color_name(color) for color in where.colors)
    if where.linetypes:
        yield "linetype like " + " or ".join(where.linetypes)
    if where.layouts:
        yield "layout like " + " or ".join(where.layouts)
    if where.closed is not None:
        yield "closed" if where.closed else "not closed"
    for name, span in (("length", where.length_m), ("size", where.size_m)):
        if span is not None:
            yield f"{name} {_span(span)}"


def color_name(color: int) -> str:
    """Return a colour as it is written in rules: a number or #rrggbb."""
    return f"#{color - RGB_COLOR:06x}" if color >= RGB_COLOR else str(color)


def _span(span: Span) -> str:
    if span.low is None:
        return f"up to {span.high:g} m"
    return f"from {span.low:g} m" if span.high is None else f"{span.low:g} to {span.high:g} m"


@lru_cache(maxsize=1024)
def _globs(globs: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(translate(tokens.fold(glob))) for glob in globs)


def like(globs: tuple[str, ...], text: str) -> bool:
    """Return whether a text is like one of the globs, without regard to case, accents and blanks at its ends."""
    folded = tokens.fold(text.strip())
    return any(pattern.match(folded) for pattern in _globs(globs))
