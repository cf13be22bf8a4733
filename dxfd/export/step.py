"""STEP's text (ISO 10303-21): strings, references, and IFC's identifiers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$"
_GUID_LENGTH: Final = 22
_HEAD: Final = 11
LONGEST_LABEL: Final = 255
"""Characters of an IfcLabel or IfcIdentifier."""


def string(text: str) -> str:
    """Return a string literal; what is not printable ASCII is escaped."""
    if text.isascii() and text.isprintable() and "'" not in text and "\\" not in text:
        return f"'{text}'"
    return f"'{''.join(_escaped(text))}'"


@lru_cache(maxsize=4096)
def quoted(text: str) -> str:
    """Return a string literal; for texts that come again and again."""
    return string(text)


def _escaped(text: str) -> Iterator[str]:
    wide: list[str] = []
    for char in text:
        code = ord(char)
        if 32 <= code < 127:
            if wide:
                yield _wide(wide)
                wide = []
            yield {"'": "''", "\\": "\\\\"}.get(char, char)
        else:
            wide.append("\N{REPLACEMENT CHARACTER}" if 0xD800 <= code < 0xE000 else char)
    if wide:
        yield _wide(wide)


def _wide(chars: list[str]) -> str:
    """Return characters as X2 (16 bits each) or X4 (32 bits each) has them."""
    size = 4 if any(ord(char) > 0xFFFF for char in chars) else 2
    digits = "".join(f"{ord(char):0{2 * size}X}" for char in chars)
    return f"\\X{size}\\{digits}\\X0\\"


def references(ids: Iterable[int]) -> Iterator[str]:
    """Yield "#1,#2,…" in pieces of some ten thousand."""
    rest = iter(ids)
    first = True
    while part := list(islice(rest, 10_000)):
        text = ",#".join(map(str, part))
        yield f"#{text}" if first else f",#{text}"
        first = False


def guid(*words: str) -> str:
    """Return the identifier that belongs to words: the same in every run."""
    number = int.from_bytes(hashlib.sha256("\0".join(words).encode("utf-8", "replace")).digest()[:16], "big")
    return "".join(ALPHABET[(number >> 6 * k) & 63] for k in range(_GUID_LENGTH - 1, -1, -1))


@lru_cache(maxsize=64)
def _tails(tail: str) -> tuple[str, ...]:
    return tuple(tail.translate(str.maketrans(ALPHABET, ALPHABET[k:] + ALPHABET[:k])) for k in range(1, 5))


def following(element: str) -> tuple[str, ...]:
    """Return four identifiers for what belongs to one element, cheaply: its own with every later character shifted."""
    head = element[:_HEAD]
    return tuple(head + tail for tail in _tails(element[_HEAD:]))


def proper(element: str) -> str:
    """Return an element's identifier if it is one of IFC's, else one made of it."""
    if len(element) == _GUID_LENGTH and element[0] in "0123":
        return element
    return guid("element", element)
