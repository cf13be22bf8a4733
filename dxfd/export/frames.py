"""Rotations as the database has them (Euler XYZ: Rz · Ry · Rx, radians) in other forms. Pure."""

from __future__ import annotations

import math

import numpy as np

from dxfd.export.decimals import Floats


def matrices(angles: Floats) -> Floats:
    """Return (n, 3, 3) of angles (n, 3)."""
    sin, cos = np.sin(angles), np.cos(angles)
    (sx, sy, sz), (cx, cy, cz) = sin.T, cos.T
    out = np.empty((len(angles), 3, 3))
    out[:, 0, 0], out[:, 0, 1], out[:, 0, 2] = cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx
    out[:, 1, 0], out[:, 1, 1], out[:, 1, 2] = sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx
    out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = -sy, cy * sx, cy * cx
    return out


def axes(x: float, y: float, z: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return where z and x of a turned body point."""
    sx, sy, sz = math.sin(x), math.sin(y), math.sin(z)
    cx, cy, cz = math.cos(x), math.cos(y), math.cos(z)
    return (cz * sy * cx + sz * sx, sz * sy * cx - cz * sx, cy * cx), (cz * cy, sz * cy, -sy)


def quaternion(x: float, y: float, z: float) -> list[float]:
    """Return x, y, z, w of length 1."""
    sx, sy, sz = math.sin(x / 2), math.sin(y / 2), math.sin(z / 2)
    cx, cy, cz = math.cos(x / 2), math.cos(y / 2), math.cos(z / 2)
    return [
        sx * cy * cz - cx * sy * sz,
        cx * sy * cz + sx * cy * sz,
        cx * cy * sz - sx * sy * cz,
        cx * cy * cz + sx * sy * sz,
    ]
