"""Paths and meshes to bodies in NumPy: what native/bodies.c does, for where it was not built and to check it by.

All bodies of one action are made at once, brought about their centres, and put in the entities' order.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from dxfd.convert.build import bodies
from dxfd.convert.build.ragged import Bools, Floats, Ints, Meshes, Paths, join_meshes

FARTHEST_M: Final = 1e9
"""Coordinates beyond a million kilometres are no building; float32 bodies could not hold them either."""
THINNEST_M: Final = 0.001
NO_VERTICES: Final = 1
OUT_OF_RANGE: Final = 2


class Action(IntEnum):
    """What is done with a path; the numbers are those of native/bodies.c."""

    CURVE = 0
    PRISM = 1
    UPRIGHT = 2
    SQUARE = 3
    TUBE = 4
    BOX = 5
    PLACE = 6
    DOT = 7


class Plan(Struct, frozen=True):
    """What is done with each path.

    Attributes:
        lying: (n,) uint8 Action of a path that is no closed, horizontal outline.
        raised: (n,) uint8 Action of one that is.
        width, height, diameter: (n,) metres; a prism of negative height goes down.
    """

    lying: npt.NDArray[np.uint8]
    raised: npt.NDArray[np.uint8]
    width: Floats
    height: Floats
    diameter: Floats


class Solids(Struct, frozen=True):
    """Bodies in order of their entities.

    Attributes:
        entity: (n,) growing.
        center, size: (n, 3) of the axis-aligned box in WCS, metres.
        length: (n,) of the path, metres; NaN for meshes and dots.
        vertices, faces: Arrow binary arrays (n,): `<f4` about the centre, `<u4`.
    """

    entity: Ints
    center: Floats
    size: Floats
    length: Floats
    vertices: Any
    faces: Any


def binary(values: np.ndarray, place: npt.NDArray[np.int32]) -> Any:
    """Return an Arrow binary array over values without copying them; place: (n + 1,) byte offsets."""
    return pa.Array.from_buffers(pa.binary(), len(place) - 1, [None, pa.py_buffer(place), pa.py_buffer(values)])


def solids(paths: Paths, meshes: Meshes, asked: Plan) -> tuple[Solids, dict[int, int]]:
    """Return the bodies ordered by entity, and the status of entities that gave none."""
    failed: dict[int, int] = {}
    ok = _sound(paths, failed)
    action = np.where(bodies.can_stand(paths), asked.raised, asked.lying)
    parts = []
    for number in Action:
        rows = np.flatnonzero(ok & (action == number))
        if not len(rows):
            continue
        chosen = paths.take(rows)
        made = _made(number, chosen, asked.width[rows], asked.height[rows], asked.diameter[rows])
        empty = np.diff(made.face_offset) == 0
        if number not in {Action.CURVE, Action.DOT} and bool(empty.any()):
            full = np.flatnonzero(~empty)
            made = join_meshes([made.take(full), bodies.curves(chosen.take(np.flatnonzero(empty)))])
        parts.append(_localized(made, failed))
    parts.append(_localized(meshes, failed))
    length = np.full(1 + int(max(paths.entity.max(initial=0), meshes.entity.max(initial=0))), np.nan)
    length[paths.entity] = np.where(action == Action.DOT, np.nan, paths.lengths())
    return _together(parts, length), failed


def _made(action: Action, paths: Paths, width: Floats, height: Floats, diameter: Floats) -> Meshes:
    match action:
        case Action.PRISM:
            return bodies.prisms(paths, height)
        case Action.UPRIGHT | Action.SQUARE:
            return bodies.boxes_along(paths, width, height, standing=action is Action.UPRIGHT)
        case Action.TUBE:
            return bodies.tubes_along(paths, diameter)
        case Action.BOX | Action.PLACE:
            return _boxes(paths, width, height, own=action is Action.BOX)
        case _:
            return bodies.curves(paths)


def _boxes(paths: Paths, width: Floats, height: Floats, *, own: bool) -> Meshes:
    """Return boxes of the paths' extents, or of the rule's measures at their middle."""
    low = np.minimum.reduceat(paths.points, paths.offset[:-1])
    high = np.maximum.reduceat(paths.points, paths.offset[:-1])
    size = high - low
    if not own:
        size[:, :2] = 0.0
    center = (low + high) / 2
    size[:, :2] = np.where(size[:, :2] < THINNEST_M, width[:, None], size[:, :2])
    flat = size[:, 2] < THINNEST_M
    center[:, 2] += np.where(flat, height / 2, 0.0)
    size[:, 2] = np.where(flat, height, size[:, 2])
    n = len(size)
    vertices = (bodies.box_vertices(size) + center[:, None]).reshape(-1, 3)
    return Meshes(
        paths.entity, np.arange(0, 8 * n + 1, 8), vertices, np.arange(0, 12 * n + 1, 12),
        np.tile(bodies.BOX_FACES, (n, 1)),
    )  # fmt: skip


def _sound(paths: Paths, failed: dict[int, int]) -> Bools:
    """Return (n,) whether a path has points and all are within reach."""
    counts = paths.counts
    ok = np.asarray(counts > 0, dtype=np.bool_)
    for entity in paths.entity[~ok].tolist():
        failed[entity] = NO_VERTICES
    if len(paths.points):
        far = ~within_reach(paths.points)
        if bool(far.any()):
            row = np.repeat(np.arange(len(counts)), counts)
            at = np.unique(row[far])
            ok[at] = False
            failed.update(dict.fromkeys(paths.entity[at].tolist(), OUT_OF_RANGE))
    return ok


def within_reach(points: Floats) -> Bools:
    """Return (n,) whether points (n, 3) are finite and not absurdly far."""
    return np.asarray((np.abs(points) < FARTHEST_M).all(axis=1), dtype=np.bool_)  # false for nan


def _localized(mesh: Meshes, failed: dict[int, int]) -> Solids:
    """Return the meshes about the centres of their boxes."""
    counts = np.diff(mesh.vertex_offset)
    empty = counts == 0
    for entity in mesh.entity[empty].tolist():
        failed[entity] = NO_VERTICES
    if bool(empty.any()):
        mesh = mesh.take(np.flatnonzero(~empty))
        counts = np.diff(mesh.vertex_offset)
    if len(counts):
        low = np.minimum.reduceat(mesh.vertices, mesh.vertex_offset[:-1])
        high = np.maximum.reduceat(mesh.vertices, mesh.vertex_offset[:-1])
    else:
        low = high = np.empty((0, 3))
    center, size = (low + high) / 2 + 0.0, high - low  # + 0.0: which zero is the smaller one is the processor's choice
    near = within_reach(center) & within_reach(size)
    if not bool(near.all()):
        for entity in mesh.entity[~near].tolist():
            failed[entity] = OUT_OF_RANGE
        rows = np.flatnonzero(near)
        mesh, center, size, counts = mesh.take(rows), center[rows], size[rows], counts[rows]
    local = (mesh.vertices - np.repeat(center, counts, axis=0) + 0.0).astype("<f4")
    return Solids(
        mesh.entity, center, size, np.full(len(counts), np.nan),
        blobs(local, mesh.vertex_offset), blobs(mesh.faces.astype("<u4"), mesh.face_offset),
    )  # fmt: skip


def blobs(values: np.ndarray, offset: Ints) -> Any:
    """Return an Arrow binary array (n,) over (N, 3) values of four bytes each, without copying them."""
    return binary(values, (offset * 12).astype(np.int32))


def _together(parts: list[Solids], length: Floats) -> Solids:
    """Return all parts in one, ordered by entity; length: by entity."""
    entity = np.concatenate([p.entity for p in parts])
    order = np.argsort(entity, kind="stable")
    place = pa.array(order)
    entity = entity[order]
    return Solids(
        entity, np.concatenate([p.center for p in parts])[order], np.concatenate([p.size for p in parts])[order],
        length[entity],
        pa.concat_arrays([p.vertices for p in parts]).take(place),
        pa.concat_arrays([p.faces for p in parts]).take(place),
    )  # fmt: skip
