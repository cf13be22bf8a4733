"""The notify protocol of systemd: READY, STOPPING, STATUS, WATCHDOG, sent to $NOTIFY_SOCKET where there is one."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Tells systemd how the daemon is."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        address = env.get("NOTIFY_SOCKET", "")
        # "@name" is an abstract socket: its first byte is zero.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        meant = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = env.get("WATCHDOG_USEC", "0")
        self.watchdog_s = int(usec) / 1_000_000 if meant and usec.isdecimal() else 0.0
        self._patted_at = 0.0

    def send(self, *lines: str) -> None:
        """Send assignments such as READY=1; a manager that is gone is no error of ours."""
        if self._address:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto("\n".join(lines).encode(), self._address)

    def pat_watchdog(self) -> None:
        """Say WATCHDOG=1 at a third of the interval; called at the end of each round of the supervisor."""
        if self.watchdog_s and time.monotonic() - self._patted_at >= self.watchdog_s / 3:
            self._patted_at = time.monotonic()
            self.send("WATCHDOG=1")
