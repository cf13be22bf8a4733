"""What ezdxf says an entity's geometry is: the other side of the differential tests. Metres, WCS.

Texts and points have no extents here: how large they are is a matter of fonts, and a block's box does not count them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from ezdxf import DXFError
from ezdxf.acis.api import load as load_acis
from ezdxf.acis.const import AcisException
from ezdxf.acis.mesh import mesh_from_body
from ezdxf.entities import factory
from ezdxf.math import Vec3
from ezdxf.path import from_hatch, make_path
from ezdxf.render import MeshBuilder

CURVES = frozenset({"LINE", "CIRCLE", "ARC", "ELLIPSE", "LWPOLYLINE", "POLYLINE", "SPLINE", "HELIX", "LEADER"})
FACES = frozenset({"3DFACE", "SOLID", "TRACE"})
DOTS = frozenset({"POINT", "TEXT", "MTEXT", "SHAPE", "ATTDEF", "TOLERANCE", "LIGHT"})
AREAS = frozenset({"HATCH", "MPOLYGON"})
SOLIDS = frozenset({"3DSOLID", "REGION", "BODY", "SURFACE"})
PICTURES = frozenset({"DIMENSION", "ARC_DIMENSION", "LARGE_RADIAL_DIMENSION", "ACAD_TABLE"})
FRAMES = frozenset({"IMAGE", "WIPEOUT"})
DRAWN = frozenset({"MLINE", "ACAD_PROXY_ENTITY"})
COMPARED = CURVES | FACES | DOTS | AREAS | SOLIDS | PICTURES | FRAMES | DRAWN | {"MESH", "MULTILEADER", "INSERT"}
THICK = frozenset({"LINE", "CIRCLE", "ARC", "LWPOLYLINE", "POLYLINE", "SOLID", "TRACE"})
TOLERANCE_M = 0.005
FINE_M = 0.0005


def is_mesh(entity: Any) -> bool:
    """Return whether an entity is a POLYLINE that is a surface."""
    return entity.dxftype() == "POLYLINE" and (entity.is_polygon_mesh or entity.is_poly_face_mesh)


def points(entity: Any, metres: float) -> np.ndarray | None:
    """Return (n, 3) points of a curve, finely flattened, or the corners or place; None for what is not compared."""
    kind = entity.dxftype()
    if kind == "LEADER":
        if entity.dxf.path_type == 1 and len(entity.vertices) > 2:
            made = factory.new("SPLINE")
            made.fit_points = entity.vertices
            return points(made, metres)
        return np.array([tuple(Vec3(v)) for v in entity.vertices]) * metres
    if kind in {"SPLINE", "HELIX"}:
        if len(entity.control_points) + len(entity.fit_points) < 2:
            return None
        try:
            tool = entity.construction_tool()
        except ValueError:  # as many knots as it should not have
            return None
        knots, degree = list(tool.knots()), tool.degree
        if knots[0] != knots[degree] or knots[-1] != knots[-degree - 1]:
            # a periodic curve is defined between its inner knots; ezdxf flattens over all, AutoCAD and we do not
            flat = tool.points(np.linspace(knots[degree], knots[-degree - 1], 4000).tolist())
        else:
            flat = tool.flattening(FINE_M / metres, segments=48)  # with 8 it cuts off the tip of a curve that folds
        return np.array([tuple(v) for v in flat]) * metres
    if kind in {"LWPOLYLINE", "POLYLINE"} and not is_mesh(entity) and entity.has_arc:
        return _bulged(entity, metres)
    if kind in CURVES and not is_mesh(entity):
        path = make_path(entity, segments=32)
        if len(path) == 0 and kind not in {"LWPOLYLINE", "POLYLINE"}:
            return None
        if len(path) == 0:  # all vertices in one place
            first = next(iter(entity.vertices_in_wcs() if kind == "LWPOLYLINE" else entity.points_in_wcs()), None)
            return None if first is None else np.array([tuple(first)]) * metres
        return np.array([tuple(v) for v in path.flattening(FINE_M / metres, segments=2)]) * metres
    if kind in FACES:
        return np.array([tuple(Vec3(v)) for v in entity.wcs_vertices()]) * metres
    if kind in DOTS:
        return np.array([tuple(Vec3(_place(entity)))]) * metres
    return None


def _bulged(entity: Any, metres: float) -> np.ndarray:
    """Return the points of a polyline by its parts: ezdxf's path of it runs an arc that ends at x = 0 the wrong way."""
    vertices = entity.vertices_in_wcs() if entity.dxftype() == "LWPOLYLINE" else entity.points_in_wcs()
    found = [np.array([tuple(next(iter(vertices)))])]
    for part in entity.virtual_entities():
        flat = np.array([tuple(v) for v in make_path(part, segments=32).flattening(FINE_M / metres, segments=2)])
        first, last = (float(np.linalg.norm(end - found[-1][-1])) for end in (flat[0], flat[-1]))
        found.append(flat if first <= last else flat[::-1])
    return np.concatenate(found) * metres


def _place(entity: Any) -> tuple[float, ...]:
    kind = entity.dxftype()
    if kind in {"POINT", "LIGHT"}:
        return tuple(entity.dxf.location)
    at = Vec3(entity.dxf.insert)
    return tuple(at if kind in {"MTEXT", "TOLERANCE"} else entity.ocs().to_wcs(at))


def corners(entity: Any, metres: float) -> np.ndarray | None:
    """Return (n, 3) points whose box is the entity's; None if ezdxf cannot tell."""
    kind = entity.dxftype()
    found: Iterable[Any] = ()
    if is_mesh(entity):
        found = MeshBuilder.from_polyface(entity).vertices
    elif kind in CURVES | FACES | DOTS:
        flat = points(entity, metres)
        return None if flat is None else _thickened(entity, flat, metres)
    elif kind in AREAS:
        shift = entity.dxf.get("offset_vector", Vec3()) if kind == "MPOLYGON" else Vec3()
        found = [v for path in from_hatch(entity, shift) for v in _fine(path, metres)]
    elif kind == "MESH":
        found = entity.vertices
    elif kind in SOLIDS:
        found = _solid(entity)
    elif kind in FRAMES:
        found = entity.boundary_path_wcs()
    elif kind == "MULTILEADER":
        found = _multileader(entity)
    elif kind in PICTURES | DRAWN:
        try:
            box = box_of(entity.virtual_entities(), metres)
        except (DXFError, AttributeError):  # a linetype that is not in the drawing, a dimension without a text point
            return None
        return None if box is None else np.array(box)
    elif kind == "INSERT":
        box = reference_box(entity, metres)
        return None if box is None else np.array(box)
    out = np.array([tuple(Vec3(v)) for v in found], dtype=np.float64).reshape(-1, 3)
    return out * metres if len(out) else None


def _fine(path: Any, metres: float) -> Iterator[Any]:
    for part in path.sub_paths():
        yield from part.flattening(FINE_M / metres, segments=4)


def _solid(entity: Any) -> list[Any]:
    """Return the vertices of a body if all its faces are flat."""
    data = entity.acis_data
    try:
        meshes = [mesh for body in load_acis(data) for mesh in mesh_from_body(body)]
    except (AcisException, ValueError, IndexError, AttributeError, TypeError):
        return []
    wanted = (
        data.count(b"\x04face")
        if isinstance(data, bytes)
        else sum(line.split(maxsplit=1)[0] == "face" for line in data if line.split())
    )
    return [v for mesh in meshes for v in mesh.vertices] if sum(len(m.faces) for m in meshes) == wanted else []


def _multileader(entity: Any) -> list[Any]:
    """Return the points of the leader lines, and of several also the content's place."""
    lines = [[*line.vertices, leader.last_leader_point] for leader in entity.context.leaders for line in leader.lines]
    content = entity.context.mtext or entity.context.block
    place = content.insert if content is not None else entity.context.base_point
    if len(lines) == 1:
        return list(lines[0])
    return [*(v for line in lines for v in line), place]


def _thickened(entity: Any, flat: np.ndarray, metres: float) -> np.ndarray:
    thickness = entity.dxf.get("thickness", 0.0) if entity.dxftype() in THICK else 0.0
    if not thickness or (entity.dxftype() == "POLYLINE" and not entity.is_2d_polyline):
        return flat
    way = np.array(tuple(Vec3(entity.dxf.get("extrusion", (0, 0, 1))).normalize(thickness))) * metres
    return np.concatenate([flat, flat + way])


def distance(what: np.ndarray, line: np.ndarray) -> float:
    """Return the largest distance of points to a polyline."""
    if len(line) == 1:
        return float(np.linalg.norm(what - line[0], axis=1).max())
    if len(what) > 200:  # the arrays below have a row for each pair
        return max(distance(what[at : at + 200], line) for at in range(0, len(what), 200))
    first, delta = line[:-1], np.diff(line, axis=0)
    long = np.maximum((delta**2).sum(axis=1), 1e-30)
    at = np.clip(np.einsum("psk,sk->ps", what[:, None] - first[None], delta) / long, 0.0, 1.0)
    near = first[None] + at[:, :, None] * delta[None]
    return float(np.linalg.norm(what[:, None] - near, axis=2).min(axis=1).max())


def outline(entity: Any, metres: float) -> np.ndarray | None:
    """Return (n, 3) points among which those of its element lie; None if ezdxf cannot tell."""
    if entity.dxftype() != "MLINE":
        return corners(entity, metres)
    lines = [part for part in entity.virtual_entities() if part.dxftype() == "LINE"]
    return np.array([tuple(Vec3(v)) for line in lines for v in (line.dxf.start, line.dxf.end)]) * metres


def apart(entity: Any, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return how far our points lie from theirs (of a curve or an outline: from it), or our extents."""
    if entity.dxftype() in AREAS:
        far = distance(ours, np.concatenate([theirs, theirs[:1]]))
    elif entity.dxftype() in CURVES and not is_mesh(entity):
        far = distance(ours, theirs)
    else:
        far = max(float(np.linalg.norm(theirs - at, axis=1).min()) for at in ours)
    ends = (np.abs(end(ours, axis=0) - end(theirs, axis=0)).max() for end in (np.min, np.max))
    return max(far, *(float(end) for end in ends))


def box_of(entities: Iterable[Any], metres: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return low and high corner of what block extents are made of: all but texts and points, references as boxes."""
    found = [corners(entity, metres) for entity in entities if entity.dxftype() in COMPARED - DOTS]
    made = [part for part in found if part is not None]
    if not made:
        return None
    whole = np.concatenate(made)
    return whole.min(axis=0), whole.max(axis=0)


def reference_box(insert: Any, metres: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Return low and high corner in WCS of a block's box, turned, scaled and repeated as the INSERT says."""
    block = insert.block()
    inner = box_of(block, metres) if block is not None else None
    if inner is None:
        return None
    ends = [
        tuple(Vec3(x, y, z) / metres)
        for x in (inner[0][0], inner[1][0])
        for y in (inner[0][1], inner[1][1])
        for z in (inner[0][2], inner[1][2])
    ]
    copies = list(insert.multi_insert()) if insert.mcount > 1 else [insert]
    placed = np.array([tuple(v) for copy in copies for v in copy.matrix44().transform_vertices(ends)]) * metres
    return placed.min(axis=0), placed.max(axis=0)
