"""A small writer of ASCII DXF R2010 text for the sample drawing: tables, blocks, entities, fixed handles and times.

Owns the file format as far as the sample needs it. Not a library: coordinates are drawing units, angles are degrees,
nothing is checked (ezdxf audits the result in a test).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Point = tuple[float, float] | tuple[float, float, float]

_JULIAN: Final = 2460676.5  # 2025-01-01: the sample never changes
_GUID: Final = "{00000000-0000-4000-8000-000000000001}"


def _xyz(point: Point, code: int = 10) -> str:
    z = point[2] if len(point) == 3 else 0.0
    return f"{code}\n{point[0]:.3f}\n{code + 10}\n{point[1]:.3f}\n{code + 20}\n{z:.3f}\n"


class Space:
    """Where entities go: modelspace or a block. `owner` is its block record's handle."""

    def __init__(self, drawing: Drawing, owner: str) -> None:
        self.drawing = drawing
        self.owner = owner
        self.parts: list[str] = []

    def _head(self, kind: str, layer: str, subclass: str, owner: str | None = None) -> str:
        handle = self.drawing.handle()
        return f"0\n{kind}\n5\n{handle}\n330\n{owner or self.owner}\n100\nAcDbEntity\n8\n{layer}\n100\n{subclass}\n"

    def line(self, layer: str, start: Point, end: Point) -> None:
        """Add a LINE."""
        self.parts.append(self._head("LINE", layer, "AcDbLine") + _xyz(start) + _xyz(end, 11))

    def outline(
        self, layer: str, points: Sequence[tuple[float, ...]], *, closed: bool = True, elevation: float = 0.0
    ) -> None:
        """Add an LWPOLYLINE; a point's third number is its bulge."""
        body = [f"90\n{len(points)}\n70\n{int(closed)}\n43\n0.0\n38\n{elevation:.3f}\n"]
        for point in points:
            bulge = f"42\n{point[2]:.6f}\n" if len(point) == 3 else ""
            body.append(f"10\n{point[0]:.3f}\n20\n{point[1]:.3f}\n{bulge}")
        self.parts.append(self._head("LWPOLYLINE", layer, "AcDbPolyline") + "".join(body))

    def box(self, layer: str, x: float, y: float, width: float, depth: float) -> None:
        """Add a closed rectangle with its lower left corner at x, y."""
        self.outline(layer, [(x, y), (x + width, y), (x + width, y + depth), (x, y + depth)])

    def circle(self, layer: str, center: Point, radius: float) -> None:
        """Add a CIRCLE."""
        self.parts.append(self._head("CIRCLE", layer, "AcDbCircle") + _xyz(center) + f"40\n{radius:.3f}\n")

    def arc(self, layer: str, center: Point, radius: float, start: float, end: float) -> None:
        """Add an ARC, counter-clockwise."""
        self.parts.append(
            self._head("ARC", layer, "AcDbCircle")
            + _xyz(center)
            + f"40\n{radius:.3f}\n100\nAcDbArc\n50\n{start:.3f}\n51\n{end:.3f}\n"
        )

    def text(self, layer: str, at: Point, height: float, value: str) -> None:
        """Add a TEXT."""
        self.parts.append(
            self._head("TEXT", layer, "AcDbText") + _xyz(at) + f"40\n{height:.3f}\n1\n{value}\n100\nAcDbText\n"
        )

    def mtext(self, layer: str, at: Point, height: float, value: str) -> None:
        """Add an MTEXT."""
        self.parts.append(
            self._head("MTEXT", layer, "AcDbMText")
            + _xyz(at)
            + f"40\n{height:.3f}\n41\n6000.0\n71\n1\n72\n1\n1\n{value}\n"
        )

    def face(self, layer: str, corners: Sequence[Point]) -> None:
        """Add a 3DFACE of four corners."""
        body = "".join(_xyz(corner, 10 + number) for number, corner in enumerate(corners))
        self.parts.append(self._head("3DFACE", layer, "AcDbFace") + body)

    def spline(self, layer: str, points: Sequence[Point]) -> None:
        """Add a cubic SPLINE with clamped ends through control points."""
        inner = len(points) - 4
        knots = [0.0] * 4 + [float(number + 1) for number in range(inner)] + [float(inner + 1)] * 4
        body = [f"70\n8\n71\n3\n72\n{len(knots)}\n73\n{len(points)}\n74\n0\n42\n0.000000001\n43\n0.0000000001\n"]
        body += [f"40\n{knot:.3f}\n" for knot in knots]
        body += [_xyz(point) for point in points]
        self.parts.append(self._head("SPLINE", layer, "AcDbSpline") + "".join(body))

    def hatch(self, layer: str, points: Sequence[tuple[float, float]]) -> None:
        """Add a solid HATCH with one polyline boundary."""
        edge = "".join(f"10\n{x:.3f}\n20\n{y:.3f}\n" for x, y in points)
        self.parts.append(
            self._head("HATCH", layer, "AcDbHatch")
            + "10\n0.0\n20\n0.0\n30\n0.0\n210\n0.0\n220\n0.0\n230\n1.0\n2\nSOLID\n70\n1\n71\n0\n"
            + "91\n1\n92\n2\n72\n0\n73\n1\n"
            + f"93\n{len(points)}\n{edge}97\n0\n75\n1\n76\n1\n98\n1\n10\n0.0\n20\n0.0\n"
        )

    def dimension(self, layer: str, start: Point, end: Point, offset: float) -> None:
        """Add a horizontal DIMENSION with its geometry block."""
        number = sum(name.startswith("*D") for name in self.drawing.blocks)
        name = f"*D{number}"
        block = self.drawing.block(name)
        y = start[1] + offset
        block.line(layer, start, (start[0], y))
        block.line(layer, end, (end[0], y))
        block.line(layer, (start[0], y), (end[0], y))
        block.text(layer, ((start[0] + end[0]) / 2, y), 250, f"{end[0] - start[0]:.0f}")
        self.parts.append(
            self._head("DIMENSION", layer, "AcDbDimension")
            + f"2\n{name}\n{_xyz((end[0], y))}{_xyz(((start[0] + end[0]) / 2, y), 11)}"
            + f"70\n32\n71\n5\n42\n{end[0] - start[0]:.3f}\n3\nSTANDARD\n"
            + f"100\nAcDbAlignedDimension\n{_xyz(start, 13)}{_xyz(end, 14)}50\n0.0\n100\nAcDbRotatedDimension\n"
        )

    def attdef(self, tag: str, at: Point, default: str) -> None:
        """Add an ATTDEF on layer 0."""
        self.parts.append(
            self._head("ATTDEF", "0", "AcDbText")
            + _xyz(at)
            + f"40\n100.0\n1\n{default}\n100\nAcDbAttributeDefinition\n280\n0\n3\n{tag}\n2\n{tag}\n70\n0\n"
        )

    def insert(
        self,
        layer: str,
        name: str,
        at: Point,
        *,
        scale: tuple[float, float, float] = (1.0, 1.0, 1.0),
        rotation: float = 0.0,
        attributes: Mapping[str, str] | None = None,
        upside_down: bool = False,
    ) -> None:
        """Add an INSERT; upside_down mirrors it by its extrusion, as CAD programs do with MIRROR3D."""
        if upside_down:
            at = (-at[0], *at[1:])  # type: ignore[assignment]  # object coordinates have x reversed
        follow = "66\n1\n" if attributes else ""
        head = self._head("INSERT", layer, "AcDbBlockReference")
        owner = head.split("\n", 4)[3]
        extrusion = "210\n0.0\n220\n0.0\n230\n-1.0\n" if upside_down else ""
        scales = "".join(f"{41 + axis}\n{factor:.4f}\n" for axis, factor in enumerate(scale))
        parts = [f"{head}{follow}2\n{name}\n{_xyz(at)}{scales}50\n{rotation:.4f}\n{extrusion}"]
        if attributes:
            parts += [
                self._head("ATTRIB", layer, "AcDbText", owner)
                + _xyz(at)
                + f"40\n100.0\n1\n{value}\n{extrusion}100\nAcDbAttribute\n280\n0\n2\n{tag}\n70\n0\n"
                for tag, value in attributes.items()
            ]
            parts.append(f"0\nSEQEND\n5\n{self.drawing.handle()}\n330\n{owner}\n100\nAcDbEntity\n8\n{layer}\n")
        self.parts.append("".join(parts))

    def __len__(self) -> int:
        """Return the number of entities (ATTRIB and SEQEND belong to their INSERT)."""
        return len(self.parts)


class Drawing:
    """One drawing: layers, blocks, modelspace."""

    def __init__(self, layers: Mapping[str, int], *, insunits: int = 4) -> None:
        self.layers = dict(layers)
        self.insunits = insunits
        self._next = 0x100
        self._records: dict[str, str] = {name: self.handle() for name in ("*Model_Space", "*Paper_Space")}
        self.blocks: dict[str, Space] = {}
        self.model = Space(self, self._records["*Model_Space"])

    def handle(self) -> str:
        """Return the next handle: the same calls give the same handles."""
        self._next += 1
        return f"{self._next:X}"

    def block(self, name: str) -> Space:
        """Begin a block definition."""
        self._records[name] = self.handle()
        self.blocks[name] = Space(self, self._records[name])
        return self.blocks[name]

    def write(self, path: str) -> None:
        """Write the file; the same drawing gives the same bytes."""
        tail = [*self._blocks(), *self._entities(), *self._objects()]
        with open(path, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123
            file.writelines(self._header())
            file.write("0\nSECTION\n2\nCLASSES\n0\nENDSEC\n")
            file.writelines(self._tables())
            file.writelines(tail)

    def _header(self) -> Iterable[str]:
        yield "999\nairport terminal, sample of dxfd\n0\nSECTION\n2\nHEADER\n"
        yield "9\n$ACADVER\n1\nAC1024\n9\n$DWGCODEPAGE\n3\nANSI_1252\n"
        yield f"9\n$INSUNITS\n70\n{self.insunits}\n9\n$MEASUREMENT\n70\n1\n9\n$HANDSEED\n5\n{self._next + 0x10000:X}\n"
        yield f"9\n$TDCREATE\n40\n{_JULIAN}\n9\n$TDUPDATE\n40\n{_JULIAN}\n"
        yield f"9\n$FINGERPRINTGUID\n2\n{_GUID}\n9\n$VERSIONGUID\n2\n{_GUID}\n0\nENDSEC\n"

    def _table(self, name: str, entries: Sequence[str], extra: str = "") -> str:
        return (
            f"0\nTABLE\n2\n{name}\n5\n{self.handle()}\n330\n0\n100\nAcDbSymbolTable\n70\n{len(entries)}\n{extra}"
            + "".join(entries)
            + "0\nENDTAB\n"
        )

    def _entry(self, kind: str, subclass: str, body: str, handle: str = "", handle_code: int = 5) -> str:
        handle = handle or self.handle()
        return f"0\n{kind}\n{handle_code}\n{handle}\n100\nAcDbSymbolTableRecord\n100\n{subclass}\n{body}"

    def _tables(self) -> Iterable[str]:
        yield "0\nSECTION\n2\nTABLES\n"
        view = "2\n*Active\n70\n0\n10\n0.0\n20\n0.0\n11\n1.0\n21\n1.0\n12\n54000.0\n22\n27000.0\n40\n60000.0\n41\n1.8\n"
        yield self._table("VPORT", [self._entry("VPORT", "AcDbViewportTableRecord", view)])
        linetypes = [
            self._entry("LTYPE", "AcDbLinetypeTableRecord", f"2\n{name}\n70\n0\n3\n\n72\n65\n73\n0\n40\n0.0\n")
            for name in ("ByBlock", "ByLayer", "Continuous")
        ]
        yield self._table("LTYPE", linetypes)
        layers = {"0": 7, **self.layers}
        yield self._table(
            "LAYER",
            [
                self._entry("LAYER", "AcDbLayerTableRecord", f"2\n{name}\n70\n0\n62\n{color}\n6\nContinuous\n")
                for name, color in layers.items()
            ],
        )
        style = "2\nStandard\n70\n0\n40\n0.0\n41\n1.0\n50\n0.0\n71\n0\n42\n2.5\n3\ntxt\n4\n\n"
        yield self._table("STYLE", [self._entry("STYLE", "AcDbTextStyleTableRecord", style)])
        yield self._table("VIEW", [])
        yield self._table("UCS", [])
        yield self._table("APPID", [self._entry("APPID", "AcDbRegAppTableRecord", "2\nACAD\n70\n0\n")])
        dimstyle = self._entry("DIMSTYLE", "AcDbDimStyleTableRecord", "2\nStandard\n70\n0\n", handle_code=105)
        yield self._table("DIMSTYLE", [dimstyle], "100\nAcDbDimStyleTable\n71\n0\n")
        yield self._table(
            "BLOCK_RECORD",
            [
                self._entry("BLOCK_RECORD", "AcDbBlockTableRecord", f"2\n{name}\n70\n4\n280\n1\n281\n0\n", handle)
                for name, handle in self._records.items()
            ],
        )
        yield "0\nENDSEC\n"

    def _blocks(self) -> Iterable[str]:
        yield "0\nSECTION\n2\nBLOCKS\n"
        for name, record in self._records.items():
            space = self.blocks.get(name)
            flags = (
                1 if name.startswith("*D") else 2 if space and any("ATTDEF" in part[:9] for part in space.parts) else 0
            )
            common = f"330\n{record}\n100\nAcDbEntity\n8\n0\n"
            yield (
                f"0\nBLOCK\n5\n{self.handle()}\n{common}100\nAcDbBlockBegin\n2\n{name}\n70\n{flags}\n"
                f"10\n0.0\n20\n0.0\n30\n0.0\n3\n{name}\n1\n\n"
            )
            yield from space.parts if space else ()
            yield f"0\nENDBLK\n5\n{self.handle()}\n{common}100\nAcDbBlockEnd\n"
        yield "0\nENDSEC\n"

    def _entities(self) -> Iterable[str]:
        yield "0\nSECTION\n2\nENTITIES\n"
        yield from self.model.parts
        yield "0\nENDSEC\n"

    def _objects(self) -> Iterable[str]:
        root, groups, layouts = self.handle(), self.handle(), self.handle()
        yield "0\nSECTION\n2\nOBJECTS\n"
        yield f"0\nDICTIONARY\n5\n{root}\n330\n0\n100\nAcDbDictionary\n281\n1\n"
        yield f"3\nACAD_GROUP\n350\n{groups}\n3\nACAD_LAYOUT\n350\n{layouts}\n"
        yield f"0\nDICTIONARY\n5\n{groups}\n330\n{root}\n100\nAcDbDictionary\n281\n1\n"
        names = (("Model", "*Model_Space"), ("Layout1", "*Paper_Space"))
        handles = [self.handle() for _ in names]
        yield f"0\nDICTIONARY\n5\n{layouts}\n330\n{root}\n100\nAcDbDictionary\n281\n1\n"
        yield "".join(f"3\n{name}\n350\n{handle}\n" for (name, _), handle in zip(names, handles, strict=True))
        for order, ((name, record), handle) in enumerate(zip(names, handles, strict=True)):
            yield (
                f"0\nLAYOUT\n5\n{handle}\n330\n{layouts}\n100\nAcDbPlotSettings\n1\n\n70\n{1024 if order == 0 else 0}\n"
                f"100\nAcDbLayout\n1\n{name}\n70\n1\n71\n{order}\n330\n{self._records[record]}\n"
            )
        yield "0\nENDSEC\n0\nEOF\n"
