"""Coordinate systems: OCS to WCS by the arbitrary axis algorithm, rotations. Pure functions on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def axes(normal: Floats) -> Floats:
    """Return (n, 3, 3) matrices whose columns are the OCS axes in WCS (DXF reference, arbitrary axis algorithm).

    Args:
        normal: (n, 3) extrusion directions; a zero or non-finite one counts as +Z.
    """
    length = np.linalg.norm(normal, axis=1)
    fine = np.isfinite(length) & (length > 1e-12)
    z = np.where(fine[:, None], normal, (0.0, 0.0, 1.0)) / np.where(fine, length, 1.0)[:, None]
    near = (np.abs(z[:, 0]) < 1 / 64) & (np.abs(z[:, 1]) < 1 / 64)
    seed = np.where(near[:, None], (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    x = np.cross(seed, z)
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.cross(z, x)
    return np.stack([x, y, z], axis=2)


def is_world(normal: Floats) -> bool:
    """Return whether all extrusions are +Z, so that OCS is WCS."""
    return bool(((normal[:, 0] == 0) & (normal[:, 1] == 0) & (normal[:, 2] > 0)).all())


def to_world(points: Floats, matrices: Floats) -> Floats:
    """Return (n, 3) OCS points in WCS, each by its own (n, 3, 3) matrix."""
    out: Floats = np.einsum("nij,nj->ni", matrices, points)
    return out


def about_z(angle: Floats) -> Floats:
    """Return (n, 3, 3) rotations about Z by angles in radians."""
    out = np.zeros((len(angle), 3, 3))
    cos, sin = np.cos(angle), np.sin(angle)
    out[:, 0, 0], out[:, 0, 1], out[:, 1, 0], out[:, 1, 1], out[:, 2, 2] = cos, -sin, sin, cos, 1.0
    return out


def euler_xyz(matrix: Floats) -> Floats:
    """Return (n, 3) angles x, y, z in radians with matrix = Rz · Ry · Rx (Blender's XYZ Euler)."""
    sin_y = np.clip(-matrix[:, 2, 0], -1.0, 1.0)
    y = np.arcsin(sin_y)
    locked = np.abs(sin_y) > 1 - 1e-12
    x = np.where(locked, 0.0, np.arctan2(matrix[:, 2, 1], matrix[:, 2, 2]))
    z = np.where(locked, np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1]), np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    return np.stack([x, y, z], axis=1) + 0.0


def from_euler(angles: Floats) -> Floats:
    """Return (n, 3, 3) matrices Rz · Ry · Rx of (n, 3) angles x, y, z in radians; see euler_xyz."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles).T, np.sin(angles).T
    rows = [
        [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
        [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
        [-sy, sx * cy, cx * cy],
    ]
    out: Floats = np.array(rows).transpose(2, 0, 1)
    return out
