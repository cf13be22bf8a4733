"""The geometry of the rarer types of a chunk: splines and hatches all at once, the rest one entity at a time.

Owns which of them goes where; how each is made is in splines.py, hatches.py and fallback.py. Used for what lies in the
drawing and in its blocks alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from msgspec import Struct, field

from dxfd.convert.build import hatches, splines
from dxfd.convert.build.areas import Areas, cleaned
from dxfd.convert.build.budget import OutOfTimeError, bounded
from dxfd.convert.build.fallback import BOX_ONLY, NoGeometryError, Shape, shape
from dxfd.convert.build.fitted import fit_curve
from dxfd.convert.build.frame import axes
from dxfd.convert.build.lists import numbers_of, points_of
from dxfd.convert.build.means import Means
from dxfd.convert.build.ragged import Floats, Ints, Meshes, Paths, offsets, picked
from dxfd.convert.build.winding import outward
from dxfd.convert.read.columns import Group, group
from dxfd.convert.read.encoding import without_remarks
from dxfd.convert.read.stream import Chunk

_CLOSED: Final = 1
"""Flag of a SPLINE (code 70)."""
_SAME: Final = 1e-6
"""Of their extent: how near to the first a last fit point is that is the first once more, but for its rounding."""


class Others(Struct):
    """What was made.

    Attributes:
        paths, meshes, areas: each part ordered by entity.
        boxed: entities of which the box of their path is told, whatever the rule wants.
        failed: entity to (reason, message): those without geometry, and elements with a reason.
    """

    paths: list[Paths] = field(default_factory=list)
    meshes: list[Meshes] = field(default_factory=list)
    areas: list[Areas] = field(default_factory=list)
    boxed: list[int] = field(default_factory=list)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)


def others(
    chunk: Chunk, kinds: Iterable[str], of: Callable[[str], Ints], codec: str, metres: float, means: Means
) -> Others:
    """Return the geometry of the chunk's entities of some types.

    Args:
        chunk: the entities.
        kinds: their types.
        of: gives the wanted entities of a type.
        codec: of the drawing's text.
        metres: metres per drawing unit.
        means: what else geometry depends on.
    """
    out = Others()
    ends: list[int] = []
    for kind in kinds:
        members = of(kind)
        if not len(members):
            continue
        if kind == "SPLINE":
            _splines(group(chunk, members), metres, means, out)
        elif kind in hatches.KINDS:
            most = means.limits.entity_vertices
            areas, failed = hatches.hatches(group(chunk, members), metres, means.tolerance_m, most, fit_curve)
            out.areas.append(areas)
            out.failed.update(
                (entity, (why, f"{kind}: {words}" if words else "")) for entity, (why, words) in failed.items()
            )
        else:
            ends = ends or [*chunk.tags.tag_start[chunk.tags.entity_tag].tolist(), chunk.tags.consumed]
            for entity in members.tolist():
                raw = without_remarks(chunk.tags.data[ends[entity] : ends[entity + 1]])
                try:
                    _keep(out, entity, _in_time(kind, raw, codec, metres, means))
                except NoGeometryError as error:
                    out.failed[entity] = (str(error), error.note)
                except ValueError as error:
                    out.failed[entity] = ("faulty_entity", f"{kind}: {error}")
    return out


def _in_time(kind: str, raw: bytes, codec: str, metres: float, means: Means) -> Shape:
    """Return the shape of an entity, if it takes no more than its time."""
    most = means.limits.entity_s
    try:
        return bounded(most, lambda: shape(kind, raw, codec, metres, means))
    except OutOfTimeError:
        words = f"{kind}: its geometry takes more than {most:g} s of processor time"
        raise NoGeometryError("took_too_long", words) from None


def _keep(out: Others, entity: int, found: Shape) -> None:
    """Put one entity's shape where it belongs."""
    one = np.array([entity])
    if found.boxed:
        out.boxed.append(entity)
        if found.note:
            out.failed[entity] = (BOX_ONLY, found.note)
    if found.filled:
        counts = np.array([len(points) for points, _ in found.rings], dtype=np.int64)
        points = np.concatenate([points for points, _ in found.rings])
        normal = _normal(points)
        local = points @ axes(normal[None])[0]
        rings = np.array([0, len(counts)])
        areas = cleaned(Areas(one, normal[None], np.zeros(1, dtype=np.int64), rings, offsets(counts), local))
        if len(areas.points):
            out.areas.append(areas)
        else:
            out.failed[entity] = ("no_geometry", "")
    elif found.rings:
        points = np.concatenate([p for p, _ in found.rings])
        closed = len(found.rings) == 1 and found.rings[0][1]
        out.paths.append(Paths(one, np.array([0, len(points)]), points, np.array([closed])))
    else:
        whole = np.array([0, len(found.vertices)]), np.array([0, len(found.faces)])
        out.meshes.append(Meshes(one, whole[0], found.vertices, whole[1], outward(found.vertices, found.faces)))


def _normal(points: np.ndarray) -> np.ndarray:
    """Return the direction (3,) that a plane ring looks along; upwards if it is level."""
    near = points - points[0]
    spread = np.cross(near, np.roll(near, -1, axis=0)).sum(axis=0)
    length = float(np.sqrt((spread * spread).sum()))
    if length < 1e-12 or np.ptp(points[:, 2]) < 1e-9:
        return np.array([0.0, 0.0, 1.0])
    out: np.ndarray = spread / length
    return out


def _splines(members: Group, metres: float, means: Means, out: Others) -> None:
    """Make paths of SPLINE entities; those with control points and knots as they should be without a loop."""
    degree = members.integer(71, 3)
    point_offset, points = points_of(members, 10)
    knot_offset, knots = numbers_of(members, 40)
    weight_offset, weights = numbers_of(members, 41)
    counts, weighted = np.diff(point_offset), np.diff(weight_offset)
    sound = (degree >= 1) & (degree <= splines.HIGHEST_DEGREE) & (counts > degree)
    sound &= (np.diff(knot_offset) == counts + degree + 1) & ((weighted == 0) | (weighted == counts))
    knot_row = np.repeat(np.arange(members.count), np.diff(knot_offset))
    falls = (np.diff(knots) < 0) & (knot_row[1:] == knot_row[:-1])
    sound[knot_row[1:][falls]] = False
    sound[np.repeat(np.arange(members.count), weighted)[~(weights > 0)]] = False
    rows = np.flatnonzero(sound)
    sound[rows] = knots[(knot_offset[:-1] + counts)[rows]] > knots[(knot_offset[:-1] + degree)[rows]]
    rows = np.flatnonzero(sound)
    weight = np.ones(len(points))
    has = np.flatnonzero(sound & (weighted > 0))
    weight[picked(point_offset, has)] = weights[picked(weight_offset, has)]
    flat = np.column_stack([points * weight[:, None], weight])[picked(point_offset, rows)]
    whole = splines.Splines(
        degree[rows], offsets(np.diff(knot_offset)[rows]), knots[picked(knot_offset, rows)], offsets(counts[rows]), flat
    )
    _flatten(members, rows, whole, metres, means, out)
    rest: list[int] = []
    curves: list[splines.Curve] = []
    fit = points_of(members, 11), points_of(members, 12), points_of(members, 13)
    flags = members.integer(70)
    for row in np.flatnonzero(~sound).tolist():
        entity = int(members.entity[row])
        places, *ends = (p[o[row] : o[row + 1]] for o, p in fit)
        mine = slice(point_offset[row], point_offset[row + 1])
        try:
            if counts[row] < 2 and len(places):
                tangents = np.concatenate([e[:1] for e in ends])
                if flags[row] & _CLOSED:
                    places, tangents = _once_round(places, tangents)
                curve = fit_curve(places, tangents if len(tangents) == 2 and tangents.any(axis=1).all() else [])
            else:
                given = splines.Curve(
                    int(degree[row]), points[mine], knots[knot_offset[row] : knot_offset[row + 1]],
                    weights[weight_offset[row] : weight_offset[row + 1]],
                )  # fmt: skip
                curve, words = splines.mended(given)
                if words:
                    out.failed[entity] = ("mended", f"SPLINE: {words}; its control points are taken evenly")
        except ValueError as error:
            out.failed[entity] = ("faulty_entity", f"SPLINE: {error}")
            continue
        rest.append(row)
        curves.append(curve)
    _flatten(members, np.array(rest, dtype=np.int64), splines.together(curves), metres, means, out)


def _once_round(places: Floats, tangents: Floats) -> tuple[Floats, Floats]:
    """Return the points that a closed curve goes through, back to the first, and its directions there: one."""
    if len(places) < 3 or np.abs(places[0] - places[-1]).max() <= _SAME * np.ptp(places, axis=0).max():
        return places, tangents
    along = places[1] - places[-1]
    return np.concatenate([places, places[:1]]), np.array([along, along])


def _flatten(
    members: Group, rows: Ints, whole: splines.Splines, metres: float, means: Means, out: Others
) -> None:  # fmt: skip
    if not len(rows):
        return
    most = means.limits.entity_vertices
    offset, points, crowded = splines.flattened(whole, means.tolerance_m / metres, most)
    points = points * metres
    entity = members.entity[rows]
    first, last = points[offset[:-1]], points[offset[1:] - 1]
    meets = np.abs(first - last).max(axis=1) < 1e-6
    closed = ((members.integer(70)[rows] & _CLOSED) != 0) & meets & (np.diff(offset) > 3)
    keep = np.ones(len(points), dtype=np.bool_)
    keep[offset[1:][closed] - 1] = False
    made = Paths(entity, offsets(np.diff(offset) - closed), points[keep], closed)
    for row in np.flatnonzero(crowded).tolist():
        out.failed[int(entity[row])] = ("too_many_vertices", "")
    out.paths.append(made.take(np.flatnonzero(~crowded)) if bool(crowded.any()) else made)
