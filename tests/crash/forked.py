"""Work in a forked child that may kill itself: how it ended and what it told. Imports little: so a fork is cheap."""

from __future__ import annotations

import functools
import json
import os
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ended:
    """How a child ended and what it told."""

    killed: bool
    told: dict[str, Any]


def in_child(work: Callable[[Callable[[str, Any], None]], None]) -> Ended:
    """Run work in a forked child; it gets a function to tell facts by. Any other end than by SIGKILL is an error."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(source)
            work(functools.partial(_tell, sink))
            os._exit(0)
        except BaseException:  # noqa: BLE001  (a child must never return into its parent's code)
            traceback.print_exc()
            os._exit(1)
    os.close(sink)
    with os.fdopen(source, "rb") as pipe:
        told = dict(json.loads(line) for line in pipe)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status not in {0, -signal.SIGKILL}:
        raise RuntimeError(f"a child ended with {status}")
    return Ended(status != 0, told)


def _tell(sink: int, key: str, value: Any) -> None:
    os.write(sink, json.dumps([key, value]).encode() + b"\n")
