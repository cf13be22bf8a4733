"""One item ahead: a thread prepares the next batch while this one is written. Order and content stay the same."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Final, TypeVar

_T = TypeVar("_T")
_POLL_S: Final = 0.2


@contextlib.contextmanager
def ahead(items: Iterator[_T]) -> Iterator[Iterator[_T]]:
    """Give an iterator over the same items, each made in a thread before it is asked for; an error is raised there."""
    ready: queue.Queue[tuple[list[_T], BaseException | None]] = queue.Queue(maxsize=1)
    stop = threading.Event()

    def put(found: list[_T], error: BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put((found, error), timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in items:
                if not put([item], None):
                    return
        except BaseException as error:  # noqa: BLE001  (raised where the items are asked for)
            put([], error)
            return
        put([], None)

    def taken() -> Iterator[_T]:
        while True:
            found, error = ready.get()
            if error is not None:
                raise error
            if not found:
                return
            yield found[0]

    thread = threading.Thread(target=run, name="reader", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop.set()
        thread.join()
