"""Processor time for the geometry of one entity: foreign code on foreign numbers may not come back. A thin shell.

A timer of the process's own processor time, so that a busy or suspended machine changes nothing. Works in the main
thread alone, where entities are built; elsewhere there is no bound.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

_T = TypeVar("_T")


class OutOfTimeError(BaseException):
    """The time is over. No Exception: what catches all of those in between must not keep it."""


def bounded(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what `work` returns.

    Raises:
        OutOfTimeError: it took more than so many seconds of processor time; 0 = no bound.
    """
    if seconds <= 0 or threading.current_thread() is not threading.main_thread():
        return work()
    before = signal.signal(signal.SIGVTALRM, _stop)
    try:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
            return work()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def unbounded(work: Callable[[], _T]) -> _T:
    """Return what `work` returns, whose time is not that of the entity: what is read once for all of them."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    try:
        return work()
    finally:
        if left:
            signal.setitimer(signal.ITIMER_VIRTUAL, left)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTimeError
