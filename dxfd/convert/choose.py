"""Which element each entity of a chunk becomes.

Rules are asked once per (type, layer, block), single entities only where rules ask for more.

Owns the numbers of elements within a run and the memory of answers. What is asked of single entities are columns
(facts.py); no entity is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from dxfd.convert.build.ragged import Ints
from dxfd.convert.facts import Facts, Tables
from dxfd.convert.keys import tally
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.rules import Choice, Element
from dxfd.convert.read.columns import Heads
from dxfd.convert.read.stream import Chunk

PAPER_SPACE: Final = "paper_space"
_MOST_KNOWN: Final = 20_000
"""Answers kept: 15 MB. 100,000 layers took 80 MB of them, and a drawing may have as many as entities."""
_Answers = list[tuple[Choice, int, int]]
"""Choices with the numbers of their element and their reason."""


class Chooser:
    """The choices of one run."""

    def __init__(self, rules: RuleSet, tables: Tables, resolved: Callable[[Element], Element] | None = None) -> None:
        """Take the rules, what facts depend on, and what makes an element of this building of a rule's element."""
        self._rules = rules
        self._tables = tables
        self._resolved = resolved
        self.elements: list[Element] = []
        """By number."""
        self._number: dict[Element, int] = {}
        self._known: dict[tuple[str, str, str], _Answers] = {}
        self._reasons = {"": 0, PAPER_SPACE: 1}

    def choose(
        self, chunk: Chunk, head: Heads, names: tuple[list[str], Ints], matched_names: list[str]
    ) -> tuple[Ints, tuple[list[str], Ints]]:
        """Return the element of each entity (-1 = none) and, for the ledger, why not: reasons and (E,) index.

        Args:
            chunk: the entities.
            head: their layers and spaces.
            names: distinct block names and (E,) index into them.
            matched_names: the names that rules are asked with, as many.
        """
        layers, blocks = len(head.layers), len(names[0])
        key = (chunk.kind_of.astype(np.int64) * layers + head.layer_of) * blocks + names[1]
        asked = ~chunk.follower & (~head.paper | self._rules.asks_layout)
        at = np.flatnonzero(asked)
        first, inverse = tally(key[at])
        keys = key[at][first]
        answers: list[_Answers] = []
        for value in keys.tolist():
            pair, block = divmod(value, blocks)
            kind, layer = divmod(pair, layers)
            answers.append(self._answers(chunk.kinds[kind], head.layers[layer], matched_names[block]))
        number = np.array([a[-1][1] for a in answers], dtype=np.int64)
        why_of = np.array([a[-1][2] for a in answers], dtype=np.int64)
        rule = np.full(chunk.count, -1, dtype=np.int64)
        reason = np.ones(chunk.count, dtype=np.int64)
        rule[at] = number[inverse]
        reason[at] = why_of[inverse]
        rule[head.paper], reason[head.paper] = -1, 1
        asking = [k for k, answer in enumerate(answers) if len(answer) > 1]
        if asking:
            self._ask(chunk, head, names, (answers, asking, inverse, at), (rule, reason))
        return rule, (list(self._reasons), reason)

    def _ask(
        self, chunk: Chunk, head: Heads, names: tuple[list[str], Ints],
        candidates: tuple[list[_Answers], list[int], Ints, Ints], out: tuple[Ints, Ints],
    ) -> None:  # fmt: skip
        """Give entities the first choice whose conditions they satisfy."""
        answers, asking, inverse, at = candidates
        rule, reason = out
        slot = np.full(len(answers), -1, dtype=np.int64)
        slot[asking] = np.arange(len(asking))
        mine = slot[inverse] >= 0
        wanted, slot_of = at[mine], slot[inverse[mine]]
        shaped = np.array(
            [any(c.where is not None and c.where.asks_geometry for c, _, _ in answers[k]) for k in asking]
        )
        facts = Facts(chunk, head, names, wanted, shaped[slot_of], self._tables)
        for k, number in enumerate(asking):
            left = wanted[slot_of == k]
            for choice, element, why in answers[number]:
                if choice.where is None or not len(left):
                    break
                taken = facts.holds(choice.where, left)
                if not choice.where.layouts:
                    taken &= ~head.paper[left]
                rule[left[taken]], reason[left[taken]] = element, why
                left = left[~taken]

    def _answers(self, kind: str, layer: str, block: str) -> _Answers:
        triple = (kind, layer, block)
        known = self._known.get(triple)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()  # asked again they are the same
            known = [
                (choice, self._numbered(choice), self._reasons.setdefault(choice.reason, len(self._reasons)))
                for choice in self._rules.choices(*triple)
            ]
            self._known[triple] = known
        return known

    def _numbered(self, choice: Choice) -> int:
        if choice.element is None:
            return -1
        element = choice.element if self._resolved is None else self._resolved(choice.element)
        number = self._number.setdefault(element, len(self.elements))
        if number == len(self.elements):
            self.elements.append(element)
        return number
