"""The process's three streams when they are closed, full, or without a reader: `>&-`, `>/dev/full`, `2>&1 | head`.

Owns that something stands at their numbers, and that words on stderr never end what they are about.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from typing import Final, TextIO

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def stand_in() -> None:
    """Put /dev/null where a stream was closed before the start: the next file opened would take its number.

    Python has None for such streams, and a drawing opened as number 2 would be what libraries print their errors to.
    """
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                opened = os.open(os.devnull, os.O_RDWR)
                if opened != number:
                    os.dup2(opened, number)
                    os.close(opened)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  (for good)


def say(text: str) -> None:
    """Write to stderr. Where nobody can read it, it is lost, and nothing else is."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def drop(stream: TextIO) -> None:
    """Let a stream that cannot be written end nowhere: what it still holds would be complained about at exit."""
    with contextlib.suppress(OSError, ValueError):
        number = os.open(os.devnull, os.O_WRONLY)
        os.dup2(number, stream.fileno())
        os.close(number)


def flush() -> OSError | None:
    """Write out what the streams hold; return why stdout cannot be, if it cannot."""
    failed = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except ValueError:  # closed
            continue
        except OSError as error:
            drop(stream)
            failed = error if stream is sys.stdout else failed
    return failed
