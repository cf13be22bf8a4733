"""ACIS bodies (3DSOLID, REGION, BODY, surfaces) as far as they can be had: flat faces as they are, else their box.

ezdxf gives the flat faces of a body. A body that also has curved ones would be left open, so it becomes the box of its
vertices and whole circles instead, and says so. Text (SAT) and binary (SAB, R2013 and later) alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from dxfd.convert.build.ragged import Floats, Ints

KINDS: Final = frozenset(
    {"3DSOLID", "REGION", "BODY", "SURFACE", "EXTRUDEDSURFACE", "LOFTEDSURFACE", "REVOLVEDSURFACE", "SWEPTSURFACE",
     "PLANESURFACE", "NURBSURFACE"}
)  # fmt: skip


def faces(data: Any) -> tuple[Floats, Ints] | None:
    """Return vertices (v, 3) and triangles (f, 3) of a body all of whose faces are flat, in drawing units; else None.

    Args:
        data: SAB as bytes, or SAT as a list of lines.
    """
    from ezdxf.acis.const import AcisException
    from ezdxf.acis.entities import load
    from ezdxf.acis.mesh import mesh_from_body

    try:
        wanted = sum(record.name == "face" for record in _records(data))
        meshes = [mesh for solid in load(data) for mesh in mesh_from_body(solid)]
    except (AcisException, ValueError, IndexError, AttributeError, AssertionError, KeyError, TypeError):
        return None  # its vertices may still tell its box
    if not wanted or sum(len(mesh.faces) for mesh in meshes) != wanted:
        return None
    vertices: list[tuple[float, ...]] = []
    triangles: list[tuple[int, int, int]] = []
    for mesh in meshes:
        base = len(vertices)
        vertices += [tuple(v) for v in mesh.vertices]
        triangles += [
            (base + face[0], base + face[k], base + face[k + 1]) for face in mesh.faces for k in range(1, len(face) - 1)
        ]
    return np.array(vertices, dtype=np.float64), np.array(triangles, dtype=np.int64)


def box(data: Any) -> tuple[Floats, Floats] | None:
    """Return low and high corner of a body's vertices, whole circles, spheres and tori; None if they span nothing.

    Raises:
        Exception: whatever ezdxf raises on data it cannot read; the caller makes it the entity's fault.
    """
    records = list(_records(data))
    parts = [np.array(_numbers(record)[:3]) for record in records if record.name == "point"]
    edges = [record for record in records if record.name == "edge"]
    for edge in edges:
        ends = [p for p in _pointers(edge) if p.name in {"vertex", "ellipse-curve"}]
        if len(ends) == 3 and ends[0] is ends[1] and ends[2].name == "ellipse-curve":
            parts += _ellipse(_numbers(ends[2]))
    if not edges:
        for record in records:
            if record.name in {"sphere-surface", "torus-surface"}:
                parts += _round(record.name, _numbers(record))
    parts = [p for p in parts if p.shape == (3,) and np.isfinite(p).all()]
    if len(parts) < 2:
        return None
    return _placed(np.array(parts), [r for r in records if r.name == "transform"])


def _placed(points: Floats, transforms: list[Any]) -> tuple[Floats, Floats] | None:
    """Return the corners of the points' box, placed as the body's transform says."""
    low, high = points.min(axis=0), points.max(axis=0)
    if not (high > low).any() or len(transforms) > 1:  # which body is where is not known
        return None
    if transforms:
        matrix = _numbers(transforms[0])
        if len(matrix) < 12:
            return None
        scale = matrix[12] if len(matrix) > 12 and matrix[12] > 0 else 1.0
        turn = np.array(matrix[:9]).reshape(3, 3)
        points = (points @ turn) * scale + np.array(matrix[9:12])
        low, high = points.min(axis=0), points.max(axis=0)
    return low, high


def _records(data: Any) -> Iterable[Any]:
    from ezdxf.acis import sab, sat

    if isinstance(data, bytes | bytearray):
        return list(sab.parse_sab(data).entities)
    return list(sat.parse_sat(data).entities)


def _pointers(record: Any) -> list[Any]:
    values = [getattr(token, "value", token) for token in record.data]
    return [value for value in values if hasattr(value, "attr_ptr")]


def _numbers(record: Any) -> list[float]:
    """Return the reals of a record: SAT has words, SAB typed values, vectors among them."""
    out: list[float] = []
    for token in record.data:
        value = getattr(token, "value", token)
        if isinstance(value, str):
            for word in value.split():
                try:
                    out.append(float(word))
                except ValueError:
                    continue  # "forward", "I", "#"
        elif isinstance(value, float):
            out.append(value)
        elif isinstance(value, tuple | list) or type(value).__name__ == "Vec3":
            out += [float(v) for v in value]
    return out


def _ellipse(numbers: list[float]) -> list[Floats]:
    """Return the corners of a whole ellipse's box: centre, normal, half axis, ratio."""
    if len(numbers) < 10:
        return []
    center, normal, major = (np.array(numbers[k : k + 3]) for k in (0, 3, 6))
    minor = np.cross(normal, major) * numbers[9]
    reach = np.sqrt(major * major + minor * minor)
    return [center - reach, center + reach]


def _round(name: str, numbers: list[float]) -> list[Floats]:
    """Return the corners of a whole sphere's or torus' box."""
    if name == "sphere-surface" and len(numbers) >= 4:
        center, reach = np.array(numbers[:3]), np.full(3, abs(numbers[3]))
    elif name == "torus-surface" and len(numbers) >= 8:
        center, axis = np.array(numbers[:3]), np.array(numbers[3:6])
        reach = abs(numbers[6]) * np.sqrt(np.maximum(0.0, 1.0 - axis * axis)) + abs(numbers[7])
    else:
        return []
    return [center - reach, center + reach]
