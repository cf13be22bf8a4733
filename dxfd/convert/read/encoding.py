r"""Bytes of a drawing to text: the code page of the header, UTF-8 from R2007 on, and the escapes \U+XXXX."""

from __future__ import annotations

import codecs
import re
from typing import Final

_CODEPAGES: Final = {
    "ascii": "cp1252", "dos437": "cp437", "dos850": "cp850", "dos852": "cp852", "dos855": "cp855", "dos857": "cp857",
    "dos860": "cp860", "dos861": "cp861", "dos863": "cp863", "dos864": "cp864", "dos865": "cp865", "dos866": "cp866",
    "dos869": "cp869", "dos932": "cp932", "mac-roman": "mac-roman", "big5": "cp950", "ksc5601": "cp949",
    "johab": "johab", "gb2312": "gb18030", "utf8": "utf-8", "utf-8": "utf-8",
    "874": "cp874", "932": "cp932", "936": "gb18030", "949": "cp949", "950": "cp950", "1361": "johab",
    "1250": "cp1250", "1251": "cp1251", "1252": "cp1252", "1253": "cp1253", "1254": "cp1254", "1255": "cp1255",
    "1256": "cp1256", "1257": "cp1257", "1258": "cp1258",
}  # fmt: skip

_PAGE: Final = re.compile(r"(cp|iso|koi8|latin|mac)[-_a-z0-9]*")
_UNICODE_ESCAPE: Final = re.compile(r"\\U\+([0-9A-Fa-f]{4})")


def codec_for(dxf_version: str, codepage: str) -> tuple[str, bool]:
    """Return the Python codec for a version (UTF-8 from AC1021 on) and a $DWGCODEPAGE, and whether it is known."""
    if dxf_version >= "AC1021":
        return "utf-8", True
    name = codepage.strip().lower().removeprefix("ansi_").removeprefix("windows-")
    if not name:
        return "cp1252", True
    if name in _CODEPAGES:
        return _CODEPAGES[name], True
    if not _PAGE.fullmatch(name):  # Python also knows codecs called undefined, hex or rot13
        return "cp1252", False
    try:
        return codecs.lookup(name).name, True
    except LookupError:
        return "cp1252", False


def decode(raw: bytes, codec: str) -> str:
    r"""Return the text of a value; what the codec cannot read is tried as UTF-8, then CP1252, then replaced.

    \U+XXXX becomes its character; surrogate halves stay as they were, SQLite takes no lone ones.
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        for candidate in (codec, "utf-8", "cp1252"):
            try:
                text = raw.decode(candidate)
                break
            except UnicodeDecodeError:
                continue
        else:
            text = raw.decode(codec, "replace")
    if "\\U+" in text:
        text = _UNICODE_ESCAPE.sub(_unescape, text)
    return text


def _unescape(match: re.Match[str]) -> str:
    point = int(match.group(1), 16)
    return match.group(0) if 0xD800 <= point <= 0xDFFF else chr(point)
