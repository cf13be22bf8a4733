"""Names of layers and blocks as words: folding, xref prefixes, splitting.

Owns what a word boundary is, so that WALLPAPER is no wall while A-WALL-FULL, 01_WALL EXT and Wand-aussen are.
Pure functions on strings; run in the worker.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_VIEW = re.compile(r"(?:-(?:V\d+|\d{5,})|_rvt-\d+)-.*$", re.DOTALL)
_XREF = re.compile(r"^.*(?:\||\$\d+\$)")
_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
# Order matters: CJK, capitals with a plural s (DOORs), an acronym before a capitalised word (HVACDuct), a capitalised
# word, capitals, digits, letters of other scripts.
_PIECE = re.compile(
    rf"[{_CJK}]+|[A-Z]{{2,}}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z{_CJK}]+"
)
_IS_CJK = re.compile(rf"[{_CJK}]")
# Letters that Unicode does not decompose but people write without their stroke.
_STROKES: Final = str.maketrans(
    dict(zip("øØłŁđĐı", "oOlLdDi", strict=True)) | {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE"}
)
_KANA_MARKS: Final = "\u3099\u309a"
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "AE", "Ö": "OE", "Ü": "UE"})


def strip_xref(name: str) -> str:
    """Return the name without the drawing it was referenced from: `site|A-WALL` and `site$0$A-WALL` give A-WALL."""
    return _XREF.sub("", name) or name


def strip_view(block: str) -> str:
    """Return a block name without the element number and view that Revit adds: `Single Door-1478187-FLOOR PLAN - ROOF`.

    The view's name would make roofs of everything on a roof plan.
    """
    return _VIEW.sub("", block) or block


def unaccent(text: str) -> str:
    """Return the text without accents, full-width forms made narrow; upper and lower case stay."""
    if text.isascii():  # nearly all words of the rules: 10 ms less at every start
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in decomposed if char in _KANA_MARKS or not unicodedata.combining(char))
    return unicodedata.normalize("NFC", bare).translate(_STROKES)


def fold(text: str) -> str:
    """Return the text without accents and without case: `Stützen` gives stutzen, `Fußboden` fussboden."""
    return unaccent(text).casefold()


def spellings(word: str) -> tuple[str, ...]:
    """Return the folded forms of a rule's word: `wände` is also written wande and waende."""
    composed = unicodedata.normalize("NFC", word)
    return tuple(dict.fromkeys((fold(composed), fold(composed.translate(_UMLAUTS)))))


def is_cjk(token: str) -> bool:
    """Return whether a token is of a script that puts no space between words (searched by substring)."""
    return bool(_IS_CJK.match(token))


@lru_cache(maxsize=8192)
def split(name: str) -> tuple[str, ...]:
    """Return the folded words of a name, without its xref prefix.

    Words end at everything that is neither letter nor digit, where letters meet digits, where small meets capital
    (`DoorTag`, `HVACDuct`) and where CJK meets other scripts. Capitals throughout are one word.
    """
    return tuple(piece.casefold() for piece in _PIECE.findall(unaccent(strip_xref(name))))


def singulars(token: str) -> tuple[str, ...]:
    """Return the token and what it may be the plural of: walls gives walls, wall; boxes gives boxes, boxe, box.

    Three letters must stay, so that `gas` is not the plural of `ga`.
    """
    forms = [token]
    if token.isalpha() and token.endswith("s"):
        if len(token) >= 4:
            forms.append(token[:-1])
        if token.endswith("es") and len(token) >= 5:
            forms.append(token[:-2])
    return tuple(forms)
