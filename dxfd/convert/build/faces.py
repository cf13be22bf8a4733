"""Entities that are surfaces: 3DFACE, SOLID, TRACE, polygon meshes and polyface meshes. Metres, WCS."""

from __future__ import annotations

import numpy as np

from dxfd.convert.build.frame import axes, is_world, to_world
from dxfd.convert.build.paths import normals
from dxfd.convert.build.ragged import Floats, Ints, Meshes, offsets
from dxfd.convert.build.winding import outward
from dxfd.convert.read.columns import Group


def quads(group: Group, metres: float, *, ocs: bool) -> Meshes:
    """3DFACE (WCS, corners in order) or SOLID and TRACE (OCS, third and fourth corner swapped)."""
    order = (10, 11, 13, 12) if ocs else (10, 11, 12, 13)
    n = group.count
    corners = np.stack([group.point(code) for code in order], axis=1) * metres
    third, fourth = (3, 2) if ocs else (2, 3)
    missing = ~group.has(13)
    corners[missing, fourth] = corners[missing, third]
    if ocs:
        normal = normals(group)
        if not is_world(normal):
            matrices = np.repeat(axes(normal), 4, axis=0)
            corners = to_world(corners.reshape(4 * n, 3), matrices).reshape(n, 4, 3)
    triangle = (corners[:, 2] == corners[:, 3]).all(axis=1)
    use = np.ones((n, 4), dtype=np.bool_)
    use[triangle, 3] = False
    pattern = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int64)
    faces = np.tile(pattern, (n, 1)).reshape(n, 2, 3)
    use_face = np.ones((n, 2), dtype=np.bool_)
    use_face[triangle, 1] = False
    return Meshes(
        group.entity, offsets(use.sum(axis=1)), corners[use], offsets(use_face.sum(axis=1)), faces[use_face]
    )  # fmt: skip


def polyline_meshes(group: Group, vertices: Group, owner_row: Ints, metres: float) -> Meshes:
    """POLYLINE with flag 16 (polygon mesh, M × N) or 64 (polyface mesh): a loop, they are few and large."""
    at = vertices.point(10) * metres
    flags = vertices.integer(70)
    index = np.stack([vertices.integer(code) for code in (71, 72, 73, 74)], axis=1)
    shape = np.stack([group.integer(code) for code in (70, 71, 72, 73, 74)], axis=1)
    bounds = np.searchsorted(owner_row, np.arange(group.count + 1))
    parts_v: list[Floats] = []
    parts_f: list[Ints] = []
    for row in range(group.count):
        mine = slice(int(bounds[row]), int(bounds[row + 1]))
        if int(shape[row, 0]) & 64:
            place, face = _polyface(at[mine], flags[mine], index[mine])
        else:
            place, face = _polymesh(at[mine], flags[mine], shape[row])
        parts_v.append(place)
        parts_f.append(outward(place, face))
    return Meshes(
        group.entity,
        offsets(np.array([len(v) for v in parts_v], dtype=np.int64)),
        np.concatenate(parts_v) if parts_v else np.empty((0, 3)),
        offsets(np.array([len(f) for f in parts_f], dtype=np.int64)),
        np.concatenate(parts_f) if parts_f else np.empty((0, 3), dtype=np.int64),
    )


def _polyface(at: Floats, flags: Ints, index: Ints) -> tuple[Floats, Ints]:
    is_place = (flags & 64) == 64
    place = at[is_place]
    corner = np.abs(index[~is_place & ((flags & 128) == 128)])
    triangles = np.concatenate([corner[:, [0, 1, 2]], corner[corner[:, 3] > 0][:, [0, 2, 3]]]) - 1
    triangles = triangles[((triangles >= 0) & (triangles < len(place))).all(axis=1)]
    if not len(triangles):
        return place, triangles
    used, flat = np.unique(triangles, return_inverse=True)  # a vertex that no face has is not to be seen
    return place[used], flat.reshape(-1, 3)


def _polymesh(at: Floats, flags: Ints, shape: Ints) -> tuple[Floats, Ints]:
    bits, m, n, smooth_m, smooth_n = (int(v) for v in shape)
    if bits & 4 and smooth_m > 1 and smooth_n > 1:  # a smoothed surface: its own vertices, not the control net
        at, m, n = at[(flags & 16) == 0], smooth_m, smooth_n
    if m < 2 or n < 2 or m * n > len(at):
        return at, np.empty((0, 3), dtype=np.int64)
    at = at[: m * n]
    rows = np.arange(m if bits & 1 else m - 1)
    cols = np.arange(n if bits & 32 else n - 1)
    i, j = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    a, b = i * n + j, i * n + (j + 1) % n
    c, d = ((i + 1) % m) * n + (j + 1) % n, ((i + 1) % m) * n + j
    return at, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
