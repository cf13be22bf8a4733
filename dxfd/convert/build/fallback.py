"""The rarer entity types, one by one, through ezdxf: it owns the meaning of SPLINE, HATCH, MESH, LEADER and the rest.

Needs no document: an entity is loaded from its own tags. What only tables tell (dimension blocks) is accounted for as
without geometry; of MLINE and LEADER the vertices are kept, of tables and leaders with text the place. Imports ezdxf on
first use: 40 MB that most drawings never need.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dxfd.convert.build import acis
from dxfd.convert.build.curves import TOLERANCE_M
from dxfd.convert.build.ragged import Floats, Ints

MAX_POINTS: Final = 200_000
"""Vertices one entity may flatten to; a dense hatch must not take the drawing's time."""

_ANNOTATION: Final = frozenset(
    {"DIMENSION", "ARC_DIMENSION", "LARGE_RADIAL_DIMENSION", "VIEWPORT", "ACAD_PROXY_ENTITY", "OLEFRAME"}
)
_ENDLESS: Final = frozenset({"XLINE", "RAY"})
_PLACED: Final = frozenset({"TOLERANCE", "ACAD_TABLE", "MULTILEADER", "MLEADER", "LIGHT", "OLE2FRAME"})
"""What is drawn there needs styles or another program; where it stands is known."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Geometry of one entity, metres, WCS: either polylines or a mesh.

    Attributes:
        rings: list of (points (n, 3), closed).
        vertices, faces: (v, 3), (f, 3); empty for curves.
    """

    rings: list[tuple[Floats, bool]]
    vertices: Floats
    faces: Ints


class NoGeometryError(Exception):
    """The entity has no geometry that can be had from its own tags; the message is the ledger's reason."""


def shape(kind: str, raw: bytes, codec: str, metres: float) -> Shape:
    """Return the geometry of one entity from its tags.

    Raises:
        NoGeometryError: the type has none, or it cannot be had without the rest of the drawing.
        ValueError: the entity is faulty (any complaint of ezdxf becomes this).
    """
    if kind in _ANNOTATION:
        raise NoGeometryError("no_geometry")
    if kind in _ENDLESS:
        raise NoGeometryError("infinite")
    try:
        return _shape(raw, codec, metres)
    except NoGeometryError:
        raise
    except Exception as error:  # a foreign parser on foreign input: whatever it raises is the entity's fault
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _shape(raw: bytes, codec: str, metres: float) -> Shape:
    from ezdxf.entities import factory
    from ezdxf.lldxf.extendedtags import ExtendedTags

    text = raw.decode(codec, "replace").replace("\r\n", "\n")
    entity: Any = factory.load(ExtendedTags.from_text(text))
    if entity.dxftype() in {"HATCH", "MPOLYGON"}:
        from ezdxf.path import from_hatch

        return _from_paths(list(from_hatch(entity)), metres)
    if entity.dxftype() in acis.KINDS:
        return _from_body(entity, metres)
    if entity.dxftype() in {"LEADER", "MLINE"}:
        corners = [v if entity.dxftype() == "LEADER" else v.location for v in entity.vertices]
        return _line(corners, metres)
    if entity.dxftype() in _PLACED:
        return _line(_first_point(text), metres)
    from ezdxf import disassemble

    primitive = disassemble.make_primitive(entity)
    mesh = primitive.mesh
    if mesh is not None:
        return _from_mesh(mesh, metres)
    path = primitive.path
    if path is not None:
        return _from_paths([path], metres)
    return _line(primitive.vertices(), metres)


def _line(corners: Iterable[Any], metres: float) -> Shape:
    """Return an open polyline; NoGeometryError if there is no point."""
    from ezdxf.math import Vec3

    points = [tuple(Vec3(v)) for v in corners]
    if not points:
        raise NoGeometryError("no_geometry")
    if len(points) > MAX_POINTS:
        raise NoGeometryError("too_many_vertices")
    return Shape([(_checked(np.array(points, dtype=np.float64) * metres), False)], np.empty((0, 3)), _none())


def _first_point(text: str) -> list[tuple[float, float, float]]:
    """Return the first point (codes 10, 20, 30) of an entity's tags, as a list of one or none."""
    lines = text.split("\n")
    found: dict[int, float] = {}
    for code, value in zip(lines[0::2], lines[1::2], strict=False):
        if code.strip() in {"10", "20", "30"}:
            found.setdefault(int(code), float(value))
            if int(code) == 30:
                break
    return [(found[10], found[20], found.get(30, 0.0))] if {10, 20} <= found.keys() else []


def _from_body(entity: Any, metres: float) -> Shape:
    made = acis.body(entity)
    if made is None:
        raise NoGeometryError("acis_not_read")
    vertices, faces = made
    if len(vertices) > MAX_POINTS:
        raise NoGeometryError("too_many_vertices")
    return Shape([], _checked(vertices * metres), faces)


def _from_paths(paths: list[Any], metres: float) -> Shape:
    rings: list[tuple[Floats, bool]] = []
    total = 0
    for whole in paths:
        for path in whole.sub_paths():
            points = np.array([tuple(v) for v in path.flattening(TOLERANCE_M / metres)], dtype=np.float64)
            total += len(points)
            if total > MAX_POINTS:
                raise NoGeometryError("too_many_vertices")
            if len(points) < 2:
                continue
            closed = bool(path.is_closed) and len(points) > 3
            rings.append((_checked((points[:-1] if closed else points) * metres), closed))
    if not rings:
        raise NoGeometryError("no_geometry")
    return Shape(rings, np.empty((0, 3)), _none())


def _from_mesh(builder: Any, metres: float) -> Shape:
    vertices = np.array([tuple(v) for v in builder.vertices], dtype=np.float64).reshape(-1, 3)
    if not len(vertices):
        raise NoGeometryError("no_geometry")
    if len(vertices) > MAX_POINTS:
        raise NoGeometryError("too_many_vertices")
    triangles = [
        (face[0], face[k], face[k + 1]) for face in builder.faces for k in range(1, len(face) - 1)
    ]  # fmt: skip
    faces = np.array(triangles, dtype=np.int64).reshape(-1, 3)
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError("a face refers to a vertex that is not there")
    return Shape([], _checked(vertices * metres), faces)


def _checked(points: Floats) -> Floats:
    if not np.isfinite(points).all():
        raise ValueError("a coordinate is not a finite number")
    return points


def _none() -> Ints:
    return np.empty((0, 3), dtype=np.int64)
