"""A stretch of a block's content, made into elements once: bodies in the block's axes, references in it, the account.

Its size is that of the reference (in one number), so that walls are as thick as their rule says; what the reference
does beside (turning, mirroring, unequal factors) is done to the bodies in expand.py.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.account import EXPLODED, Account, settle
from dxfd.convert.build import colors
from dxfd.convert.build.at_once import check
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.content import Solid
from dxfd.convert.build.frame import from_euler
from dxfd.convert.build.geometry import bad_entities
from dxfd.convert.build.ground import lies_flat
from dxfd.convert.build.inserts import cells_of, placed
from dxfd.convert.build.means import Means
from dxfd.convert.build.model import Builder, Built
from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets
from dxfd.convert.choose import Chooser
from dxfd.convert.explode.index import CYCLE, DEEP, LIMIT, Index
from dxfd.convert.explode.places import References, Words, matrices, mixed, nothing, steps
from dxfd.convert.match.rules import Element
from dxfd.convert.properties import properties
from dxfd.convert.read import bounds
from dxfd.convert.read.attachments import Attachments
from dxfd.convert.read.columns import Heads, group, heads, of_kind
from dxfd.convert.read.dictionaries import Dictionaries
from dxfd.convert.read.encoding import shortened
from dxfd.convert.read.references import block_names
from dxfd.convert.read.stream import Chunk
from dxfd.convert.region import Region
from dxfd.convert.scope import INVISIBLE, LAYER_HIDDEN, Scope, View
from dxfd.convert.told import Told
from dxfd.convert.types import Found

DEFINITION = "attribute_definition"
"""ATTDEF: it says how an attribute is asked for, and is not drawn where its block is inserted."""
_PIECE_BYTES = 36_000
"""What a piece takes beside its content: 60 arrays, most of them Arrow's. Measured with 20,000 pieces."""


class Names:
    """Numbers for names, the same throughout a run."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self.names: list[str] = []

    def number(self, name: str) -> int:
        """Return the number of a name."""
        found = self._number.setdefault(name, len(self.names))
        if found == len(self.names):
            self.names.append(name)
        return found

    def column(self, numbers: Ints) -> Any:
        """Return an Arrow string array of names."""
        used, at = np.unique(numbers, return_inverse=True)
        return pa.array([self.names[k] for k in used.tolist()], type=pa.string()).take(pa.array(at))


class Bodies(Struct, frozen=True):
    """Bodies of a piece's elements: points (V, 3) in the block's axes, metres, faces (F, 3), offsets of both."""

    vertex_offset: Ints
    points: Floats
    face_offset: Ints
    faces: np.ndarray


class Piece(Struct, frozen=True):
    """Elements and account of a stretch of content.

    Attributes:
        element: (n,) number of each element's rule.
        why: (n,) number of the reason that the account has for it.
        entity: (n,) where its entity stands in the block, growing.
        length: (n,) metres, NaN where there is none.
        flat: (n,) the entity has no height of its own.
        bodies: of the elements.
        kind, layer, block, handle: Arrow string arrays (n,).
        rgba: Arrow string array (n,), None if no colour of the drawing is wanted.
        key: (n,) hash of the entity's handle, or of its place.
        properties: (row, name, value) as a table; of references that are exploded, `row` is n + their number.
        below: references that are exploded.
        ledger: rows of the account, in order of first appearance.
        count: entities.
        matched: those that became elements.
        notes: what is wrong with the content.
        bytes: of memory, about.
    """

    element: Ints
    why: Ints
    entity: Ints
    length: Floats
    flat: Bools
    bodies: Bodies
    kind: Any
    layer: Any
    block: Any
    handle: Any
    rgba: Any
    key: Words
    properties: pa.Table
    below: References
    ledger: pa.Table
    count: int
    matched: int
    notes: list[Found]
    bytes: int


class Workshop(Struct, frozen=True, kw_only=True):
    """What pieces are made with: the facts of the run."""

    codec: str
    metres: float
    blocks: Blocks
    means: Means
    chooser: Chooser
    scope: Scope
    index: Index
    true_names: dict[str, str]
    attachments: Attachments
    dictionaries: Dictionaries | None
    drawn: bool
    names: Names
    region: Region | None = None


class _Grown(Blocks):
    """The extents of blocks at another size."""

    def __init__(self, blocks: Blocks, factor: float) -> None:
        self._inner = blocks
        self._factor = factor

    def __contains__(self, name: str) -> bool:
        return name in self._inner

    def extents(self, name: str) -> tuple[Floats, Floats] | None:
        """Return the extents; see Blocks."""
        found = self._inner.extents(name)
        return None if found is None else (found[0] * self._factor, found[1] * self._factor)

    def solid(self, name: str) -> Solid | None:
        """Return the body; see Blocks."""
        found = self._inner.solid(name)
        return None if found is None else Solid(found.points * self._factor, found.faces)


def references(
    shop: Workshop, chunk: Chunk, head: Heads, entities: Ints, names: tuple[list[str], Ints], **more: Any
) -> References:
    """Return the given INSERTs of a chunk.

    Args:
        shop: the facts of the run.
        chunk: the entities.
        head: their handles and layers.
        entities: (n,) growing indices of INSERTs.
        names: distinct block names and (E,) index into them.
        more: color, ordinal, layout (n,) and inherited colour.
    """
    members = group(chunk, entities)
    where = placed(members, shop.metres)
    base = np.array([shop.index.get(names[0][k]).base for k in names[1][entities].tolist()]).reshape(-1, 3)
    layers = np.array([shop.names.number(name) for name in head.layers], dtype=np.int64)
    blocks = np.array([shop.names.number(name) for name in names[0]], dtype=np.int64)
    ordinal = more["ordinal"]
    handle = head.handle_int[entities]
    return References(
        blocks[names[1][entities]], matrices(where, base), where.cells, where.columns, steps(where),
        layers[head.layer_of[entities]], _packed(shop, chunk, head, entities, more["inherited"]),
        _handles(head, entities, ordinal), _keys(handle, ordinal), handle, ordinal, more["layout"], entities,
    )  # fmt: skip


def _handles(head: Heads, entities: Ints, ordinal: Words) -> Any:
    """Return handles as texts; where there is none, @ and the place."""
    text = head.handle.take(pa.array(entities)).cast(pa.string())
    place = pc.binary_join_element_wise("@", pc.cast(pa.array(ordinal), pa.string()), "")
    return pc.if_else(pc.equal(text, ""), place, text)


def _keys(handle: Words, ordinal: Words) -> Words:
    none = handle == 0
    return mixed(np.where(none, ordinal, handle), none.astype(np.uint64))


def _packed(shop: Workshop, chunk: Chunk, head: Heads, entities: Ints, inherited: int) -> Ints:
    """Return (n,) colours as 0xRRGGBBAA."""
    code, transparency = colors.codes(group(chunk, entities))
    layer = head.layer_of[entities]
    above = inherited >> 8, inherited & 255
    known: dict[tuple[int, int, int], int] = {}
    out = np.empty(len(entities), dtype=np.int64)
    for k, key in enumerate(zip(layer.tolist(), code.tolist(), transparency.tolist(), strict=True)):
        if key not in known:
            found = shop.scope.layers.get(head.layers[key[0]].upper())
            rgb, alpha = colors.shown(key[1], key[2], found, above)
            known[key] = rgb << 8 | alpha
        out[k] = known[key]
    return out


def piece(
    shop: Workshop, chunk: Chunk, block: str, first: int, scale: float, layer: str, color: int, *, alone: bool = False
) -> Piece:
    """Return what a stretch of a block's content becomes.

    Args:
        shop: the facts of the run.
        chunk: the content.
        block: name of the block.
        first: place in the block of the first entity.
        scale: factor of the reference.
        layer: of the reference: what lies on layer 0 lies there.
        color: of the reference, 0xRRGGBBAA: what is BYBLOCK has it.
        alone: there is one entity, and it is too much by itself.

    Raises:
        TooMuchAtOnceError: the points are too many to be made at once.
    """
    head = _inherited(heads(chunk, shop.codec), layer)
    names = block_names(chunk, shop.codec)
    true_names = [shop.true_names.get(name.upper(), name) for name in names[0]]
    none = np.zeros(chunk.count, dtype=np.bool_)
    view = View(replace(head, paper=none), none, None, ("Model", ""), np.zeros(chunk.count, dtype=np.int64))
    metres = shop.metres * scale
    grown = _Grown(shop.blocks, scale)
    rule, reasons = shop.chooser.choose(chunk, view.head, names, true_names)
    exploded, (words, of) = _fates(shop, chunk, view.head, names, block, (rule, reasons))
    notes = _left_out(view.head, names, block, (words, of))
    bad = bad_entities(chunk)
    rule[bad] = -1
    if chunk.damage is not None:
        rule[chunk.owner[-1:]] = -1
    large = np.flatnonzero(~chunk.follower) if alone else bounds.too_large(chunk, shop.means.limits)
    large = large[rule[large] >= 0]
    rule[large] = -1
    flat = [replace(e, elevation_m=0.0, below_ceiling_m=None) for e in shop.chooser.elements]
    builder = Builder(shop.codec, metres, grown, shop.means)
    built = builder.build(chunk, np.flatnonzero(rule >= 0), rule, flat, names)
    built.failed |= dict.fromkeys(large.tolist(), (bounds.REASON, bounds.words(shop.means.limits)))
    place = _places(chunk, first)
    account = settle(chunk, view, (true_names, names[1]), (words, of), built, bad, Told())
    made = _elements(shop, chunk, view.head, rule, built, place, color)
    at = built.entity
    below = _below(shop, chunk, view.head, exploded, names, place, color)
    held = _held(shop, chunk, at, exploded)
    called = shop.true_names.get(block.upper(), block)
    text = pa.array([shortened(name or called) for name in true_names], type=pa.string())
    bodies = _bodies(built)
    return Piece(
        rule[at], _why(shop, built, words, of), at + first, built.length, lies_flat(chunk)[at], bodies, *made[:2],
        text.take(pa.array(names[1][at])), *made[2:],
        held, below, _ledger(account, called), int((~chunk.follower).sum()), account.counts.matched,
        notes
        + [Found(code=row["code"], message=f"in block {block!r}: {row['message']}", handle=row["handle"]) for row in
         account.issues],
        bodies.points.nbytes + bodies.faces.nbytes + 200 * len(at) + 400 * len(exploded) + held.nbytes + _PIECE_BYTES,
    )  # fmt: skip


def nested(shop: Workshop, chunk: Chunk, block: str, first: int, layer: str, color: int) -> References:
    """Return the references in a stretch of a block's content that are exploded: `below` of its piece, see there."""
    head, names = _inherited(heads(chunk, shop.codec), layer), block_names(chunk, shop.codec)
    zero = np.zeros(chunk.count, dtype=np.int64)
    exploded, _ = _fates(shop, chunk, head, names, block, (zero.copy(), ([""], zero)))
    return _below(shop, chunk, head, exploded, names, _places(chunk, first), color)


def _below(
    shop: Workshop, chunk: Chunk, head: Heads, exploded: Ints, names: tuple[list[str], Ints], place: Words, color: int
) -> References:
    if not len(exploded):
        return nothing()
    return references(
        shop, chunk, head, exploded, names, ordinal=place[exploded], layout=np.zeros(len(exploded), dtype=np.int64),
        inherited=color,
    )  # fmt: skip


def _places(chunk: Chunk, first: int) -> Words:
    """Return (E,) the place of entities in their block, from 1; `first`: of them before the chunk."""
    return (np.cumsum(~chunk.follower) - 1 + first).astype(np.uint64) + np.uint64(1)


_TOLD: Final = {
    CYCLE: "leads back to the block that it lies in: left out",
    DEEP: "is nested too deep: left out",
    LIMIT: "would become more entities than the limit: it stays a box",
}


def _left_out(
    head: Heads, names: tuple[list[str], Ints], block: str, reasons: tuple[list[str], Ints]
) -> list[Found]:  # fmt: skip
    """Return an issue for each block whose references in this one are not exploded, with the handle of the first."""
    at = {word: k for k, word in enumerate(reasons[0])}
    found: list[Found] = []
    for code, said in _TOLD.items():
        rows = np.flatnonzero(reasons[1] == at[code])
        for name, row in zip(*np.unique(names[1][rows], return_index=True), strict=True):
            message = f"in block {block!r}: a reference to {names[0][int(name)]!r} {said}"
            found.append(Found(code=code, message=message, handle=head.handle_text(int(rows[row]))))
    return found


def _why(shop: Workshop, built: Built, words: list[str], of: Ints) -> Ints:
    """Return (n,) numbers of the reasons that the account has for elements; most have none."""
    failed = {entity: reason for entity, (reason, _) in built.failed.items()}
    reasons = [
        failed.get(entity, words[number])
        for entity, number in zip(built.entity.tolist(), of[built.entity].tolist(), strict=True)
    ]
    return np.array([shop.names.number(reason) for reason in reasons], dtype=np.int64)


def _inherited(head: Heads, layer: str) -> Heads:
    """Return heads where layer 0 is that of the reference."""
    names = [layer if name == "0" else name for name in head.layers]
    distinct = list(dict.fromkeys(names))
    number = {name: k for k, name in enumerate(distinct)}
    place = np.array([number[name] for name in names], dtype=np.int32)
    return replace(head, layers=distinct, layer_of=place[head.layer_of] if names else head.layer_of)


def _fates(
    shop: Workshop, chunk: Chunk, head: Heads, names: tuple[list[str], Ints], block: str,
    chosen: tuple[Ints, tuple[list[str], Ints]],
) -> tuple[Ints, tuple[list[str], Ints]]:  # fmt: skip
    """Return the references that are exploded and the reasons of what is left out; takes their rules from both."""
    rule, (words, of) = chosen
    words, of = [*words, EXPLODED, CYCLE, DEEP, LIMIT, LAYER_HIDDEN, INVISIBLE, DEFINITION], of.copy()
    at = {word: k for k, word in enumerate(words)}
    exploded = explodable(shop.index, chunk, names, block, of, at, rule)
    hidden = np.array([shop.scope.hides(name) for name in head.layers], dtype=np.bool_)[head.layer_of]
    frozen = np.array([shop.scope.freezes(name) for name in head.layers], dtype=np.bool_)[head.layer_of]
    hidden[exploded] = frozen[exploded]
    for rows, word in ((hidden, LAYER_HIDDEN), (head.invisible, INVISIBLE)):
        rule[rows], of[rows] = -1, at[word]
    definitions = of_kind(chunk, "ATTDEF")
    rule[definitions], of[definitions] = -1, at[DEFINITION]
    return exploded[of[exploded] == at[EXPLODED]], (words, of)


def explodable(
    index: Index, chunk: Chunk, names: tuple[list[str], Ints], block: str, of: Ints, at: dict[str, int], rule: Ints
) -> Ints:
    """Return the INSERTs that are exploded; notes the fates of all and takes their rules, but for boxes."""
    inserts = np.setdiff1d(of_kind(chunk, "INSERT"), bad_entities(chunk))
    if not len(inserts):
        return inserts
    members = group(chunk, inserts)
    cells = cells_of(members)
    key, back = np.unique(np.stack([names[1][inserts], cells], axis=1), axis=0, return_inverse=True)
    fates = [index.fate(names[0][name], count, block) for name, count in key.tolist()]
    fate = np.array([at.get(word, -1) if word else -1 for word in fates], dtype=np.int64)[back.ravel()]
    told = inserts[fate >= 0]
    of[told] = fate[fate >= 0]
    rule[told[of[told] != at[LIMIT]]] = -1
    exploded: Ints = told[of[told] == at[EXPLODED]]
    return exploded


def _elements(
    shop: Workshop, chunk: Chunk, head: Heads, rule: Ints, built: Built, place: Words, color: int
) -> tuple[Any, Any, Any, Any, Words]:
    """Return kind, layer, handle, colour and key of the elements."""
    at = built.entity
    used: list[Element] = [shop.chooser.elements[k] for k in np.unique(rule[at]).tolist()]
    rgba = None
    if shop.drawn or any(element.material_rgba is None for element in used):
        packed = _packed(shop, chunk, head, at, color)
        shades, back = np.unique(packed, return_inverse=True)
        text = pa.array([colors.text(c >> 8, c & 255) for c in shades.tolist()], type=pa.string())
        rgba = text.take(pa.array(back))
    return (
        pa.array(chunk.kinds, type=pa.string()).take(pa.array(chunk.kind_of[at])),
        pa.array(head.layers, type=pa.string()).take(pa.array(head.layer_of[at])),
        _handles(head, at, place[at]), rgba, _keys(head.handle_int[at], place[at]),
    )  # fmt: skip


def _held(shop: Workshop, chunk: Chunk, at: Ints, exploded: Ints) -> pa.Table:
    """Return the properties of elements, and of exploded references as rows behind them."""
    parts = []
    for entities, first in ((at, 0), (exploded, len(at))):
        parts.append(properties(chunk, entities, shop.codec, shop.attachments, shop.dictionaries, first))
    return pa.concat_tables(parts)


def _ledger(account: Account, block: str) -> pa.Table:
    """Return the account with the block that entities lie in, where they are no references themselves."""
    table = account.ledger
    names = [name or block for name in table["block"].to_pylist()]
    table = table.set_column(table.schema.get_field_index("block"), "block", pa.array(names, type=pa.string()))
    origin = pa.array(["content"] * table.num_rows, type=pa.string())
    return table.set_column(table.schema.get_field_index("origin"), "origin", origin)


def _bodies(built: Built) -> Bodies:
    """Return all bodies with their points in the block's axes; those that elements share are written out.

    Raises:
        TooMuchAtOnceError: what is shared has too many points where it is written out.
    """
    n = len(built.entity)
    vertex_place, points = _flat(built.vertices, "<f4")
    face_place, faces = _flat(built.faces, "<u4")
    own = np.full(n, -1, dtype=np.int64)
    own[built.own] = np.arange(len(built.own))
    if len(built.own) == n:
        counts = np.diff(vertex_place)
        whole = points.astype(np.float64) + np.repeat(built.center, counts, axis=0)
        return Bodies(vertex_place, whole, face_place, faces)
    if n > 1:  # one alone has no more than a block may have
        points_of = np.array([len(built.bodies[key].vertices) // 12 for key in built.keys], dtype=np.int64)
        check(len(points) + int(points_of[built.shared[own < 0]].sum()))
    all_points: list[np.ndarray] = []
    all_faces: list[np.ndarray] = []
    for k, row in enumerate(own.tolist()):
        if row >= 0:
            local, mesh = (
                points[vertex_place[row] : vertex_place[row + 1]],
                faces[face_place[row] : face_place[row + 1]],
            )
        else:
            body = built.bodies[built.keys[int(built.shared[k])]]
            local = np.frombuffer(body.vertices, dtype="<f4").reshape(-1, 3) @ from_euler(built.rotation[k, None])[0].T
            mesh = np.frombuffer(body.faces, dtype="<u4").reshape(-1, 3)
        all_points.append(local.astype(np.float64) + built.center[k])
        all_faces.append(mesh)
    return Bodies(
        offsets(np.array([len(p) for p in all_points])), np.concatenate(all_points),
        offsets(np.array([len(f) for f in all_faces])), np.concatenate(all_faces),
    )  # fmt: skip


def _flat(blobs: Any, kind: str) -> tuple[Ints, np.ndarray]:
    """Return offsets and values (N, 3) of an Arrow binary array of triples."""
    whole = pa.concat_arrays(blobs.chunks) if isinstance(blobs, pa.ChunkedArray) else blobs
    if not len(whole):
        return np.zeros(1, dtype=np.int64), np.empty((0, 3), dtype=kind)
    _, place, data = whole.buffers()
    at = np.frombuffer(place, dtype=np.int32, count=len(whole) + 1 + whole.offset)[whole.offset :].astype(np.int64)
    raw = np.frombuffer(data, dtype=np.uint8)[at[0] : at[-1]] if data is not None else np.empty(0, dtype=np.uint8)
    return (at - at[0]) // 12, raw.view(kind).reshape(-1, 3)
