"""ACIS bodies (3DSOLID, REGION, BODY, surfaces) as far as they can be had: flat faces as they are, else their box.

A body with curved faces would be left open without them, so it becomes the box of its vertices and whole circles
instead, and says so. Text (SAT, any version) is read here; binary (SAB, R2013 and later) is split by ezdxf.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import mapbox_earcut
import numpy as np
from msgspec import Struct

from dxfd.convert.build.frame import axes
from dxfd.convert.build.ragged import Floats, Ints

KINDS: Final = frozenset(
    {"3DSOLID", "REGION", "BODY", "SURFACE", "EXTRUDEDSURFACE", "LOFTEDSURFACE", "REVOLVEDSURFACE", "SWEPTSURFACE",
     "PLANESURFACE", "NURBSURFACE"}
)  # fmt: skip


_MOST_EDGES: Final = 10_000
_LONG_HEADER: Final = 200
"""ACIS version from which on text bodies begin with three lines of header instead of one."""


_NUMBERED: Final = 700
"""Version from which on a number of its own stands behind a record's first pointer."""


class _Record(Struct, frozen=True):
    """One record of a body: its name, its reals, the records it points to."""

    name: str
    numbers: list[float]
    pointers: list[int]


def faces(data: Any) -> tuple[Floats, Ints] | None:
    """Return vertices (v, 3) and triangles (f, 3) of a body all of whose faces are flat, in drawing units; else None.

    Args:
        data: SAB as bytes, or SAT as a list of lines.

    Raises:
        Exception: whatever ezdxf raises on data it cannot read; the caller makes it the entity's fault.
    """
    records = _records(data)
    places = [np.array(r.numbers[:3]) if r.name == "point" else None for r in records]
    vertices: list[Floats] = []
    triangles: list[Ints] = []
    count = 0
    for face in records:
        if face.name != "face":
            continue
        loops = _loops(records, face)
        corners = [[places[v] for v in loop] for loop in loops] if loops else []
        rings = [np.array(loop) for loop in corners if all(c is not None and c.shape == (3,) for c in loop)]
        made = _cut(rings) if rings and len(rings) == len(loops or []) else None
        matrix = _transform_of(records, face)
        if made is None or (matrix is not None and len(matrix) < 12):
            return None
        points = np.concatenate(rings)
        vertices.append(points if matrix is None else _moved(points, matrix))
        triangles.append(made + count)
        count += len(points)
    if not vertices:
        return None
    return _outward(np.concatenate(vertices), np.concatenate(triangles))


def _to(records: list[_Record], record: _Record, name: str) -> list[int]:
    """Return the records of a name that a record points to."""
    return [k for k in record.pointers if 0 <= k < len(records) and records[k].name == name]


def _loops(records: list[_Record], face: _Record) -> list[list[int]] | None:
    """Return the points (as records) around each loop of a flat face with straight edges; None for any other face."""
    if not _to(records, face, "plane-surface"):
        return None
    out: list[list[int]] = []
    loops = _to(records, face, "loop")
    seen: set[int] = set()
    while loops and loops[0] not in seen:
        seen.add(loops[0])
        loop = records[loops[0]]
        first = _to(records, loop, "coedge")
        if not first:
            return None
        ends: list[tuple[int, int]] = []
        at = first[0]
        for _ in range(_MOST_EDGES):
            edges = _to(records, records[at], "edge")
            corners = _to(records, records[edges[0]], "vertex") if edges else []
            if len(corners) != 2 or not _is_straight(records, records[edges[0]]):
                return None
            ends.append((corners[0], corners[1]))
            following = _to(records, records[at], "coedge")
            if not following:
                return None
            at = following[0]
            if at == first[0]:
                break
        chain = _chained(ends)
        points = [_to(records, records[v], "point") for v in chain] if chain else []
        if len(points) < 3 or not all(points):
            return None
        out.append([found[0] for found in points])
        loops = _to(records, loop, "loop")
    return out or None


def _is_straight(records: list[_Record], edge: _Record) -> bool:
    return not any(
        records[k].name.endswith("-curve") and records[k].name != "straight-curve"
        for k in edge.pointers
        if 0 <= k < len(records)
    )


def _chained(ends: list[tuple[int, int]]) -> list[int] | None:
    """Return the vertices along edges that follow each other, either way round; None if they do not."""
    out: list[int] = []
    for k, (a, b) in enumerate(ends):
        after, before = ends[(k + 1) % len(ends)], ends[k - 1]
        if a in before and b in after:
            out.append(a)
        elif b in before and a in after:
            out.append(b)
        else:
            return None
    return out


def _cut(rings: list[Floats]) -> Ints | None:
    """Return triangles over the rings of one flat face, turned as its outer ring (the largest) is."""
    turns = [np.cross(r - r[0], np.roll(r, -1, axis=0) - r[0]).sum(axis=0) for r in rings]
    sizes = [float((t * t).sum()) for t in turns]
    outer = sizes.index(max(sizes))
    if sizes[outer] <= 0.0:
        return None
    normal = turns[outer] / np.sqrt(sizes[outer])
    order = [outer, *(k for k in range(len(rings)) if k != outer)]
    start = np.concatenate([[0], np.cumsum([len(r) for r in rings])])
    index = np.concatenate([np.arange(start[k], start[k + 1]) for k in order])
    local = (np.concatenate([rings[k] for k in order]) - rings[outer][0]) @ axes(normal[None])[0]
    ends = np.cumsum([len(rings[k]) for k in order], dtype=np.uint32)
    plane = np.ascontiguousarray(local[:, :2])
    flat = mapbox_earcut.triangulate_float64(plane, ends).astype(np.int64).reshape(-1, 3)
    if not len(flat):
        return None
    a, b, c = (plane[flat[:, k]] for k in range(3))
    clockwise = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) < (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    out: Ints = index[np.where(clockwise[:, None], flat[:, ::-1], flat)]
    return out


def _outward(vertices: Floats, triangles: Ints) -> tuple[Floats, Ints]:
    """Join equal vertices, and turn the faces of a body that is inside out."""
    distinct, number = np.unique(np.round(vertices, 9), axis=0, return_inverse=True)
    triangles = number.ravel()[triangles]
    a, b, c = (distinct[triangles[:, k]] - distinct[0] for k in range(3))
    volume = float((a * np.cross(b, c)).sum())
    return distinct, triangles[:, ::-1] if volume < 0.0 else triangles


def _transform_of(records: list[_Record], face: _Record) -> list[float] | None:
    """Return the transform of the body that a face belongs to; None if it has none."""
    owner = face
    for name in ("shell", "lump", "body", "transform"):
        found = _to(records, owner, name)
        if not found:
            return None
        owner = records[found[0]]
    return owner.numbers


def _moved(points: Floats, matrix: list[float]) -> Floats:
    """Return points moved by an ACIS transform: nine numbers of rotation, three of shift, one of scale."""
    scale = matrix[12] if len(matrix) > 12 and matrix[12] > 0 else 1.0
    out: Floats = (points @ np.array(matrix[:9]).reshape(3, 3)) * scale + np.array(matrix[9:12])
    return out


def box(data: Any) -> tuple[Floats, Floats] | None:
    """Return low and high corner of a body's vertices, whole circles, spheres and tori; None if they span nothing.

    Raises:
        Exception: whatever ezdxf raises on data it cannot read; the caller makes it the entity's fault.
    """
    records = _records(data)
    parts = [np.array(record.numbers[:3]) for record in records if record.name == "point"]
    edges = [record for record in records if record.name == "edge"]
    for edge in edges:
        to = [k for k in edge.pointers if 0 <= k < len(records)]
        ends = [k for k in to if records[k].name == "vertex"]
        curves = [k for k in to if records[k].name == "ellipse-curve"]
        if len(ends) == 2 and ends[0] == ends[1] and curves:
            parts += _ellipse(records[curves[0]].numbers)
    if not edges:
        for record in records:
            parts += _round(record.name, record.numbers)
    parts = [p for p in parts if p.shape == (3,) and np.isfinite(p).all()]
    if len(parts) < 2:
        return None
    return _placed(np.array(parts), [r for r in records if r.name == "transform"])


def _placed(points: Floats, transforms: list[_Record]) -> tuple[Floats, Floats] | None:
    """Return the corners of the points' box, placed as the body's transform says."""
    low, high = points.min(axis=0), points.max(axis=0)
    if not (high > low).any() or len(transforms) > 1:  # which body is where is not known
        return None
    if transforms:
        matrix = transforms[0].numbers
        if len(matrix) < 12:
            return None
        points = _moved(points, matrix)
        low, high = points.min(axis=0), points.max(axis=0)
    return low, high


def sat_lines(pairs: Iterable[tuple[int, str]]) -> list[str]:
    """Return the readable lines of an entity's text body; a continuation may come first."""
    from ezdxf.tools.crypt import decode

    lines: list[str] = []
    for code, value in pairs:
        if code == 1 or (code == 3 and not lines):
            lines.append(value)
        elif code == 3:
            lines[-1] += value
    return list(decode(lines))


def _records(data: Any) -> list[_Record]:
    if isinstance(data, bytes | bytearray):
        return _binary_records(data)
    version = int(data[0].split()[0])
    body = " ".join(data[1 if version < _LONG_HEADER else 3 :])
    out: list[_Record] = []
    for text in body.split("#"):
        words = text.split()
        if words and words[0].lstrip("-").isdigit():  # its own number
            words = words[1:]
        if not words:
            continue
        if version >= _NUMBERED:
            words = [*words[:2], *words[3:]]
        pointers = [k for k, word in enumerate(words) if word.startswith("$")]
        name = words[0]
        numbers: list[float] = []
        for word in words[pointers[-1] + 1 if pointers else 1 :]:
            try:
                numbers.append(float(word))
            except ValueError:
                continue  # "forward", "I"
        out.append(_Record(name, numbers, [int(words[k][1:]) for k in pointers]))
    return out


def _binary_records(data: bytes | bytearray) -> list[_Record]:
    from ezdxf.acis.sab import parse_sab

    entities = list(parse_sab(data).entities)
    place = {id(entity): k for k, entity in enumerate(entities)}
    out: list[_Record] = []
    for entity in entities:
        numbers: list[float] = []
        pointers: list[int] = []
        for token in entity.data:
            value = token.value
            if hasattr(value, "attr_ptr"):
                pointers.append(place.get(id(value), -1))
            elif isinstance(value, float):
                numbers.append(value)
            elif isinstance(value, str) and entity.name == "transform":
                numbers += [float(word) for word in value.split()[:13]]
            elif not isinstance(value, str | int):
                numbers += [float(v) for v in value]
        out.append(_Record(entity.name, numbers, pointers))
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
