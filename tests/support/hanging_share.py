"""A share with one drawing whose server can stop answering: a FUSE file system of our own, without any library.

Needs root and /dev/fuse. The kernel asks by /dev/fuse and a thread here answers, or does not: whoever waits then hangs
in the system as with a dead file server.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH, INIT, OPENDIR, INTERRUPT, BATCH_FORGET = (
    1, 2, 3, 14, 15, 17, 18, 25, 26, 27, 36, 42,
)  # fmt: skip
_NOT_ANSWERED = {FORGET, INTERRUPT, BATCH_FORGET}
_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Share:
    """The server.

    Attributes:
        folder: where it is mounted.
        drawing: the one file in it.
        hang_on: operations that get no answer for now.
    """

    def __init__(self, folder: Path, content: bytes) -> None:
        self.folder = folder
        self.drawing = folder / "a.dxf"
        self.hang_on: set[int] = set()
        self.reads_until_hang = -1
        self._content = content
        self._held: list[tuple[int, int, int, bytes]] = []
        self._lock = threading.Lock()
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
        if _libc.mount(b"hanging", os.fsencode(folder), b"fuse", 0, options.encode()):
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, os.strerror(number))
        threading.Thread(target=self._serve, name="share", daemon=True).start()

    def answer_again(self) -> None:
        """Answer what waits, and whatever comes."""
        with self._lock:
            self.hang_on, self.reads_until_hang = set(), -1
            held, self._held = self._held, []
        for request in held:
            self._answer(*request)

    def close(self) -> None:
        """Unmount; who still waits gets an error."""
        _libc.umount2(os.fsencode(self.folder), _MNT_DETACH)
        os.close(self._fd)

    def _serve(self) -> None:
        while True:
            try:
                data = os.read(self._fd, 1 << 18)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.ENOENT, errno.EAGAIN}:
                    continue
                return
            _, opcode, unique, node = struct.unpack_from("<IIQQ", data)
            with self._lock:
                if opcode == READ and self.reads_until_hang >= 0:
                    self.reads_until_hang -= 1
                    if self.reads_until_hang < 0:
                        self.hang_on = {READ}
                if opcode in self.hang_on:
                    self._held.append((opcode, unique, node, data[40:]))
                    continue
            self._answer(opcode, unique, node, data[40:])

    def _answer(self, opcode: int, unique: int, node: int, body: bytes) -> None:
        if opcode in _NOT_ANSWERED:
            return
        reply = self._reply(opcode, node, body)
        error, payload = (-reply, b"") if isinstance(reply, int) else (0, reply)
        with suppress(OSError):  # who asked is gone
            os.write(self._fd, struct.pack("<IiQ", 16 + len(payload), error, unique) + payload)

    def _reply(self, opcode: int, node: int, body: bytes) -> bytes | int:
        if opcode == INIT:
            minor = min(31, struct.unpack_from("<II", body)[1])
            return struct.pack("<IIIIHHIIHHI7I", 7, minor, 0, 0, 8, 8, 1 << 17, 1, 32, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != b"a.dxf":
                return errno.ENOENT
            return struct.pack("<QQQQII", 2, 0, 0, 0, 0, 0) + self._attributes(2)
        if opcode == GETATTR:
            return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
        if opcode in {OPEN, OPENDIR}:
            return struct.pack("<QII", 1, 1, 0)  # direct: each read asks
        if opcode == READ:
            _, offset, count = struct.unpack_from("<QQI", body)
            return self._content[offset : offset + count]
        if opcode == STATFS:
            return struct.pack("<5Q10I", 1 << 30, 1 << 30, 1 << 30, 1000, 1000, 4096, 255, 4096, *[0] * 7)
        return b"" if opcode in {RELEASE, FLUSH} else errno.ENOSYS

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFDIR | 0o755 if node == 1 else stat.S_IFREG | 0o644
        size = 0 if node == 1 else len(self._content)
        return struct.pack(
            "<6Q10I", node, size, size // 512 + 1, 1_700_000_000, 1_700_000_000, 1_700_000_000, 0, 0, 0, mode, 1, 0, 0,
            0, 4096, 0,
        )  # fmt: skip


@contextmanager
def share(folder: Path, content: bytes) -> Iterator[Share]:
    """A mounted share.

    Raises:
        OSError: it cannot be mounted here.
    """
    folder.mkdir(exist_ok=True)
    made = Share(folder, content)
    try:
        yield made
    finally:
        made.answer_again()
        made.close()
