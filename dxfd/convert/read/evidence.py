"""Whether a drawing's bytes keep to the code page of its header: many do not. Judged once, in the first pass.

For a whole drawing, because a single value tells nothing: two characters of GBK can be valid UTF-8. Reads the file up
to its first _LINES lines with bytes beyond ASCII, passing over windows that have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from dxfd.convert.read.encoding import UTF8, codec_of_page
from dxfd.convert.read.glance import WINDOW, Glance
from dxfd.convert.read.source import Source

_LINES: Final = 2000
_LONGEST: Final = 4096
"""Bytes of a line that are looked at."""
_MOST_WRONG: Final = 0.05
_BEYOND: Final = re.compile(rb"[\x80-\xff]")
_PLAIN: Final = frozenset({"cp1250", "cp1251", "cp1252", "cp1254", "cp1257"})
"""Pages in which a letter is hardly ever followed by what would make UTF-8 of it: one such character is proof."""
_WIDE: Final = frozenset({"cp932", "cp949", "cp950", "gb18030", "johab", "euc_jp", "euc_kr", "gbk", "gb2312"})
_CUT: Final = re.compile(rb"^[\x80-\xbf]{0,3}|[\xc2-\xf4][\x80-\xbf]{0,2}$")
_LONG_TEXT: Final = 200
"""Bytes from which a line can be a piece of a longer text, cut within a character."""


class Judgement(Struct, frozen=True):
    """The codec to read with, and what there is to say about it: (issue code, message) or None."""

    codec: str
    note: tuple[str, str] | None = None


def judge(source: Source, glance: Glance, declared: str, codepage: str) -> Judgement:
    """Return the codec that the drawing is written in.

    Args:
        source: the drawing.
        glance: where there are bytes beyond ASCII.
        declared: the codec that version and code page ask for.
        codepage: $DWGCODEPAGE as it stands: what else a drawing may be in that should be UTF-8.
    """
    lines = list(_lines(source, glance))
    if not lines:
        return Judgement(declared)
    return _is_page(lines, codepage) if declared == UTF8 else _is_utf8(lines, declared, codepage)


def _is_utf8(lines: list[bytes], declared: str, codepage: str) -> Judgement:
    """Judge a drawing that should be in a code page."""
    texts = [text for line in lines if (text := _utf8(line)) is not None]
    if len(texts) < (1 - _MOST_WRONG) * len(lines):
        return Judgement(declared)
    least = "\u0800" if declared in _WIDE else "\x80"  # two bytes of UTF-8 are a character of a two-byte page, too
    proofs = sum(character >= least for text in texts for character in text)
    enough = 1 if declared in _PLAIN or not all(_readable(line, declared) for line in lines) else 2
    if proofs < enough:
        return Judgement(declared)
    named = codepage or "none"
    return Judgement(UTF8, ("codepage_wrong", f"$DWGCODEPAGE is {named}, but the text is UTF-8 and is read as that"))


def _is_page(lines: list[bytes], codepage: str) -> Judgement:
    """Judge a drawing that should be UTF-8."""
    wrong = sum(_utf8(line) is None for line in lines)
    if not wrong:
        return Judgement(UTF8)
    other, _ = codec_of_page(codepage)
    if other == UTF8:
        other = "cp1252"
    readable = sum(_readable(line, other) for line in lines)
    if 2 * wrong >= len(lines) and readable >= (1 - _MOST_WRONG) * len(lines):
        named = codepage or other
        return Judgement(other, ("codepage_wrong", f"the text should be UTF-8, but is in {named} and is read as that"))
    return Judgement(UTF8, ("codepage_mixed", f"{wrong} of {len(lines)} lines beyond ASCII are no UTF-8"))


def _utf8(line: bytes) -> str | None:
    try:
        return line.decode(UTF8)
    except UnicodeDecodeError:
        if len(line) < _LONG_TEXT:
            return None
    try:
        return _CUT.sub(b"", line).decode(UTF8)
    except UnicodeDecodeError:
        return None


def _readable(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _lines(source: Source, glance: Glance) -> Iterator[bytes]:
    """Yield the first lines with bytes beyond ASCII, without what their windows cut off."""
    at, left = 0, _LINES
    while at < source.size and left:
        at = glance.plain_until(at)
        data = source.read(at, WINDOW)
        whole = data.rfind(b"\n") + 1 if at + len(data) < source.size else len(data)
        place = 3 if at == 0 and data.startswith(b"\xef\xbb\xbf") else 0
        while (match := _BEYOND.search(data, place, whole)) is not None:  # a pattern of lines: quadratic in long ones
            end = data.find(b"\n", match.start(), whole)
            end = whole if end < 0 else end
            yield data[max(place, data.rfind(b"\n", place, match.start()) + 1) : end].rstrip(b"\r")[:_LONGEST]
            place = end
            left -= 1
            if not left:
                return
        at += whole or len(data)  # a line of more than a window: passed over
