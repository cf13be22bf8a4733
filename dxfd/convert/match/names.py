"""Names of layers and blocks, looked at once: which words of which rules they have, which disciplines they speak of.

Owns the index over the words of all rules and the compiled tests of names. Does not know rules (engine.py does).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Final

from msgspec import Struct

from dxfd.convert.match import tokens
from dxfd.convert.match.rules import DisciplineWords, NameTest
from dxfd.convert.match.words import Hit, WordIndex

_PATTERN_WEIGHT: Final = 15
_NAMES_KEPT: Final = 16384
_LETTER_PREFIX = re.compile(r"[\W\d]*[A-Za-z]{1,2}[-_]")


class Name(Struct, frozen=True):
    """What is known of one name.

    Attributes:
        text: without xref prefix.
        folded: the same without accents and case.
        hits: best hit per number of the index.
        disciplines: codes it speaks of, the surest first.
    """

    text: str
    folded: str
    hits: dict[int, Hit]
    disciplines: tuple[str, ...]


class Test(Struct, frozen=True):
    """A compiled NameTest; `words` and `no` are numbers in the index, -1 for none."""

    words: int
    no: int
    patterns: tuple[tuple[str, re.Pattern[str], bool], ...]
    """(as written, compiled, on the folded name)."""
    asks: bool


def holds(test: Test, name: Name, what: str) -> tuple[int, str] | str:
    """Return the weight and what was found, or in words what failed. `what` is layer or block, for the words."""
    if test.no in name.hits:
        return f"the {what} has “{name.hits[test.no].word}”, which rules it out"
    if not test.asks:
        return 0, ""
    best: tuple[int, str] | None = None
    if test.words in name.hits:
        hit = name.hits[test.words]
        best = (hit.weight, f"{what} has “{hit.word}”")
    for written, pattern, folded in test.patterns:
        if (best is None or best[0] < _PATTERN_WEIGHT) and pattern.search(name.folded if folded else name.text):
            best = (_PATTERN_WEIGHT, f"{what} is like {written}")
    return best or f"the {what} has none of its words or patterns"


class NameBook:
    """Every word of a rule set, and the names seen last."""

    def __init__(self, disciplines: Sequence[DisciplineWords]) -> None:
        self._index = WordIndex()
        self._numbers = 0
        self._spoken = [(words.code, self._number(words.words)) for words in disciplines]
        self._prefixes = {
            prefix: words.code for words in disciplines for raw in words.prefixes for prefix in tokens.spellings(raw)
        }
        self.look = lru_cache(maxsize=_NAMES_KEPT)(self._look)
        """Return the Name of a layer or block as it stands in the drawing."""

    def test(self, test: NameTest) -> Test:
        """Compile a test; all tests are compiled before the first name is looked at."""
        globs = [(glob, re.compile(translate(tokens.fold(glob))), True) for glob in test.globs]
        regex = [(text, re.compile(text, re.IGNORECASE), False) for text in test.regex]
        return Test(self._number(test.words), self._number(test.no), (*globs, *regex), test.asks)

    def _number(self, words: Iterable[str]) -> int:
        """Return the index's number for these words, -1 for none."""
        listed = tuple(words)
        if not listed:
            return -1
        self._numbers += 1
        for word in listed:
            self._index.add(word, self._numbers)
        return self._numbers

    def _look(self, name: str) -> Name:
        bare = tokens.strip_xref(name)
        words = tokens.split(name)
        hits = self._index.find(words)
        return Name(bare, tokens.fold(bare), hits, tuple(dict.fromkeys(self._speaks(bare, words, hits))))

    def _speaks(self, bare: str, words: tuple[str, ...], hits: dict[int, Hit]) -> Iterator[str]:
        """Yield the disciplines a name speaks of: words anywhere (the heavier first), then its prefix."""
        found = [
            (-hits[number].weight, order, code) for order, (code, number) in enumerate(self._spoken) if number in hits
        ]
        for _, _, code in sorted(found):
            yield code
        first = next((word for word in words if not word.isdigit()), "")
        code = self._prefixes.get(first, "")
        # One or two letters are a discipline only as a field of their own: E-LITE, MH-DUCT, but not `E 12`.
        if code and (len(first) > 2 or _LETTER_PREFIX.match(bare) or bare.casefold() == first):
            yield code
