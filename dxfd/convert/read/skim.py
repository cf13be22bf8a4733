"""Pass 1: where the sections are, what header and layer table say, how many entities there are. At memory speed.

Looks for section marks with bytes.find and checks each hit, so that text that happens to say ENDSEC deceives nobody.
Content of BLOCKS and ENTITIES is only counted. Produces a Skim; reads nothing twice but the small sections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Final

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from dxfd.convert.read.blocknames import true_names
from dxfd.convert.read.encoding import UTF8, codec_for, codec_of_page, decode
from dxfd.convert.read.evidence import judge
from dxfd.convert.read.glance import END, WINDOW, Glance, counter, overlap_of
from dxfd.convert.read.source import Source
from dxfd.convert.read.spooled import BOM
from dxfd.convert.read.tags import Tags, line_feeds, parse
from dxfd.errors import NotDxfError, SourceDamagedError, UsageError

_SMALL: Final = 32 << 20
"""HEADER and TABLES are read whole up to this size; what lies behind is passed over and reported."""
_MOST_LINES: Final = 4 << 20
"""Of them, and _HEADER_LINES of HEADER: empty lines of 32 MB would take a gigabyte as tags."""
_HEADER_LINES: Final = 400_000
_MOST_SECTIONS: Final = 1000
"""Drawings have eight. Each is looked for in a window, and is a chunk at least: 100,000 of them took five minutes."""
_SAMPLE: Final = 1 << 20
_TAIL: Final = 4096
"""Bytes at the end of a file in which its EOF mark is; some programs write blanks or a remark behind it."""
_CONTEXT: Final = 1200
"""Bytes behind a mark's word in which its name stands, and remarks before that."""
_REMARK = rb"(?:[ \t]*999[ \t]*\r?\n[^\n]{0,300}\n)*"
_NAME = rb"[ \t]*2[ \t]*\r?\n([^\r\n]*)\r?\n"
_SECTION = re.compile(
    rb"(?:^|\n)([ \t]*0[ \t]*\r?\n[ \t]*SECTION[ \t]*\r?\n(?:" + _REMARK + _NAME + rb"|(?=[ \t]*999[ \t]*\r?\n)))"
)
"""Its name is group 2, None where remarks stand before it that are too long or too many to be looked at at once."""
_REMARKS = re.compile(rb"(?:[ \t]*999[ \t]*\r?\n[^\n]*\n)*")
_LONG_REMARK = re.compile(rb"[ \t]*999[ \t]*\r?\n")
_NAMED = re.compile(_NAME)
_ENDSEC = re.compile(rb"(?:^|\n)([ \t]*0[ \t]*\r?\n[ \t]*ENDSEC[ \t]*(?:\r?\n|$))")
_END = re.compile(
    rb"(?:[ \t]*0[ \t]*\r?\n[ \t]*ENDSEC[ \t]*\r?\n)?" + _REMARK + rb"[ \t]*0[ \t]*\r?\n[ \t]*EOF[ \t]*(?:\r?\n|$)"
)
_EOF = re.compile(rb"(?:^|\n)([ \t]*0[ \t]*\r?\n[ \t]*EOF[ \t]*(?:\r?\n|$))")


class Section(Struct, frozen=True, kw_only=True):
    """A section's content: bytes start..end, without its SECTION and ENDSEC tags.

    Attributes:
        line: line number (from 1) of the first content line.
        closed: its ENDSEC was found.
        cut: the file ends within it: its last entity is not whole.
    """

    name: str
    start: int
    end: int
    line: int
    closed: bool
    cut: bool = False


class Layer(Struct, frozen=True, kw_only=True):
    """A row of the layer table."""

    name: str
    color: int = 7
    """ACI; negative = off."""
    flags: int = 0
    """1 frozen, 4 locked."""
    true_color: int = -1
    """0xRRGGBB, -1 = none."""
    alpha: int = 255
    """0 clear to 255 opaque."""
    linetype: str = "Continuous"
    lineweight: int = -3
    """Hundredths of a millimetre; -3 default, -2 BYBLOCK, -1 BYLAYER."""
    plotted: bool = True

    @property
    def frozen(self) -> bool:
        """Whether it is frozen: not shown, and what block references on it insert is not shown either."""
        return bool(self.flags & 1)

    @property
    def off(self) -> bool:
        """Whether it is switched off."""
        return self.color < 0

    @property
    def locked(self) -> bool:
        """Whether it is locked against changes."""
        return bool(self.flags & 4)


class Skim(Struct, frozen=True, kw_only=True):
    """What pass 1 found."""

    dxf_version: str
    codec: str
    codepage: str
    codepage_known: bool
    insunits: int
    measurement: int | None
    fingerprint_guid: str
    cut_off: str
    """What is missing of a drawing whose end is; empty for a whole one."""
    extents: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    """$EXTMIN, $EXTMAX in drawing units where they make sense."""
    median: tuple[float, float]
    """Median x, y (drawing units) of the points in the first MB of ENTITIES: where the drawing is."""
    spread: float
    """Largest distance between the 5th and 95th percentile of those points along an axis."""
    sections: list[Section]
    layers: dict[str, Layer]
    entities_total: int
    """Estimate: code-0 tags of ENTITIES without followers."""
    true_names: dict[str, str] = field(default_factory=dict)
    """Anonymous block (capitals) to the dynamic block it was made of."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """(issue code, message)."""

    def section(self, name: str) -> Section | None:
        """Return the first section of that name."""
        return next((s for s in self.sections if s.name == name), None)


def skim(
    source: Source, known_total: int | None = None, *, encoding: str | None = None, salvage: bool = False
) -> Skim:  # fmt: skip
    """Return what pass 1 finds.

    Args:
        source: the drawing.
        known_total: the entity count that an earlier run of the same drawing made; it is not made again.
        encoding: code page to read with, whatever the drawing says.
        salvage: take what there is of a drawing that is cut off in its entities.

    Raises:
        UsageError: there is no such encoding.
        NotDxfError: no section at all.
        SourceDamagedError: it is cut off before the end of ENTITIES, or has neither ENTITIES nor anything to convert.
    """
    notes: list[tuple[str, str]] = []
    glance = Glance(source, counting=known_total is None)
    sections = _sections(source, glance, notes)
    if not sections:
        raise NotDxfError(f"{source.path} has no SECTION: it is not a DXF drawing, or it was cut off at once")
    cut_off = _cut_off(source, sections)
    if cut_off and not (salvage and any(section.name == "ENTITIES" for section in sections)):
        raise SourceDamagedError(f"{source.path} is {cut_off}", hint=_hint(sections))
    if cut_off:
        sections[-1] = replace(sections[-1], cut=True)
    notes += [
        ("section_cut_off", f"section {section.name} has no ENDSEC") for section in sections if not section.closed
    ]
    header = _header(source, sections)
    version = header.get("$ACADVER", [(1, b"AC1009")])[0][1].decode("ascii", "replace").strip().upper()
    codepage = header.get("$DWGCODEPAGE", [(3, b"")])[0][1].decode("ascii", "replace").strip()
    codec, known = _codec(source, glance, version, codepage, encoding, notes)
    entities = next((s for s in sections if s.name == "ENTITIES"), None)
    if entities is None:
        if not any(s.name in {"HEADER", "TABLES", "BLOCKS"} for s in sections):
            raise SourceDamagedError(f"{source.path} has no ENTITIES section")
        notes.append(("entities_missing", "there is no ENTITIES section"))
        median, spread, total = (0.0, 0.0), 0.0, 0
    else:
        median, spread = _sample(source, entities)
        total = _count(source, glance, entities) if known_total is None else known_total
    tables = _tables(source, sections, notes)
    return Skim(
        dxf_version=version, codec=codec, codepage=codepage, codepage_known=known,
        insunits=int(_number(header, "$INSUNITS", 0.0)),
        measurement=int(_number(header, "$MEASUREMENT", 0.0)) if "$MEASUREMENT" in header else None,
        fingerprint_guid=header.get("$FINGERPRINTGUID", [(2, b"")])[0][1].decode("ascii", "replace"), cut_off=cut_off,
        extents=_extents(header), median=median, spread=spread, sections=sections,
        layers=_layers(tables, codec) if tables else {}, entities_total=total, notes=notes,
        true_names=true_names(tables, codec) if tables else {},
    )  # fmt: skip


def _codec(
    source: Source, glance: Glance, version: str, codepage: str, encoding: str | None, notes: list[tuple[str, str]]
) -> tuple[str, bool]:  # fmt: skip
    """Return the codec to read with, and whether the drawing's code page is known; notes what is wrong with it."""
    codec, known = (UTF8, True) if source.bom else codec_for(version, codepage)
    if encoding:
        codec, exists = codec_of_page(encoding)
        if not exists:
            raise UsageError(f"there is no encoding {encoding[:40]!r}", hint="name a code page, as cp1251 or ANSI_936")
        return codec, known
    judgement = judge(source, glance, codec, codepage)
    if judgement.note is not None:
        notes.append(judgement.note)
    elif not known:
        notes.append(("codepage_unknown", f"$DWGCODEPAGE {codepage!r} is not known; text is read as CP1252"))
    return judgement.codec, known


def _hint(sections: list[Section]) -> str:
    if any(section.name == "ENTITIES" for section in sections):
        return "save or transfer the drawing again, or convert what is there with --damaged convert"
    return "save or transfer the drawing again"


def _cut_off(source: Source, sections: list[Section]) -> str:
    """Return where the file ends before its entities do; empty if it does not."""
    last = sections[-1]
    if any(section.name == "ENTITIES" for section in (sections if last.closed else sections[:-1])):
        return ""
    tail = max(last.start, source.size - _TAIL)
    if _EOF.search(b"\n" + source.read(tail, source.size - tail)) is None:
        where = f"behind its section {last.name}, before ENTITIES" if last.closed else f"in its section {last.name}"
        return f"cut off {where}"
    return ""


def _sections(
    source: Source, glance: Glance, notes: list[tuple[str, str]], *, thorough: bool = False
) -> list[Section]:  # fmt: skip
    """Return all sections. That ENTITIES is whole is first judged by OBJECTS behind it: looking costs a pass."""
    found: list[Section] = []
    at = counted = len(BOM) if source.read(0, len(BOM)) == BOM else 0
    line = 1
    while True:
        mark = _find(source.find, source, b"SECTION", _SECTION, at)
        if mark is None:
            break
        name_end, word = mark[0], mark[1].group(2)
        if word is None:
            name_end, word = _behind_remarks(source, name_end)
        line += glance.lines(counted, name_end)
        counted = name_end
        name = word.strip().decode("ascii", "replace").upper()
        at, closed = _section_end(source, glance, name_end, thorough=thorough or name != "ENTITIES")
        found.append(Section(name=name, start=name_end, end=at, line=line, closed=closed))
        if len(found) > _MOST_SECTIONS:
            raise SourceDamagedError(f"{source.path} has more than {_MOST_SECTIONS} sections")
        if any(section.name == "ENTITIES" for section in found) and _ends(source, at, notes):
            break
    names = {section.name for section in found}
    if not thorough and "ENTITIES" in names and "OBJECTS" not in names:
        notes.clear()
        return _sections(source, glance, notes, thorough=True)
    return found


def _behind_remarks(source: Source, at: int) -> tuple[int, bytes]:
    """Return where a section's content begins, and its name: empty if it has none."""
    while data := source.read(at, WINDOW):
        remarks = _REMARKS.match(data)
        end = remarks.end() if remarks else 0
        if (name := _NAMED.match(data, end)) is not None:
            return at + name.end(), name[1]
        if not end:
            remark = _LONG_REMARK.match(data)
            feed = -1 if remark is None else source.find(b"\n", at + remark.end())
            if feed < 0:
                break
            end = feed + 1 - at
        at += end
    return at, b""


def _ends(source: Source, at: int, notes: list[tuple[str, str]]) -> bool:
    """Return whether the mark of the end follows a section, and note what lies behind it."""
    match = _END.match(source.read(at, _TAIL))
    if match is None:
        return False
    rest = source.size - at - match.end()
    if source.read(at + match.end(), _TAIL).strip(b"\0\x1a \t\r\n"):
        notes.append(("beyond_end", f"{rest} bytes behind the mark of the end are not read"))
    return True


def _section_end(source: Source, glance: Glance, start: int, *, thorough: bool) -> tuple[int, bool]:
    """Return where a section's content ends, and whether by ENDSEC; without one, the next SECTION or EOF ends it."""
    end = _find(glance.find, source, END, _ENDSEC, start)
    stop = source.size if end is None else end[0] - len(end[1].group(1))
    following = _find(source.find, source, b"SECTION", _SECTION, start, stop) if thorough or end is None else None
    if following is None and end is None:
        following = _find(source.find, source, b"EOF", _EOF, start)
    if following is None:
        return stop, end is not None
    return following[0] - len(following[1].group(1)), False


def _find(
    find: Callable[[bytes, int, int | None], int], source: Source, word: bytes, pattern: re.Pattern[bytes], start: int,
    until: int | None = None,
) -> tuple[int, re.Match[bytes]] | None:  # fmt: skip
    """Return (offset behind the match, match) of the first verified mark from `start` on.

    The first that is found mostly is the one; behind one that is not, what stands in a window is looked at together:
    40,000 texts that say ENDSEC took 40 s, one look each.
    """
    at, stop, span = start, source.size if until is None else until, len(word)
    while True:
        hit = find(word, at, until)
        if hit < 0:
            return None
        first = max(start, hit - 24, 0)
        around = source.read(first, hit - first + span + _CONTEXT)
        if first > 0 and first == start:
            around = b"\n" + around  # content begins at a line
            first -= 1
        for match in pattern.finditer(around):
            place = around.find(word, match.start())
            if first + place >= hit + span or first + place + len(word) > stop:
                break
            if first + place >= at:
                return first + match.end(), match
        at, span = hit + span, WINDOW


def _read_small(source: Source, section: Section, most_lines: int) -> Tags:
    size = section.end - section.start
    data = source.read(section.start, min(size, _SMALL))
    while line_feeds(data) > most_lines:
        data = data[: len(data) // 2]
    return parse(data, last=len(data) == size)


def _header(source: Source, sections: list[Section]) -> dict[str, list[tuple[int, bytes]]]:
    """Return the header variables: name to its (code, value) pairs."""
    section = next((s for s in sections if s.name == "HEADER"), None)
    variables: dict[str, list[tuple[int, bytes]]] = {}
    if section is None:
        return variables
    tags = _read_small(source, section, _HEADER_LINES)
    current: list[tuple[int, bytes]] = []
    for i, code in enumerate(tags.code.tolist()):
        value = tags.value(i)
        if code == 9:
            current = variables.setdefault(value.decode("ascii", "replace").strip().upper(), [])
        elif code != 999:
            current.append((code, value))
    return {name: pairs for name, pairs in variables.items() if pairs}


def _number(header: dict[str, list[tuple[int, bytes]]], name: str, default: float) -> float:
    try:
        value = float(header[name][0][1])
    except (KeyError, ValueError):
        return default
    return value if abs(value) < 2**31 else default  # nan and infinity too


def _extents(
    header: dict[str, list[tuple[int, bytes]]],
) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    corners = []
    for name in ("$EXTMIN", "$EXTMAX"):
        try:
            values = [float(value) for _, value in header[name]]
        except (KeyError, ValueError):
            return None
        values = [*values, 0.0, 0.0, 0.0][:3]
        if not all(abs(v) < 1e15 for v in values):
            return None
        corners.append((values[0], values[1], values[2]))
    low, high = corners
    return (low, high) if high[0] > low[0] or high[1] > low[1] else None


def _tables(source: Source, sections: list[Section], notes: list[tuple[str, str]]) -> Tags | None:
    section = next((s for s in sections if s.name == "TABLES"), None)
    if section is None:
        return None
    tags = _read_small(source, section, _MOST_LINES)
    if len(tags.data) < section.end - section.start:
        notes.append(
            ("tables_damaged", f"the TABLES section is too large: its first {len(tags.data) >> 20} MB are read")
        )
    if tags.damage is not None:
        notes.append(("tables_damaged", f"the TABLES section is damaged at line {section.line + tags.damage.line}"))
    return tags


def _layers(tags: Tags, codec: str) -> dict[str, Layer]:
    layers: dict[str, Layer] = {}
    starts = [*tags.entity_tag.tolist(), len(tags.code)]
    codes = tags.code.tolist()
    for first, last in pairwise(starts):
        if tags.value(first).strip() != b"LAYER":
            continue
        layer = _layer([(codes[i], tags.value(i).strip()) for i in range(first + 1, last)], codec)
        if layer.name:
            layers[layer.name] = layer
    return layers


def _layer(pairs: list[tuple[int, bytes]], codec: str) -> Layer:
    """Return one record of the layer table; its transparency stands in extended data."""
    names = {2: "name", 6: "linetype"}
    numbers = {62: "color", 70: "flags", 420: "true_color", 370: "lineweight", 290: "plotted"}
    found: dict[str, Any] = {}
    application = b""
    for code, value in pairs:
        if code in names:
            found.setdefault(names[code], decode(value, codec))
        elif code in numbers:
            found[numbers[code]] = _integer(value, found.get(numbers[code]))
        elif code == 1001:
            application = value
        elif code == 1071 and application == b"AcCmTransparency" and (bits := _integer(value, None)) is not None:
            found["alpha"] = bits & 255
    found = {name: value for name, value in found.items() if value is not None}
    return Layer(**{"name": "", **found, "plotted": bool(found.get("plotted", 1))})


def _integer(value: bytes, default: int | None) -> int | None:
    try:
        number = int(value)
    except ValueError:
        return default
    return number if abs(number) < 2**31 else default


def _sample(source: Source, section: Section) -> tuple[tuple[float, float], float]:
    """Return median and spread of the points (codes 10, 20) in the first MB of a section."""
    size = min(section.end - section.start, _SAMPLE)
    tags = parse(source.read(section.start, size), last=section.end - section.start <= _SAMPLE)
    axes = [tags.number[(tags.code == code) & ~tags.bad_number] for code in (10, 20)]
    if not len(axes[0]) or not len(axes[1]):
        return (0.0, 0.0), 0.0
    spread = max(float(np.ptp(np.percentile(axis, [5, 95]))) for axis in axes)
    return (float(np.median(axes[0])), float(np.median(axes[1]))), spread


def _count(source: Source, glance: Glance, section: Section) -> int:
    """Count entities by the spelling of the first code-0 line; followers (VERTEX, SEQEND, ATTRIB) are not counted."""
    zero = _spelled(source, section)
    if not zero:
        return 0
    own = Glance(source, counting=True, zero=zero) if glance.zero != zero else glance
    return max(0, own.marks(section.start, section.end - 1) + 1)  # the last mark is that of ENDSEC


def entities_of(source: Source, sections: Iterable[Section]) -> int:
    """Return how many entities lie in some sections (layouts, which are small), by the same marks."""
    total = 0
    for section in sections:
        if zero := _spelled(source, section):
            count, more, end = counter(zero), overlap_of(zero), section.end - 1
            for at in range(section.start, end, WINDOW):
                size = min(WINDOW, end - at)
                total += count(source.read(at, size + more), size)
            total += 1
    return total


def _spelled(source: Source, section: Section) -> bytes:
    """Return how the code 0 of a section's first entity is spelled, with the line feed before; empty without any."""
    match = re.match(rb"[ \t]*0[ \t]*\r?\n", source.read(section.start, 256))
    return b"\n" + match[0] if match else b""
