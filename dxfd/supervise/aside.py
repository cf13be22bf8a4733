"""Looks at files in threads that can be left behind, because a network path that is gone hangs whoever looks at it.

Owns the threads and the rule that no call of it blocks: one thread looks, one thing after the other. A look that takes
longer than its time is given up: its thread is left behind (the system wakes it some day) and another takes its place,
up to MOST_STUCK of them. What is looked for, and how long a finding holds, is probe.py's and published.py's business.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Final, Generic, TypeVar

import msgspec

MOST_STUCK: Final = 8
_LOOK_S: Final = 5.0
"""One look may take this long; others wait behind it meanwhile."""

T = TypeVar("T")
At = Callable[[str], None]
"""Told by a look which path it is about to touch."""


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What a look found; `hung`: the path that did not answer, and nothing is known."""

    value: T | None = None
    hung: str = ""
    tried: bool = True
    """False: no thread was left that could look."""


class _Look(msgspec.Struct, Generic[T]):
    key: Hashable
    path: str
    """What is looked at now."""
    call: Callable[[At], T]
    began_at: float | None = None
    wanted: bool = True


def longest_look_s(io_timeout_s: float) -> float:
    """Return how long one look may take: not longer than the settings allow any operation on a file."""
    return min(_LOOK_S, io_timeout_s)


class Aside(Generic[T]):
    """Asks that block nobody.

    Attributes:
        timeout_s: how long one look may take.
    """

    def __init__(
        self, name: str, on_done: Callable[[], None], *, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what its threads are called and what is called (from a thread) after each look."""
        self.timeout_s = timeout_s
        self._name = name
        self._on_done = on_done
        self._clock = clock
        self._asked: dict[Hashable, _Look[T]] = {}
        self._answers: dict[Hashable, Answer[T]] = {}
        self._queue: queue.SimpleQueue[_Look[T] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._stuck = 0

    def ask(self, key: Hashable, path: str, call: Callable[[At], T]) -> Answer[T] | None:
        """Return what a look found; None while it lasts. An answer is given once: who asks again has it looked anew.

        Args:
            key: what is asked for.
            path: what it begins with, for the answer if it hangs.
            call: looks; may hang, must not raise.
        """
        with self._lock:
            self._give_up()
            if key in self._answers:
                return self._answers.pop(key)
            if key not in self._asked:
                look = self._asked[key] = _Look(key, path, call)
                self._queue.put(look)
            self._staff()
            if self._threads:
                return None
            self._asked.pop(key).wanted = False
            return Answer(hung=path, tried=False)  # say so rather than wait for ever

    @property
    def stuck(self) -> int:
        """How many threads are left behind."""
        return self._stuck

    def looking(self, key: Hashable) -> bool:
        """Tell whether a thread is at this look now."""
        look = self._asked.get(key)
        return look is not None and look.began_at is not None

    def keep(self, keys: Collection[Hashable]) -> None:
        """Drop all answers but these, and the looks that have not begun."""
        with self._lock:
            self._answers = {key: answer for key, answer in self._answers.items() if key in keys}
            for look in list(self._asked.values()):
                if look.key not in keys and look.began_at is None:
                    self._asked.pop(look.key).wanted = False

    def close(self) -> None:
        """Let the threads that can end do so."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _staff(self) -> None:
        if self._threads == 0 and self._stuck < MOST_STUCK:
            self._threads += 1
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _give_up(self) -> None:
        now = self._clock()
        for look in list(self._asked.values()):
            if look.began_at is not None and now - look.began_at > self.timeout_s:
                self._asked.pop(look.key).wanted = False
                self._answers[look.key] = Answer(hung=look.path)
                self._threads -= 1
                self._stuck += 1
                if self._asked:
                    self._staff()

    def _run(self) -> None:
        while (look := self._queue.get()) is not None:
            with self._lock:
                if not look.wanted:
                    continue
                look.began_at = self._clock()

            def at(path: str, look: _Look[T] = look) -> None:
                look.path = path

            found = look.call(at)
            with self._lock:
                if not look.wanted:  # it was given up; another thread has taken this one's place
                    self._stuck -= 1
                    return
                del self._asked[look.key]
                self._answers[look.key] = Answer(value=found)
            self._on_done()
