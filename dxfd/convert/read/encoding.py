r"""Bytes of a drawing to text: the code page of the header, UTF-8 from R2007 on, the escapes \U+XXXX and \M+NXXXX.

Decides what the header asks for; whether the bytes keep to it is judged in evidence.py.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

UTF8: Final = "utf-8"
_CODEPAGES: Final = {
    "ascii": "cp1252", "dos437": "cp437", "dos850": "cp850", "dos852": "cp852", "dos855": "cp855", "dos857": "cp857",
    "dos860": "cp860", "dos861": "cp861", "dos863": "cp863", "dos864": "cp864", "dos865": "cp865", "dos866": "cp866",
    "dos869": "cp869", "dos932": "cp932", "mac-roman": "mac-roman", "big5": "cp950", "ksc5601": "cp949",
    "johab": "johab", "gb2312": "gb18030", "gbk": "gb18030", "utf8": UTF8, "utf-8": UTF8, "65001": UTF8,
    "874": "cp874", "932": "cp932", "936": "gb18030", "949": "cp949", "950": "cp950", "1361": "johab",
    "1250": "cp1250", "1251": "cp1251", "1252": "cp1252", "1253": "cp1253", "1254": "cp1254", "1255": "cp1255",
    "1256": "cp1256", "1257": "cp1257", "1258": "cp1258",
}  # fmt: skip
LONGEST_NAME: Final = 4096
"""Characters of a path, and of the name of a dynamic block, layout or class: 3,000 pictures that share a path of 200 KB
made a database of 600 MB. CAD programs write 255, file systems take 4,096 bytes."""
_MIF_PAGES: Final = {"1": "cp932", "2": "cp950", "3": "cp949", "4": "johab", "5": "gb18030"}
r"""The page digit of \M+NXXXX, the notation of two-byte characters in files of one-byte pages."""

_PREFIX: Final = re.compile(r"(ansi[-_ ]|windows[-_]?|ms)(?=\d)")
_PAGE: Final = re.compile(r"(cp|iso|koi8|latin|mac|gb|shift|sjis|euc)[-_a-z0-9]*")
_ESCAPE: Final = re.compile(
    r"\\U\+(?P<high>[Dd][89ABab][0-9A-Fa-f]{2})\\U\+(?P<low>[Dd][C-Fc-f][0-9A-Fa-f]{2})"
    r"|\\U\+(?P<point>[0-9A-Fa-f]{4})|\\M\+(?P<page>[1-5])(?P<bytes>[0-9A-Fa-f]{4})"
)
_VERSION: Final = re.compile(r"AC\d{4}")


def codec_for(dxf_version: str, codepage: str) -> tuple[str, bool]:
    """Return the Python codec for a version (UTF-8 from AC1021 on) and a $DWGCODEPAGE, and whether it is known."""
    if _VERSION.fullmatch(dxf_version) and dxf_version >= "AC1021":
        return UTF8, True
    return codec_of_page(codepage)


def codec_of_page(codepage: str) -> tuple[str, bool]:
    """Return the Python codec of a code page's name, CP1252 for none or an unknown one, and whether it is known."""
    name = _PREFIX.sub("", codepage.strip().lower(), count=1)
    if not name:
        return "cp1252", True
    if name in _CODEPAGES:
        return _CODEPAGES[name], True
    name = re.sub(r"^8859[-_]", "iso8859-", name)
    if not _PAGE.fullmatch(name):  # Python also knows codecs called undefined, hex or rot13
        return "cp1252", False
    try:
        return codecs.lookup(name).name, True
    except LookupError:
        return "cp1252", False


def decode(raw: bytes, codec: str) -> str:
    r"""Return the text of a value; what the codec cannot read is tried as UTF-8, then CP1252, then replaced.

    \U+XXXX and \M+NXXXX become their characters; two surrogate halves become one character, lone ones stay as they
    were: SQLite takes none.
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        for candidate in (codec, UTF8, "cp1252"):
            try:
                text = raw.decode(candidate)
                break
            except UnicodeDecodeError:
                continue
        else:
            text = raw.decode(codec, "replace")
    if "\\U+" in text or "\\M+" in text:
        text = _ESCAPE.sub(_unescape, text)
    return text


def shortened(name: str) -> str:
    """Return a name that stands in the drawing once and is told of many elements; a longer one ends with a mark."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def without_remarks(raw: bytes) -> bytes:
    """Return the tags of an entity without its comments (code 999), which parsers of single entities do not expect."""
    if b"999" not in raw:
        return raw
    lines = raw.split(b"\n")
    pairs = zip(lines[0::2], lines[1::2], strict=False)
    return b"".join(b"%b\n%b\n" % pair for pair in pairs if pair[0].strip() != b"999")


def character(code: int, codec: str) -> str:
    """Return the character that %%nnn stands for: one byte of the drawing's code page; Latin-1 in UTF-8 drawings."""
    if not 0 < code < 256:
        return ""
    try:
        return bytes([code]).decode("latin-1" if codec == UTF8 else codec)
    except UnicodeDecodeError:
        return chr(code)


def _unescape(match: re.Match[str]) -> str:
    if match["high"]:
        return chr(0x10000 + ((int(match["high"], 16) - 0xD800) << 10) + int(match["low"], 16) - 0xDC00)
    if match["point"]:
        point = int(match["point"], 16)
        return match[0] if 0xD800 <= point <= 0xDFFF or not point else chr(point)
    try:
        return bytes.fromhex(match["bytes"]).lstrip(b"\0").decode(_MIF_PAGES[match["page"]]) or match[0]
    except UnicodeDecodeError:
        return match[0]
