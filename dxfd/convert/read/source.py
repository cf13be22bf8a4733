"""The drawing as a file: what it is, its identity, and its bytes by position. Decides nothing about content.

Runs in the worker. Reads with pread: a mapping would count the file's pages as resident memory, and a file that is
truncated under a mapping kills the process with SIGBUS.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path
from typing import IO, Final, Self

from dxfd import faults
from dxfd.convert.dwg import text as dwg_text
from dxfd.convert.dwg.choose import is_dwg
from dxfd.convert.native import kernel
from dxfd.convert.patience import Waiting
from dxfd.convert.read.spooled import BOM, Tick, is_spooled, spool, write_out
from dxfd.errors import (
    DwgError,
    NotDxfError,
    SourceChangedError,
    SourceEmptyError,
    SourceFailingError,
    SourceIsFolderError,
    SourceMissingError,
    SourceUnreadableError,
)

_SNIFF_BYTES: Final = 65_536
_LONGEST_CODE: Final = 100
"""Characters of a first line; Python refuses to make a number of 4,301 digits."""
_SAMPLES: Final = 16
"""Places of 64 KB hashed for checksum and fingerprint: about 1 ms, and an edit in place also changes mtime.

All of it would cost 2 % of a conversion with the processor's own SHA and 6 % without, and be known at its end only.
"""

_MARK_OF_END: Final = re.compile(rb"\n[ \t]*0[ \t]*\r?\n[ \t]*EOF[ \t]*(?:\r|\n|$)")
_OTHER_FORMATS: Final = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"ISO-10303-21", "a STEP or IFC file"),
    (b"\x7fELF", "a program"),
    (b"<?xml", "an XML document"),
)


class Source:
    """An open drawing. Text comes from the file itself, or from what prepare() made of a binary or compressed one.

    Attributes:
        path: absolute path.
        file_size: bytes of the file, when opened.
        size: bytes of the text; those of the file until prepare().
        mtime_ns: modification time, when opened.
        bom: the text begins with the mark of UTF-8.
        cr_only: line ends are bare CR (old Macintosh); read() then gives LF.
        fingerprint: sha256 hex over size, mtime and samples of the content.
        checksum: sha256 hex over size and samples of the content: the same for a copy under any name and time.
        dwg: it is a DWG drawing.
        made: of a DWG drawing that is prepared: its text, and what was lost by that.
    """

    def __init__(self, path: Path) -> None:
        """Open and sniff the file.

        Raises:
            SourceError: one of its subclasses, when the file cannot be an ASCII DXF drawing.
        """
        self.path = path.absolute()
        self._fd = _open(self.path)
        try:
            info = os.fstat(self._fd)
            _check_kind(path, info)
            self.size = self.file_size = info.st_size
            self.mtime_ns = info.st_mtime_ns
            self.bom = self.cr_only = False
            self._text: IO[bytes] | None = None
            head = self.read(0, _SNIFF_BYTES)
            self.made: dwg_text.Made | None = None
            self.dwg = is_dwg(head)
            self._spooled = self.dwg or is_spooled(head)
            if not self._spooled:
                self._take_text(head)
            self.checksum = self._checksum()
            self.fingerprint = hashlib.sha256(f"{self.checksum}:{self.mtime_ns}".encode()).hexdigest()
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._text is not None:
            self._text.close()
        os.close(self._fd)

    def prepare(
        self, folder: Path, tick: Tick, *, salvage: bool = False, dwg: dwg_text.Way | None = None
    ) -> str:  # fmt: skip
        """Make the text of a drawing that is not plain text in `folder`; nothing to do for others.

        Args:
            folder: where the text is kept, nameless.
            tick: called for each megabyte.
            salvage: take what lies before damaged data, instead of raising.
            dwg: how a DWG drawing is made into text; None: it is refused.

        Returns:
            What is wrong with the data that was salvaged; empty if nothing is.

        Raises:
            SourceError: it is damaged, or what is compressed is no drawing.
            DwgError: the DWG drawing cannot be converted.
            DiskFullError: no room in the folder.
        """
        if self._spooled and self._text is None:
            if self.dwg:
                text, wrong = self._converted(tick, dwg), ""
            else:
                text, wrong = spool(self.read, self.file_size, folder, tick, salvage=salvage)
            self._text = text
            self.size = os.fstat(text.fileno()).st_size
            if self.size == 0:
                raise SourceEmptyError(f"{self.path} holds nothing")
            self._take_text(self.read(0, _SNIFF_BYTES))
            return wrong
        return ""

    def _converted(self, tick: Tick, way: dwg_text.Way | None) -> IO[bytes]:
        if way is None:
            raise DwgError(f"{self.path} is a DWG drawing, not a DXF")
        job = dwg_text.Job(name=str(self.path), read=self.read, size=self.file_size, way=way)
        self.made = dwg_text.make(job, write_out, tick)
        return self.made.text

    def _take_text(self, head: bytes) -> None:
        _sniff(self.path, head)
        self.bom = head.startswith(BOM)
        self.cr_only = b"\r" in head and b"\n" not in head

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset`; fewer only at the end of the file.

        Raises:
            SourceFailingError: the system reports an input error.
        """
        parts = []
        while count > 0:
            try:
                with Waiting("reading", self.path):
                    faults.point("read.chunk")
                    part = os.pread(self._fd if self._text is None else self._text.fileno(), count, offset)
            except OSError as error:
                raise SourceFailingError(f"{self.path} cannot be read at byte {offset}: {error.strerror}") from error
            if not part:
                break
            parts.append(part)
            offset += len(part)
            count -= len(part)
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return data.replace(b"\r", b"\n") if self.cr_only else data

    def check_unchanged(self) -> None:
        """Raise SourceChangedError if the file is not what it was when opened."""
        with Waiting("looking at", self.path):
            info = os.fstat(self._fd)
        if (info.st_size, info.st_mtime_ns) != (self.file_size, self.mtime_ns):
            raise SourceChangedError(f"{self.path} changed while it was being read")

    def find(self, pattern: bytes, start: int, end: int | None = None) -> int:
        """Return the first offset >= start of `pattern` (within one window of 1 MB plus overlap each), or -1."""
        stop = self.size if end is None else end
        window, overlap = 1 << 20, len(pattern) - 1
        at = start
        while at < stop:
            data = self.read(at, min(window + overlap, stop - at))
            hit = data.find(pattern) if kernel is None else kernel.find(data, pattern)  # memmem: twice bytes.find
            if hit >= 0:
                return at + hit
            at += window
        return -1

    def _checksum(self) -> str:
        digest = hashlib.sha256(f"{self.size}:".encode())
        step = max(_SNIFF_BYTES, self.size // _SAMPLES)
        for offset in range(0, self.size, step):
            digest.update(self.read(offset, _SNIFF_BYTES))
        digest.update(self.read(max(0, self.size - _SNIFF_BYTES), _SNIFF_BYTES))
        return digest.hexdigest()


def _open(path: Path) -> int:
    try:
        with Waiting("opening", path):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise SourceMissingError(f"there is no file {path}") from error
    except NotADirectoryError as error:
        raise SourceMissingError(f"there is no file {path}") from error
    except PermissionError as error:
        raise SourceUnreadableError(f"{path} may not be read by this user") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise SourceMissingError(f"the name is too long: {str(path)[:60]}…") from error
        raise SourceUnreadableError(f"{path} cannot be opened: {error.strerror}") from error


def _check_kind(path: Path, info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise SourceIsFolderError(f"{path} is a folder, not a drawing")
    if not stat.S_ISREG(info.st_mode):
        raise SourceUnreadableError(f"{path} is not a regular file")
    if info.st_size == 0:
        raise SourceEmptyError(f"{path} is empty")


def _sniff(path: Path, head: bytes) -> None:
    """Refuse what is no ASCII DXF, by its first bytes; libmagic knows less about CAD files than these ten lines."""
    if is_dwg(head):
        raise DwgError(f"{path} has a DWG drawing in it", hint="unpack it first")
    for magic, name in _OTHER_FORMATS:
        if head.startswith(magic):
            raise NotDxfError(f"{path} is {name}, not a DXF drawing")
    text = head.removeprefix(BOM)
    lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n", 400)
    code = lines[0].strip()
    if not (len(code) <= _LONGEST_CODE and code.isdigit() and int(code) in {0, 999}) or len(lines) < 2:
        raise NotDxfError(f"{path} is not a DXF drawing: it does not begin with a group code 0 or 999")
    end = _MARK_OF_END.search(head)
    if b"\x00" in head[: min(4096, end.end() if end else 4096)]:  # behind the end there may be anything
        raise NotDxfError(f"{path} is not a text file, so not an ASCII DXF drawing")
