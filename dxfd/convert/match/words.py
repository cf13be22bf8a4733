"""The index that finds the words of all rules in one name at once.

Owns phrases, plurals, `*` inside a word, and CJK words found inside a run. One pass over the tokens of a name gives
the best hit per owner (a number the engine hands out), so the price of a name does not grow with the number of rules.
"""

from __future__ import annotations

import re
from collections import defaultdict

from msgspec import Struct

from dxfd.convert.match import tokens

_TOKEN = 10
_WILD = 8
_CJK_CHAR = 2


class Hit(Struct, frozen=True):
    """A word of a rule found in a name: its weight (longer phrases weigh more), the word, where it begins."""

    weight: int
    word: str
    at: int


class _Phrase(Struct, frozen=True):
    owner: int
    word: str
    parts: tuple[str | re.Pattern[str], ...]
    weight: int


def parts_of(spelling: str) -> tuple[str | re.Pattern[str], ...]:
    """Return a folded word as what its tokens must be: strings, or patterns where it has a `*`."""
    parts: list[str | re.Pattern[str]] = []
    for piece in spelling.split():
        if "*" in piece:
            parts.append(re.compile("".join(".*" if char == "*" else re.escape(char) for char in piece)))
        else:
            parts.extend(tokens.split(piece))
    return tuple(parts)


class WordIndex:
    """Words of many owners; `find` tells which owners have one in a name."""

    def __init__(self) -> None:
        self._by_token: defaultdict[str, list[_Phrase]] = defaultdict(list)
        self._wild: list[_Phrase] = []
        self._cjk: defaultdict[str, list[_Phrase]] = defaultdict(list)
        self._cjk_longest = 0

    def add(self, word: str, owner: int) -> None:
        """Add a word or phrase in all its spellings; a word without letters or digits finds nothing."""
        for spelling in tokens.spellings(word):
            parts = parts_of(spelling)
            if not parts:
                continue
            first = parts[0]
            if isinstance(first, re.Pattern):
                self._wild.append(_Phrase(owner, word, parts, _WILD + _TOKEN * (len(parts) - 1)))
            elif tokens.is_cjk(first) and len(parts) == 1:
                self._cjk[first].append(_Phrase(owner, word, parts, _WILD + _CJK_CHAR * len(first)))
                self._cjk_longest = max(self._cjk_longest, len(first))
            else:
                self._by_token[first].append(_Phrase(owner, word, parts, _TOKEN * len(parts)))

    def find(self, words: tuple[str, ...]) -> dict[int, Hit]:
        """Return the heaviest hit per owner in a split name; the first of equal ones."""
        hits: dict[int, Hit] = {}

        def note(phrase: _Phrase, at: int) -> None:
            known = hits.get(phrase.owner)
            if known is None or known.weight < phrase.weight:
                hits[phrase.owner] = Hit(phrase.weight, phrase.word, at)

        for at, token in enumerate(words):
            for form in tokens.singulars(token):
                for phrase in self._by_token.get(form, ()):
                    if _continues(phrase, words, at):
                        note(phrase, at)
            for phrase in self._wild:
                if phrase.parts[0].fullmatch(token) and _continues(phrase, words, at):  # type: ignore[union-attr]
                    note(phrase, at)
            if self._cjk and tokens.is_cjk(token):
                for run in self._runs(token):
                    for phrase in self._cjk[run]:
                        note(phrase, at)
        return hits

    def _runs(self, token: str) -> list[str]:
        """Return the known words that are in a CJK token, by where they first begin; shorter ones first."""
        size, longest = len(token), self._cjk_longest
        places = ((i, j) for i in range(size) for j in range(i + 1, min(size, i + longest) + 1))
        return list(dict.fromkeys(run for i, j in places if (run := token[i:j]) in self._cjk))


def _continues(phrase: _Phrase, words: tuple[str, ...], at: int) -> bool:
    """Return whether the parts after the first follow at once."""
    if at + len(phrase.parts) > len(words):
        return False
    for part, token in zip(phrase.parts[1:], words[at + 1 : at + len(phrase.parts)], strict=True):
        if isinstance(part, re.Pattern):
            if not part.fullmatch(token):
                return False
        elif part not in tokens.singulars(token):
            return False
    return True
