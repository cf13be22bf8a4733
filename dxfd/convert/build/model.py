"""Matched entities of a chunk to bodies: chooses geometry by type and solid by recipe, and accounts for what fails.

Input: chunk, which entities matched which rule. Output: Built, in file order. What one entity becomes depends on that
entity (and its block) alone, never on its neighbours in the chunk: a resumed run must give the same rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct, field

from dxfd.convert.build import bodies, ground, thick
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.content import Body
from dxfd.convert.build.frame import euler_xyz, to_world
from dxfd.convert.build.geometry import COLUMNAR, FACE_KINDS, PATH_KINDS, POINT_KINDS, polylines, simple
from dxfd.convert.build.inserts import Placed, filled, placed, together, world_extents
from dxfd.convert.build.means import PLAIN, Means
from dxfd.convert.build.measures import Measures, outlines, take, thickened, wished
from dxfd.convert.build.natives import Natives, sizes
from dxfd.convert.build.others import others
from dxfd.convert.build.portable import THINNEST_M, Solids, within_reach
from dxfd.convert.build.ragged import (
    Bools,
    Floats,
    Ints,
    Meshes,
    Paths,
    join_meshes,
    join_paths,
)
from dxfd.convert.build.references import PICTURES, references
from dxfd.convert.build.solids import WHY, plan, solids
from dxfd.convert.keys import tally
from dxfd.convert.match.rules import Element, Recipe
from dxfd.convert.read.columns import by_kind, group, of_kind
from dxfd.convert.read.stream import Chunk

_STANDING_M: Final = 0.1
"""What begins lower than this in its block stands at the block's height."""
_PER_ELEMENT: Final = ("center", "size", "rotation", "length")


class Shared(Struct, frozen=True):
    """A body used by several elements: content address, `<f4` vertices and `<u4` faces about its centre."""

    key: str
    vertices: bytes
    faces: bytes


class Built(Struct):
    """Elements made of a chunk, in file order.

    Attributes:
        entity: (n,) entity in the chunk.
        center, size: (n, 3) of the axis-aligned box in WCS, metres.
        rotation: (n, 3) Euler XYZ of the body, radians; 0 where it is baked into the vertices.
        length: (n,) metres, NaN where the element has none.
        own: (m,) which of the n have a body of their own, growing.
        vertices, faces: Arrow binary arrays (m,): `<f4` about `center`, `<u4`.
        shared: (n,) which of the keys is that of the element's body, which others may have too; -1: its own.
        keys: of shared bodies.
        bodies: the shared bodies first used in this chunk, by key.
        failed: entity to (reason, message) of entities that gave no element.
    """

    entity: Ints
    center: Floats
    size: Floats
    rotation: Floats
    length: Floats
    own: Ints
    vertices: Any
    faces: Any
    shared: Ints
    keys: list[str] = field(default_factory=list)
    bodies: dict[str, Shared] = field(default_factory=dict)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)


class Builder:
    """Builds the chunks of one drawing."""

    def __init__(self, codec: str, metres: float, blocks: Blocks, means: Means = PLAIN) -> None:
        self._codec = codec
        self._metres = metres
        self._blocks = blocks
        self._natives = Natives(blocks)
        self._means = means

    def build(
        self, chunk: Chunk, chosen: Ints, rule: Ints, rules: list[Element], names: tuple[list[str], Ints]
    ) -> Built:
        """Return the elements of the chosen entities.

        Args:
            chunk: the entities.
            chosen: (m,) growing indices of matched entities without bad numbers.
            rule: (E,) index into rules for every entity, -1 for none.
            rules: the elements that the rule set makes.
            names: distinct block names and (E,) index into them.
        """
        failed: dict[int, tuple[str, str]] = {}
        wanted = np.zeros(chunk.count, dtype=np.bool_)
        wanted[chosen] = True
        of = by_kind(chunk, wanted)
        metres = self._metres
        measures = Measures(rule, rules)
        along = thick.thickness(chunk, metres)
        curves, dots, meshes = self._columnar(chunk, of, measures, along)
        pictures, undrawn = self._pictures(chunk, of)
        kinds = [kind for kind in chunk.kinds if kind not in COLUMNAR]
        rest = others(
            chunk, kinds, lambda k: np.intersect1d(of(k), undrawn) if k in PICTURES else of(k),
            self._codec, metres, self._means,
        )  # fmt: skip
        take(rest, curves, meshes, measures, self._means.limits.body_points, failed)
        lines = join_paths(curves)
        paths = join_paths([lines, *dots])
        dot = np.arange(len(paths.entity)) >= len(lines.entity)
        circles = np.zeros(chunk.count, dtype=np.bool_)
        circles[of_kind(chunk, "CIRCLE")] = True
        too_long = _too_long(paths, self._means.limits.body_points, failed)
        wish = wished(chunk, paths, measures, circles, too_long, dot, metres)
        if rest.boxed:
            wish.recipe[np.isin(paths.entity, rest.boxed)] = list(Recipe).index(Recipe.BOX)
        if along is not None:
            paths, wish = thickened(paths, wish, along, meshes)
        bodies_made, status = solids(paths, join_meshes(meshes), plan(wish))
        failed.update((entity, WHY[why]) for entity, why in status.items())
        where, distinct, number = self._standing(chunk, of("INSERT"), names, pictures)
        own = self._raised(bodies_made, measures, chunk)
        if rest.boxed:
            own.length[np.isin(own.entity, rest.boxed)] = np.nan  # the diagonal of a box is the length of nothing
        if len(where.entity):
            own = _merged(own, self._references(where, (distinct, number), measures, failed))
        own.failed = failed
        return own

    def _columnar(
        self, chunk: Chunk, of: Callable[[str], Ints], measures: Measures, along: Floats | None
    ) -> tuple[list[Paths], list[Paths], list[Meshes]]:
        """Return the curves, dots and meshes of the types whose entities are read by columns."""
        metres, tolerance_m = self._metres, self._means.tolerance_m
        curves: list[Paths] = []
        dots: list[Paths] = []
        meshes: list[Meshes] = []
        for kind in PATH_KINDS:
            members = of(kind)
            if not len(members):
                continue
            if kind == "POLYLINE":
                curve, surface = polylines(chunk, members, metres, tolerance_m)
                curves.append(curve)
                meshes.append(surface)
            else:
                made = simple(kind, group(chunk, members), metres, tolerance_m)
                curves.append(made) if isinstance(made, Paths) else meshes.append(made)
        for kind in POINT_KINDS:
            if len(members := of(kind)):
                made = simple(kind, group(chunk, members), metres)
                if isinstance(made, Paths):
                    (curves if kind == "POINT" else dots).append(made)
        for kind in FACE_KINDS:
            if len(members := of(kind)):
                made = simple(kind, group(chunk, members), metres)
                if isinstance(made, Meshes):
                    outline, made = (None, made) if kind == "3DFACE" else outlines(made, measures, along)
                    curves += [] if outline is None else [outline]
                    meshes.append(made if along is None else thick.thickened(made, along))
        return curves, dots, meshes

    def _raised(self, made: Solids, measures: Measures, chunk: Chunk) -> Built:
        """Return bodies of their own; what is drawn at height 0 stands as high as its rule says."""
        own = _own(made)
        raise_m = measures.elevation(own.entity)
        standing = np.abs(own.center[:, 2] - own.size[:, 2] / 2) < 1e-9
        grounded = np.where(ground.boxes_tell(chunk)[own.entity], standing, ground.lies_flat(chunk)[own.entity])
        own.center[:, 2] += np.where(grounded, raise_m, 0.0)
        return own

    def _pictures(self, chunk: Chunk, of: Callable[[str], Ints]) -> tuple[tuple[Placed, list[str]] | None, Ints]:
        """Return where the pictures of dimensions and tables stand and their blocks, and those that have none."""
        drawn = np.sort(np.concatenate([of(kind) for kind in PICTURES]))
        if not len(drawn):
            return None, drawn
        where, names = references(chunk, drawn, self._codec, self._metres)
        has = np.array([name in self._blocks for name in names], dtype=np.bool_)
        rows = np.flatnonzero(has)
        return (where.take(rows), [names[k] for k in rows.tolist()]), drawn[~has]

    def _standing(
        self, chunk: Chunk, inserts: Ints, names: tuple[list[str], Ints], pictures: tuple[Placed, list[str]] | None
    ) -> tuple[Placed, list[str], Ints]:
        """Return the references of the chunk, the distinct names of their blocks and (n,) index into those."""
        where = placed(group(chunk, inserts), self._metres)
        first, number = tally(names[1][inserts])
        distinct = [names[0][k] for k in names[1][inserts][first].tolist()]
        if pictures is None:
            return where, distinct, number
        drawn, own = pictures
        place = {name: len(distinct) + k for k, name in enumerate(dict.fromkeys(own))}
        number = np.concatenate([number, np.array([place[name] for name in own], dtype=np.int64)])
        both, order = together([where, drawn])
        return both, [*distinct, *place], number[order]

    def _references(
        self, where: Placed, names: tuple[list[str], Ints], measures: Measures, failed: dict[int, tuple[str, str]]
    ) -> Built:
        """Return references as the faces in their blocks, else as boxes of their extents; equal bodies are shared."""
        members = where.entity
        distinct, number = names
        boxes = [self._blocks.extents(name) for name in distinct]
        for k, name in enumerate(distinct):
            if boxes[k] is None and name not in self._blocks:
                why = ("block_missing", f"block {name!r} is not defined") if name else ("no_geometry", "")
                for entity in members[number == k].tolist():
                    failed[entity] = why
        zero = (np.zeros(3), np.zeros(3))
        low = np.array([(b or zero)[0] for b in boxes])[number]
        high = np.array([(b or zero)[1] for b in boxes])[number]
        center, size = filled(where, low, high)
        width, height, _ = measures.of(members)
        size[:, :2] = np.where(size[:, :2] < THINNEST_M, np.minimum(width, 0.05)[:, None], size[:, :2])
        flat = size[:, 2] < THINNEST_M
        center[:, 2] += np.where(flat, height / 2, 0.0)
        size[:, 2] = np.where(flat, height, size[:, 2])
        which, shown = self._natives.of(where, distinct, number)
        native = which >= 0
        if shown:
            center[native] = np.array([body.center for body in shown])[which[native]]
        world_low, world_high = world_extents(where, center, size)
        reach = np.where(native[:, None], sizes(which, shown, where.turn), world_high - world_low)
        middle = where.at + to_world(center, where.turn)
        grounded = np.abs(where.at[:, 2]) < 1e-9
        if shown:  # a block that is drawn at its height is not raised to it once more
            grounded &= ~native | (np.array([body.lowest for body in shown])[which] <= _STANDING_M)
        middle[:, 2] += np.where(grounded, measures.elevation(members), 0.0)
        keep = within_reach(middle) & within_reach(reach)
        for entity in members[~keep].tolist():
            failed[entity] = ("out_of_range", "a coordinate is not finite or out of range")
        keep &= np.array([int(e) not in failed for e in members], dtype=np.bool_)
        rows = np.flatnonzero(keep)
        shared, made = _shared(size[rows], which[rows], shown)
        none = pa.array([], type=pa.binary())
        return Built(
            members[rows], middle[rows], reach[rows], euler_xyz(where.turn[rows]),
            np.full(len(rows), np.nan), np.empty(0, dtype=np.int64), none, none, shared, list(made), made,
        )  # fmt: skip


def _too_long(paths: Paths, most: int, failed: dict[int, tuple[str, str]]) -> Bools:
    """Return (n,) whether a path has too many points for a body, and note those."""
    counts = paths.counts
    long = counts > most
    for at in np.flatnonzero(long).tolist():
        words = f"{counts[at]} vertices, more than {most}: it keeps its line and gets no body"
        failed[int(paths.entity[at])] = ("too_many_vertices", words)
    return np.asarray(long, dtype=np.bool_)


def _own(made: Solids) -> Built:
    """Return bodies that one element each has."""
    n = len(made.entity)
    return Built(
        made.entity, made.center, made.size, np.zeros((n, 3)), made.length, np.arange(n), made.vertices, made.faces,
        np.full(n, -1),
    )  # fmt: skip


def _shared(size: Floats, which: Ints, shown: list[Body]) -> tuple[Ints, dict[str, Shared]]:
    """Return the bodies of references, in order of first use whatever else the chunk holds, and (n,) which is whose.

    A reference that shows none of its block's faces has a box.
    """
    boxed = which < 0
    of_box, boxes = _shared_boxes(size[boxed])
    number = np.where(boxed, 0, which + len(boxes))
    number[boxed] = of_box
    made = [*boxes, *(Shared(body.key, body.vertices, body.faces) for body in shown)]
    first, _ = tally(number)
    used: dict[str, Shared] = {}
    for k in number[first].tolist():
        used.setdefault(made[k].key, made[k])
    place = {key: k for k, key in enumerate(used)}
    return np.array([place.get(body.key, -1) for body in made], dtype=np.int64)[number], used


def _shared_boxes(size: Floats) -> tuple[Ints, list[Shared]]:
    """Return (n,) which box is whose, and the boxes; sizes to a tenth of a millimetre, so that equals meet."""
    rounded = np.round(size, 4) + 0.0
    first, inverse = tally(rounded)
    faces = bodies.BOX_FACES.astype("<u4").tobytes()
    blobs = [corners.tobytes() for corners in bodies.box_vertices(rounded[first]).astype("<f4")]
    return inverse, [Shared(hashlib.sha256(blob + faces).hexdigest(), blob, faces) for blob in blobs]


def _merged(first: Built, second: Built) -> Built:
    """Return elements with own bodies and elements with shared ones, ordered by entity."""
    entity = np.concatenate([first.entity, second.entity])
    order = np.argsort(entity, kind="stable")
    shared = np.concatenate([first.shared, np.where(second.shared < 0, -1, second.shared + len(first.keys))])
    both = {k: np.concatenate([getattr(first, k), getattr(second, k)])[order] for k in _PER_ELEMENT}
    return Built(
        entity[order], both["center"], both["size"], both["rotation"], both["length"],
        np.flatnonzero(order < len(first.entity)), first.vertices, first.faces,
        shared[order], [*first.keys, *second.keys], second.bodies,
    )  # fmt: skip
