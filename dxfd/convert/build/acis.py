"""ACIS bodies (3DSOLID, REGION, BODY, surfaces) as far as they can be had: flat faces as they are, else their box.

ezdxf gives the flat faces of a body. A body that also has curved ones would be left open, so it becomes the box of its
points instead, and says so. Binary bodies (R2013 and later keep them in another section) are not read.
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from dxfd.convert.build.bodies import BOX_FACES, box_vertices
from dxfd.convert.build.ragged import Floats, Ints

KINDS: Final = frozenset(
    {"3DSOLID", "REGION", "BODY", "SURFACE", "EXTRUDEDSURFACE", "LOFTEDSURFACE", "REVOLVEDSURFACE", "SWEPTSURFACE",
     "PLANESURFACE", "NURBSURFACE"}
)  # fmt: skip
_NUMBER: Final = r"([-+0-9.eE]+)"
_POINT: Final = re.compile(rf"^(?:-?\d+ )?point (?:\S+ )*?{_NUMBER} {_NUMBER} {_NUMBER} #", re.MULTILINE)
_FACE: Final = re.compile(r"^(?:-?\d+ )?face ", re.MULTILINE)
_TRANSFORM: Final = re.compile(r"^(?:-?\d+ )?transform ", re.MULTILINE)


def body(entity: Any) -> tuple[Floats, Ints] | None:
    """Return vertices (v, 3) and triangles (f, 3) of a loaded ACIS entity, in drawing units; None if there is nothing.

    Raises:
        Exception: whatever ezdxf raises on data it cannot read; the caller makes it the entity's fault.
    """
    data = entity.acis_data
    if not data or isinstance(data, bytes | bytearray):
        return None
    text = "\n".join(data)
    exact = _flat(data, faces=len(_FACE.findall(text)))
    return exact or _box(text)


def _flat(data: Any, *, faces: int) -> tuple[Floats, Ints] | None:
    """Return the mesh of a body all of whose faces are flat."""
    from ezdxf.acis.const import AcisException
    from ezdxf.acis.entities import load
    from ezdxf.acis.mesh import mesh_from_body

    try:
        meshes = [mesh for solid in load(data) for mesh in mesh_from_body(solid)]
    except (AcisException, ValueError, IndexError, AttributeError):
        return None  # its points may still tell its box
    if not faces or sum(len(mesh.faces) for mesh in meshes) != faces:
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


def _box(text: str) -> tuple[Floats, Ints] | None:
    """Return the box of a body's points: what is known of a curved one; None if a transform of its own places it."""
    if _TRANSFORM.search(text):
        return None
    points = np.array([[float(v) for v in match.groups()] for match in _POINT.finditer(text)]).reshape(-1, 3)
    if len(points) < 2:
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    if not (high - low > 0).all():
        return None
    return box_vertices((high - low)[None])[0] + (low + high) / 2, BOX_FACES.astype(np.int64)
