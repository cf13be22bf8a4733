"""What a run has told about its drawing: each message once, and so many of a kind. Decides; writes nothing.

A drawing can have a million blocks that are missing; what became of each entity is in the ledger, so that messages may
have an end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MOST: Final = 1_000
"""Messages of a code."""
LONGEST: Final = 500
"""Characters of a message: a name may have a million."""


class Told:
    """The messages of one run."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._said: dict[str, set[str]] = {}

    def resume(self, said: Iterable[tuple[str, str]]) -> None:
        """Take the (code, message) of an interrupted run."""
        for code, message in said:
            self._said.setdefault(code, set()).add(message[:LONGEST])

    def take(self, code: str, message: str) -> str:
        """Return what is to be told of a message: itself, that there are more, or "" for nothing."""
        said = self._said.setdefault(code, set())
        message = message[:LONGEST]  # as it is written, and read again by a run that goes on
        if message in said or len(said) > self._most:
            return ""
        if len(said) == self._most:
            message = f"there are more than {self._most} of these; the ledger counts what became of every entity"
        said.add(message)
        return message
