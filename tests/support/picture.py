"""Pictures of GLB files without a graphics card: `python -m tests.support.picture IN.glb OUT.png [--top]`.

An own reader of what dxfd writes (nodes, meshes, indices, materials) and a z-buffer in NumPy: slow, small, and good
enough to see whether a model looks like a building. PNG by zlib alone.
"""

from __future__ import annotations

import argparse
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {5123: "<u2", 5125: "<u4", 5126: "<f4"}


def opened(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return description and buffer of a GLB file; its header and chunks must be right."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(data[20 : 20 + size])
    if len(data) == 20 + size:
        return document, b""
    length, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and length % 4 == 0
    return document, data[28 + size : 28 + size + length]


def accessor(document: dict[str, Any], buffer: bytes, number: int) -> np.ndarray:
    """Return the values of an accessor."""
    described = document["accessors"][number]
    view = document["bufferViews"][described["bufferView"]]
    width = 3 if described["type"] == "VEC3" else 1
    kind = np.dtype(KINDS[described["componentType"]])
    values = np.frombuffer(buffer, kind, described["count"] * width, view["byteOffset"])
    assert values.nbytes == view["byteLength"]
    return values.reshape(-1, width) if width > 1 else values


def turned(q: list[float]) -> np.ndarray:
    """Return the matrix of a quaternion x, y, z, w."""
    x, y, z, w = q
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def parts(path: Path, hide: tuple[str, ...] = ()) -> list[tuple[np.ndarray, np.ndarray, int, list[float]]]:
    """Return (points, indices, mode, colour) of every primitive of every node, z up as the database has it."""
    document, buffer = opened(path)
    found: list[tuple[np.ndarray, np.ndarray, int, list[float]]] = []
    if "meshes" not in document:
        return found
    colours = [m["pbrMetallicRoughness"]["baseColorFactor"] for m in document["materials"]]

    def walk(number: int, matrix: np.ndarray, shift: np.ndarray) -> None:
        node = document["nodes"][number]
        if any(word in node.get("name", "") or word in node.get("extras", {}).get("ifc_class", "") for word in hide):
            return
        shift = shift + matrix @ np.array(node.get("translation", (0.0, 0.0, 0.0)))
        matrix = matrix @ turned(node.get("rotation", [0.0, 0.0, 0.0, 1.0]))
        if "mesh" in node:
            for primitive in document["meshes"][node["mesh"]]["primitives"]:
                points = accessor(document, buffer, primitive["attributes"]["POSITION"]).astype(np.float64)
                order = accessor(document, buffer, primitive["indices"]).astype(np.int64)
                found.append((points @ matrix.T + shift, order, primitive["mode"], colours[primitive["material"]]))
        for child in node.get("children", []):
            walk(child, matrix, shift)

    for root in document["scenes"][0]["nodes"]:
        walk(root, np.eye(3), np.zeros(3))
    up = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # glTF's y up back to z up
    return [(points @ up.T, order, mode, colour) for points, order, mode, colour in found]


def drawn(
    path: Path, width: int = 1600, *, top: bool = False, hide: tuple[str, ...] = (), margin: float = 0.0
) -> np.ndarray:
    """Return (h, w, 3) bytes: the model from above the south-west, or in plan."""
    found = parts(path, hide)
    if not found:
        return np.full((width // 2, width, 3), 255, dtype=np.uint8)
    azimuth, tilt = (0.0, np.pi / 2) if top else (np.radians(-35), np.radians(38))
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    ahead = np.array([-np.sin(azimuth) * np.cos(tilt), np.cos(azimuth) * np.cos(tilt), -np.sin(tilt)])
    frame = np.stack([right, np.cross(right, ahead), ahead])
    seen = [points @ frame.T for points, *_ in found]
    every = np.concatenate(seen)[:, :2]
    low, high = np.percentile(every, [100 * margin, 100 - 100 * margin], axis=0)
    scale = (width - 40) / max(high[0] - low[0], 1e-6)
    height = int(np.clip((high[1] - low[1]) * scale + 40, 100, 2 * width))
    colour = np.full((height, width, 3), 1.0)
    depth = np.full((height, width), np.inf)
    light = np.array([-0.3, -0.55, 0.78])
    for view, (points, order, mode, rgba) in zip(seen, found, strict=True):
        base = np.array(rgba[:3]) ** (1 / 2.2)
        at = np.column_stack(
            [(view[:, 0] - low[0]) * scale + 20, height - 20 - (view[:, 1] - low[1]) * scale, view[:, 2]]
        )
        if mode == 1:
            for a, b in at[order.reshape(-1, 2)]:
                line(colour, depth, a, b, base * 0.6)
            continue
        corners = points[order.reshape(-1, 3)]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        length = np.linalg.norm(normal, axis=1)
        shade = 0.45 + 0.55 * np.abs((normal @ light) / np.maximum(length, 1e-12))
        for corner, brightness in zip(at[order.reshape(-1, 3)], shade, strict=True):
            triangle(colour, depth, corner, base * brightness, rgba[3])
    return (np.clip(colour, 0, 1) * 255).astype(np.uint8)


def triangle(colour: np.ndarray, depth: np.ndarray, corner: np.ndarray, paint: np.ndarray, alpha: float) -> None:
    height, width = depth.shape
    x0, y0 = np.maximum(np.floor(corner[:, :2].min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corner[:, :2].max(axis=0)).astype(int) + 1, (width, height))
    if x1 <= x0 or y1 <= y0:
        return
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corner
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if abs(area) < 1e-9:
        return
    x, y = np.arange(x0, x1) + 0.5, (np.arange(y0, y1) + 0.5)[:, None]
    u = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
    v = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
    z = az + u * (bz - az) + v * (cz - az)
    part = depth[y0:y1, x0:x1]
    here = (u >= 0) & (v >= 0) & (u + v <= 1) & (z < part)
    if here.any():
        patch = colour[y0:y1, x0:x1]
        patch[here] = paint * alpha + patch[here] * (1 - alpha)
        if alpha > 0.9:
            part[here] = z[here]


def line(colour: np.ndarray, depth: np.ndarray, a: np.ndarray, b: np.ndarray, paint: np.ndarray) -> None:
    steps = int(min(5000, max(abs(b[0] - a[0]), abs(b[1] - a[1])))) + 1
    place = a + (b - a) * np.linspace(0, 1, steps + 1)[:, None]
    x, y = place[:, 0].astype(int), place[:, 1].astype(int)
    inside = (x >= 0) & (y >= 0) & (x < depth.shape[1]) & (y < depth.shape[0])
    x, y, z = x[inside], y[inside], place[inside, 2]
    near = z <= depth[y, x] + 0.02
    colour[y[near], x[near]] = paint


def png(path: Path, pixels: np.ndarray) -> None:
    """Write (h, w, 3) bytes."""
    height, width, _ = pixels.shape
    raw = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    raw[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw.tobytes(), 6)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--width", type=int, default=1600)
    parser.add_argument("--top", action="store_true", help="in plan")
    parser.add_argument("--hide", action="append", default=[], help="part of a node's name or class")
    parser.add_argument("--margin", type=float, default=0.0, help="share of outliers left out at each side")
    chosen = parser.parse_args()
    pixels = drawn(chosen.source, chosen.width, top=chosen.top, hide=tuple(chosen.hide), margin=chosen.margin)
    png(chosen.output, pixels)


if __name__ == "__main__":
    main()
