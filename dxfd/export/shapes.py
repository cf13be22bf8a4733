"""Bodies as lines of IFC: extruded solids, triangulated sets, curves, and mapped items for bodies that are shared.

A representation item is written before the element that has it; its style stands behind it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Protocol

from dxfd.export.colours import parsed
from dxfd.export.figures import Figure, Kind, figures
from dxfd.export.ifc_classes import Schema
from dxfd.export.source import Element, Source
from dxfd.export.step import quoted
from dxfd.export.topology import Topologies

CURVE: Final = "'Axis','Curve3D'"
_REPRESENTATION: Final = {
    Kind.POINT: "'Reference','Point'",
    Kind.CURVE: CURVE,
    Kind.FACES: "'Body','Tessellation'",
    Kind.PRISM: "'Body','SweptSolid'",
    Kind.BOX: "'Body','SweptSolid'",
}
_MAPPED: Final = "'Body','MappedRepresentation'"
_MOST_KEPT: Final = 20_000


class Lines(Protocol):
    """What the stream offers."""

    lines: list[str]
    last: int
    counts: Counter[str]
    up: int
    east: int
    world: int
    origin: int
    body_context: int

    def add(self, text: str) -> int:
        """Write an instance and return its number."""
        ...


class Shapes:
    """Writes the bodies of one file."""

    def __init__(self, stream: Lines, source: Source, schema: Schema) -> None:
        self._stream = stream
        self._source = source
        self._known = Topologies()
        self._styles: dict[tuple[str, bool], int] = {}
        self._colours: dict[str, tuple[int, float]] = {}
        self._mapped: dict[tuple[str, str | None], int] = {}
        self._operator = 0
        self._points_tail = ",$" if schema is Schema.IFC4X3 else ""
        self._segments: dict[int, str] = {}

    def item(self, element: Element, figure: Figure) -> tuple[int, str]:
        """Write an element's body; return its item (0 for none) and the kind of representation."""
        if element.shared is not None:
            return self._mapped_item(element.shared, element.rgba), _MAPPED
        if figure.kind is Kind.NOTHING:
            self._stream.counts["nothing"] += 1
            return 0, ""
        self._stream.counts[figure.kind.name.lower()] += 1
        return self._figure(figure, element.rgba), _REPRESENTATION[figure.kind]

    def _mapped_item(self, key: str, rgba: str | None) -> int:
        """Return the mapped item of a shared body in one colour; elements may have the same one."""
        self._stream.counts["mapped"] += 1
        known = self._mapped.get((key, rgba))
        if known is not None:
            return known
        figure = figures([self._source.body(key)], self._known)[0]
        if figure.kind is Kind.NOTHING:
            return 0
        add = self._stream.add
        item = self._figure(figure, rgba)
        inner = add(f"IFCSHAPEREPRESENTATION(#{self._stream.body_context},{_REPRESENTATION[figure.kind]},(#{item}))")
        source = add(f"IFCREPRESENTATIONMAP(#{self._stream.world},#{inner})")
        if not self._operator:
            self._operator = add(f"IFCCARTESIANTRANSFORMATIONOPERATOR3D($,$,#{self._stream.origin},$,$)")
        made = add(f"IFCMAPPEDITEM(#{source},#{self._operator})")
        if len(self._mapped) >= _MOST_KEPT:
            self._mapped.clear()
        self._mapped[key, rgba] = made
        self._stream.counts["maps"] += 1
        return made

    def _figure(self, figure: Figure, rgba: str | None) -> int:
        """Write a figure and its style; return its number."""
        match figure.kind:
            case Kind.BOX | Kind.PRISM:
                item = self._solid(figure)
            case Kind.FACES:
                item = self._faces(figure)
            case Kind.CURVE:
                points = self._stream.add(f"IFCCARTESIANPOINTLIST3D(({figure.numbers}){self._points_tail})")
                item = self._stream.add(f"IFCINDEXEDPOLYCURVE(#{points},$,$)")
            case _:
                return self._stream.add(f"IFCCARTESIANPOINT({figure.numbers})")
        if rgba:
            style = self._style(rgba, curve=figure.kind is Kind.CURVE)
            if style:
                self._stream.add(f"IFCSTYLEDITEM(#{item},(#{style}),$)")
        return item

    def _faces(self, figure: Figure) -> int:
        n = self._stream.last
        closed = ".T." if figure.closed else ".F."
        self._stream.lines.append(
            f"#{n + 1}=IFCCARTESIANPOINTLIST3D(({figure.numbers}){self._points_tail});\n"
            f"#{n + 2}=IFCTRIANGULATEDFACESET(#{n + 1},$,{closed},{figure.triangles},$);\n"
        )
        self._stream.last = n + 2
        return n + 2

    def _solid(self, figure: Figure) -> int:
        stream = self._stream
        if figure.kind is Kind.BOX:
            n = stream.last + 1
            text = f"#{n}=IFCRECTANGLEPROFILEDEF(.AREA.,$,$,{figure.numbers});\n"
        else:
            n = self._profile(figure.numbers)
            text = ""
        profile, turn = n, "$,$"
        if figure.axis or figure.side:
            axis, side = stream.up, stream.east
            if figure.axis:
                axis = n = n + 1
                text += f"#{n}=IFCDIRECTION({figure.axis});\n"
            if figure.side:
                side = n = n + 1
                text += f"#{n}=IFCDIRECTION({figure.side});\n"
            turn = f"#{axis},#{side}"
        stream.lines.append(
            f"{text}#{n + 1}=IFCCARTESIANPOINT({figure.base});\n"
            f"#{n + 2}=IFCAXIS2PLACEMENT3D(#{n + 1},{turn});\n"
            f"#{n + 3}=IFCEXTRUDEDAREASOLID(#{profile},#{n + 2},#{stream.up},{figure.depth});\n"
        )
        stream.last = n + 3
        return n + 3

    def _profile(self, numbers: str) -> int:
        outer, *holes = [self._ring(text) for text in numbers.split("|")]
        if holes:
            inner = ",".join(f"#{hole}" for hole in holes)
            return self._stream.add(f"IFCARBITRARYPROFILEDEFWITHVOIDS(.AREA.,$,#{outer},({inner}))")
        return self._stream.add(f"IFCARBITRARYCLOSEDPROFILEDEF(.AREA.,$,#{outer})")

    def _ring(self, text: str) -> int:
        count = text.count("(")
        segments = self._segments.get(count)
        if segments is None:
            segments = f"(IFCLINEINDEX(({','.join(str(k) for k in range(1, count + 1))},1)))"
            if len(self._segments) < 1000:
                self._segments[count] = segments
        points = self._stream.add(f"IFCCARTESIANPOINTLIST2D(({text}){self._points_tail})")
        return self._stream.add(f"IFCINDEXEDPOLYCURVE(#{points},{segments},$)")

    def _style(self, rgba: str, *, curve: bool) -> int:
        """Return the style of a colour, 0 if it is none."""
        known = self._styles.get((rgba, curve))
        if known is not None:
            return known
        made = 0
        parts = parsed(rgba)
        if parts is not None:
            add = self._stream.add
            red, green, blue = (_share(part) for part in parts[:3])
            colour = add(f"IFCCOLOURRGB($,{red},{green},{blue})")
            if curve:
                made = add(f"IFCCURVESTYLE({quoted(rgba)},$,$,#{colour},$)")
            else:
                through = _share(1 - parts[3])
                shown = add(f"IFCSURFACESTYLERENDERING(#{colour},{through},$,$,$,$,$,$,.NOTDEFINED.)")
                made = add(f"IFCSURFACESTYLE({quoted(rgba)},.BOTH.,(#{shown}))")
        self._styles[rgba, curve] = made
        return made


def _share(value: float) -> str:
    text = f"{value:.4f}".rstrip("0")
    return text or "0."
