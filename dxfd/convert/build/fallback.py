"""The rarer entity types, one by one: by what their own numbers tell (plain.py), else through ezdxf.

Needs no document: an entity is loaded from its own tags, binary bodies come by its handle. Imports ezdxf on first use:
40 MB that most drawings never need.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.build import acis, acis_extents, plain, sab, sat
from dxfd.convert.build.budget import unbounded
from dxfd.convert.build.fitted import fit_curve
from dxfd.convert.build.means import PLAIN, Means
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.build.splines import Curve

_BLANK: Final = frozenset({"OLEFRAME", "SUN"})
"""Types that have no place of their own."""
KNOWN: Final = frozenset(
    {"HATCH", "MPOLYGON", "SPLINE", "HELIX", "MESH", "IMAGE", "WIPEOUT", "LEADER", "MLINE", "MULTILEADER", "MLEADER",
     "VIEWPORT", "OLE2FRAME", *acis.KINDS, *plain.PLACED, *plain.UNDERLAYS, *plain.ENDLESS}
)  # fmt: skip
"""Types that are AutoCAD's own; of others what their application left of them is shown."""
_TEXT_PER_VERTEX: Final = 20
"""Characters that ezdxf is given for each vertex that an entity may have: it takes 35 bytes of memory for each."""
_BODY_PER_VERTEX: Final = 100
"""Characters (or bytes) of a body for each vertex that an entity may have: it takes 14 bytes of memory for each."""
BOX_ONLY: Final = "box_only"
"""Reason of elements that are the box of something that is not read in full."""


def _no_points() -> Floats:
    return np.empty((0, 3))


def _no_faces() -> Ints:
    return np.empty((0, 3), dtype=np.int64)


class Shape(Struct, frozen=True):
    """Geometry of one entity, metres, WCS: polylines or a mesh.

    Attributes:
        rings: list of (points (n, 3), closed).
        vertices, faces: (v, 3), (f, 3); empty for curves.
        filled: the rings bound an area (every second one inside another is a hole).
        boxed: of the rings' points only the box is told: what they are in full is not known, or is many lines.
        note: what the box stands for, for the issues; "" if the box is no loss.
    """

    rings: list[tuple[Floats, bool]] = field(default_factory=list)
    vertices: Floats = field(default_factory=_no_points)
    faces: Ints = field(default_factory=_no_faces)
    filled: bool = False
    boxed: bool = False
    note: str = ""


class NoGeometryError(Exception):
    """The entity has no geometry that can be had from its own tags; the message is the ledger's reason.

    Attributes:
        note: what an issue says beside it; "" = nothing.
    """

    def __init__(self, reason: str, note: str = "") -> None:
        self.note = note
        super().__init__(reason)


def shape(kind: str, raw: bytes, codec: str, metres: float, means: Means = PLAIN) -> Shape:
    """Return the geometry of one entity from its tags.

    Raises:
        NoGeometryError: the type has none, or it cannot be had without the rest of the drawing.
        ValueError: the entity is faulty (any complaint of ezdxf becomes this).
    """
    if kind in _BLANK:
        raise NoGeometryError("no_geometry")
    try:
        text = raw.decode(codec, "replace").replace("\r\n", "\n")
        return _simple(kind, text, metres, means) or _through_ezdxf(kind, text, metres, means)
    except NoGeometryError:
        raise
    except Exception as error:  # a foreign parser on foreign input: whatever it raises is the entity's fault
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _simple(kind: str, text: str, metres: float, means: Means) -> Shape | None:
    """Return the shape of a type whose numbers tell it."""
    if kind in plain.ENDLESS:
        ends = None
        if means.clip is not None:
            low, high = (corner / metres for corner in means.clip)
            ends = plain.clipped(plain.tagged(text), both=kind == "XLINE", low=low, high=high)
        if ends is None:
            raise NoGeometryError("infinite")
        return _line(ends, metres)
    if kind in plain.PLACED:
        return _line(plain.tagged(text).all(10)[:1], metres)
    if kind in plain.DIMENSIONS:
        corners = plain.measured(plain.tagged(text))
        if len(corners) < 2:
            raise NoGeometryError("no_geometry")
        return _box(_checked(corners * metres), f"{kind}: of one without a picture only the points are told")
    if kind == "LEADER":
        tags = plain.tagged(text)
        corners = tags.all(10)
        if tags.first(72) == 1 and len(corners) > 2:  # drawn as a curve through its points
            return _from_curve(fit_curve(corners, []), metres, means)
        return _line(corners, metres)
    if kind == "MLINE":
        return _mline(plain.tagged(text), text, metres)
    if kind in {"VIEWPORT", "OLE2FRAME"}:
        frame = (plain.viewport if kind == "VIEWPORT" else plain.ole)(plain.tagged(text))
        if frame is None:
            raise NoGeometryError("no_geometry")
        return Shape([(_checked(frame * metres), True)])
    if kind in plain.UNDERLAYS:
        corners = plain.underlay(plain.tagged(text))
        return Shape([(_checked(corners * metres), True)]) if len(corners) > 2 else _line(corners, metres)
    return None


def _mline(tags: plain.Tagged, text: str, metres: float) -> Shape:
    """Return an MLINE as the area between its outermost lines, or its one line."""
    lines, closed = plain.mline(tags, text)
    lines = [_checked(line * metres) for line in lines]
    if not len(lines[0]):
        raise NoGeometryError("no_geometry")
    if len(lines) == 1:
        return Shape([(lines[0], closed)])
    if closed:
        return Shape([(line, True) for line in lines], filled=True)
    return Shape([(np.concatenate([lines[0], lines[1][::-1]]), True)])


def _through_ezdxf(kind: str, text: str, metres: float, means: Means) -> Shape:
    if kind in acis.KINDS:
        return _from_body(kind, text, metres, means)
    most = means.limits.entity_vertices * _TEXT_PER_VERTEX
    if len(text) > most:
        raise NoGeometryError(
            "entity_too_large", f"{kind}: {len(text)} characters, more than {most}: too many for ezdxf"
        )
    from ezdxf.entities import factory
    from ezdxf.lldxf.extendedtags import ExtendedTags

    entity: Any = factory.load(ExtendedTags.from_text(text))
    if kind in {"HATCH", "MPOLYGON"}:
        from ezdxf.path import from_hatch

        rings = _rings(from_hatch(entity), metres, means)
        return Shape([(points, True) for points, _ in rings], filled=True)
    if kind in {"MULTILEADER", "MLEADER"}:
        return _from_multileader(entity, metres)
    if kind not in KNOWN or kind == "ACAD_PROXY_ENTITY":
        return _from_graphics(kind, entity, metres, means)
    return _from_primitives([entity], metres, means)


def _from_curve(curve: Curve, metres: float, means: Means) -> Shape:
    from ezdxf.math import BSpline

    made = BSpline(curve.points.tolist(), order=curve.degree + 1, knots=curve.knots.tolist())
    most = means.limits.entity_vertices
    points = np.array([tuple(v) for v in islice(made.flattening(means.tolerance_m / metres), most + 1)])
    if len(points) > most:
        raise NoGeometryError("too_many_vertices")
    return Shape([(_checked(points * metres), False)])


def _line(corners: Iterable[Any], metres: float) -> Shape:
    """Return an open polyline; NoGeometryError if there is no point."""
    points = np.array([tuple(v) for v in corners], dtype=np.float64).reshape(-1, 3)
    if not len(points):
        raise NoGeometryError("no_geometry")
    return Shape([(_checked(points * metres), False)])


def _from_body(kind: str, text: str, metres: float, means: Means) -> Shape:
    handle = next((value.strip() for code, value in plain.pairs(text) if code == 5), "")
    lines = sat.sat_lines(plain.pairs(text))
    data = b"" if lines else unbounded(lambda: means.body(handle))
    if not lines and not data:
        raise NoGeometryError("acis_not_read", f"{kind} {handle}: its body is not in the drawing")
    size, most = len(data) or sum(map(len, lines)), means.limits.entity_vertices * _BODY_PER_VERTEX
    if size > most:
        raise NoGeometryError("entity_too_large", f"{kind}: a body of {size} characters, more than {most}")
    body = sat.records(lines) if lines else sab.records(data)
    del lines, data
    try:
        made = acis.faces(body, means.tolerance_m / metres, means.limits.entity_vertices)
    except acis.TooManyPointsError:
        raise NoGeometryError("too_many_vertices") from None
    if made is not None:
        vertices, faces = made
        if len(vertices) > means.limits.entity_vertices:
            raise NoGeometryError("too_many_vertices")
        return Shape(vertices=_checked(vertices * metres), faces=faces)
    corners = acis_extents.box(body)
    if corners is None:
        raise NoGeometryError("acis_not_read", f"{kind} {handle}: its vertices span no box")
    return _box(np.array(corners) * metres, f"{kind}: of a body with curved faces only its box is told")


def _box(points: Floats, note: str = "") -> Shape:
    """Return the box of points by two of its corners: of many thousand no line is drawn."""
    checked = _checked(points)
    return Shape([(np.array([checked.min(axis=0), checked.max(axis=0)]), False)], boxed=True, note=note)


def _from_multileader(entity: Any, metres: float) -> Shape:
    """Return the one leader line, or the box of all lines and the place of what they point from."""
    context = entity.context
    lines = [
        [tuple(v) for v in [*line.vertices, leader.last_leader_point]]
        for leader in context.leaders
        for line in leader.lines
    ]
    content = context.mtext or context.block
    place = tuple(content.insert) if content is not None else tuple(context.base_point)
    if len(lines) == 1:
        return _line(lines[0], metres)
    if not lines:
        return _line([place], metres)
    return _box(np.array([*(v for line in lines for v in line), place], dtype=np.float64) * metres)


def _from_graphics(kind: str, entity: Any, metres: float, means: Means) -> Shape:
    """Return what an application left of its own entity for those who do not know it (proxy graphics)."""
    number = 0
    if kind == "ACAD_PROXY_ENTITY":
        subclass = getattr(entity, "acdb_proxy_entity", None)
        number = int(subclass.get_first_value(91, 0)) if subclass is not None else 0
    words = unbounded(lambda: means.application(kind, number))
    name = f"{kind} ({words})" if words else kind
    nothing = NoGeometryError("unknown_type", f"{name} keeps no graphics of its own in the drawing")
    if not getattr(entity, "proxy_graphic", None):
        raise nothing
    from ezdxf.disassemble import recursive_decompose

    try:
        found = _from_primitives(recursive_decompose(list(entity.virtual_entities())), metres, means)
    except NoGeometryError as error:
        raise nothing if str(error) == "no_geometry" else error from None
    return Shape(
        found.rings, found.vertices, found.faces, boxed=found.boxed, note=f"{name} is told by its proxy graphics"
    )  # fmt: skip


def _from_primitives(entities: Iterable[Any], metres: float, means: Means) -> Shape:
    """Return the shape of entities that ezdxf knows: one curve, faces, or the box of several things."""
    from ezdxf import disassemble

    rings: list[tuple[Floats, bool]] = []
    words: list[tuple[Floats, bool]] = []
    meshes: list[Any] = []
    total = 0
    for entity in entities:
        before = len(rings)
        primitive = disassemble.make_primitive(entity)
        if entity.dxftype() in {"TEXT", "MTEXT", "ATTRIB", "ATTDEF"}:  # their size is a matter of fonts
            words.append((np.array([tuple(entity.dxf.insert)]) * metres, False))
        elif primitive.mesh is not None:
            meshes.append(primitive.mesh)
        elif primitive.path is not None:
            rings += _rings([primitive.path], metres, means)
        else:
            points = np.array([tuple(v) for v in primitive.vertices()], dtype=np.float64).reshape(-1, 3)
            if len(points):
                rings.append((points * metres, False))
        total += sum(len(points) for points, _ in rings[before:])
        if total > means.limits.entity_vertices:
            raise NoGeometryError("too_many_vertices")
    if meshes and not rings:
        return _from_meshes(meshes, metres, means)
    rings += [
        (np.array([tuple(v) for v in m.vertices], dtype=np.float64).reshape(-1, 3) * metres, False) for m in meshes
    ]
    rings = [(_checked(points), closed) for points, closed in rings if len(points)]
    rings = rings or words
    if not rings:
        raise NoGeometryError("no_geometry")
    if len(rings) == 1:
        return Shape(rings)
    return _box(np.concatenate([points for points, _ in rings]))


def _rings(paths: Iterable[Any], metres: float, means: Means) -> list[tuple[Floats, bool]]:
    rings: list[tuple[Floats, bool]] = []
    total = 0
    for whole in paths:
        for path in whole.sub_paths():
            if not total + _chords(path, means.tolerance_m / metres) <= means.limits.entity_vertices:
                raise NoGeometryError("too_many_vertices")  # ezdxf makes them all, of a damaged spline gigabytes
            points = np.array([tuple(v) for v in path.flattening(means.tolerance_m / metres)], dtype=np.float64)
            total += len(points)
            if total > means.limits.entity_vertices:
                raise NoGeometryError("too_many_vertices")
            if len(points) < 2:
                continue
            closed = bool(path.is_closed) and len(points) > 3
            rings.append((_checked((points[:-1] if closed else points) * metres), closed))
    if not rings:
        raise NoGeometryError("no_geometry")
    return rings


def _chords(path: Any, tolerance: float) -> float:
    """Return about how many chords keep within a tolerance of a path: by the bends of its Bezier curves."""
    count = 0.0
    at = path.start
    for command in path.commands():
        controls = [getattr(command, name) for name in ("ctrl", "ctrl1", "ctrl2") if hasattr(command, name)]
        points = [at, *controls, command.end]
        bends = [(a - b * 2 + c).magnitude for a, b, c in zip(points, points[1:], points[2:], strict=False)]
        bend = (len(points) - 1) * (len(points) - 2) * max(bends, default=0.0)
        count += 1 + math.sqrt(bend / (8 * tolerance))
        at = command.end
    return count


def _from_meshes(builders: list[Any], metres: float, means: Means) -> Shape:
    places: list[tuple[float, ...]] = []
    triangles: list[tuple[int, int, int]] = []
    for builder in builders:
        base, count = len(places), len(builder.vertices)
        places += [tuple(v) for v in builder.vertices]
        if len(places) > means.limits.entity_vertices:
            raise NoGeometryError("too_many_vertices")
        for face in builder.faces:
            if min(face) < 0 or max(face) >= count:
                raise ValueError("a face refers to a vertex that is not there")
            triangles += [(base + face[0], base + face[k], base + face[k + 1]) for k in range(1, len(face) - 1)]
    if not places:
        raise NoGeometryError("no_geometry")
    vertices = np.array(places, dtype=np.float64).reshape(-1, 3)
    return Shape(
        vertices=_checked(vertices * metres), faces=np.array(triangles, dtype=np.int64).reshape(-1, 3)
    )  # fmt: skip


def _checked(points: Floats) -> Floats:
    if not np.isfinite(points).all():
        raise ValueError("a coordinate is not a finite number")
    return points
