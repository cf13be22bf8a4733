"""What one call of dxfctl was told globally: where the daemon is, how to print, how long to wait.

Filled by the global options (they may stand before or after the verb), handed to every command as click's `obj`.
Where the daemon listens is decided by dxfd.paths, the same rules the daemon follows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from msgspec import Struct

from dxfd.paths import find_socket

if TYPE_CHECKING:
    from dxfctl.client import Client


class Invocation(Struct):
    """Global options of this call.

    Attributes:
        endpoint: control socket as given; empty = find it.
        config: settings file as given.
        json: print one JSON document on stdout instead of text.
        timeout_s: how long a request waits for its reply.
        color: auto, always or never.
        utc: print times in UTC instead of local time.
        verb: the command being run, for the documents' schema.
    """

    endpoint: str = ""
    config: Path | None = None
    json: bool = False
    timeout_s: float = 5.0
    color: str = "auto"
    utc: bool = False
    verb: str = "status"

    def address(self) -> str:
        """Return the ZeroMQ address of the daemon.

        Raises:
            ConfigError: the settings file cannot be read, or the address is none.
        """
        return find_socket(self.endpoint or None, config=self.config)

    def client(self, timeout_s: float | None = None) -> Client:
        """Return a client for that address; it connects with its first request."""
        from dxfctl.client import Client

        return Client(self.address(), timeout_s=timeout_s or self.timeout_s)

    def colored(self, stream: TextIO) -> bool:
        """Tell whether to write colours to the stream."""
        if self.color != "auto":
            return self.color == "always"
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def live(self) -> bool:
        """Tell whether a moving display may be drawn (on stderr)."""
        return not self.json and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
