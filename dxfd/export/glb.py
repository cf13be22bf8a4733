"""A finished database to one binary glTF 2.0 file, to be looked at: a mesh for each discipline, class and colour.

Small bodies are merged, because viewers draw a hundred large meshes faster than a million small ones; bodies that are
shared stay nodes over one mesh while they are few enough. Each merged vertex has the number of its element within its
primitive (EXT_mesh_features), whose identifiers are a table (EXT_structural_metadata). Metres about the model's centre,
so that single precision holds them. The vertices go to a spool file, because glTF wants its description first. Runs in
`dxfd export`.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from dxfd import __version__
from dxfd.errors import OutputError
from dxfd.export.colours import linear, shown
from dxfd.export.frames import matrices, quaternion
from dxfd.export.source import Element, Source
from dxfd.export.target import begins_with, building
from dxfd.export.types import OnProgress, Written

MOST_NODES: Final = 10_000
"""Shared bodies that are nodes of their own; if a model has more of them, all are merged."""
_MOST_VERTICES: Final = 65_535
"""Of one primitive, so that its indices take two bytes."""
_MOST_HELD_BYTES: Final = 24 << 20
_GENERATOR: Final = f"dxfd {__version__}"
_MARK: Final = b'"generator":"dxfd '
_UPRIGHT: Final = [-(0.5**0.5), 0.0, 0.0, 0.5**0.5]
"""Z up to glTF's Y up."""
_TRIANGLES: Final = 4
_LINES: Final = 1
_UNSIGNED_SHORT, _UNSIGNED_INT, _FLOAT = 5123, 5125, 5126
_LARGEST: Final = (1 << 32) - 1
_FEATURES, _METADATA = "EXT_mesh_features", "EXT_structural_metadata"
_SCHEMA: Final = {
    "id": "dxfd",
    "classes": {"element": {"name": "Element", "properties": {"guid": {"type": "STRING", "required": True}}}},
}
_GUID_BYTES: Final = 100
"""Of memory that an identifier takes while it waits."""

Points = npt.NDArray[np.float32]


class Key(NamedTuple):
    """What is merged into one mesh."""

    discipline: str
    ifc_class: str
    rgba: str
    mode: int


def export_glb(
    source: Source,
    output: Path,
    *,
    discipline: str | None = None,
    most_nodes: int = MOST_NODES,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write a model, or one discipline of it.

    Raises:
        OutputError: the file cannot be written, or would be larger than the format allows (4 GB).
        DiskFullError: the disk is full.
    """
    with (
        building(output, lambda path: begins_with(path, _MARK)) as partial,
        tempfile.TemporaryFile(dir=output.parent) as spool,
    ):
        scene = _Scene(spool, source, as_nodes=source.shared_elements(discipline) <= most_nodes)
        done = 0
        for batch in source.batches(discipline):
            scene.batch(batch.elements)
            done += len(batch.elements)
            if on_progress is not None:
                on_progress(done, source.facts.elements)
        document = scene.document(Path(source.facts.drawing).stem)
        size = _write(partial, document, spool, scene.length)
    return Written(path=output, bytes=size, elements=done, counts=dict(+scene.counts))


def _write(path: Path, document: dict[str, Any], spool: IO[bytes], length: int) -> int:
    """Put header, description and vertices together; return the size."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    text += b" " * (-len(text) % 4)
    chunk = 8 + length if length else 0
    size = 12 + 8 + len(text) + chunk
    if size > _LARGEST:
        raise OutputError("the model is larger than 4 GB, which glTF does not allow", hint="export with --discipline")
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, size))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        if length:
            file.write(struct.pack("<I4s", length, b"BIN\0"))
            spool.seek(0)
            shutil.copyfileobj(spool, file, 1 << 20)
    return size


class _Heap(Struct):
    """Bodies of one key that are not written yet."""

    points: list[Points] = field(default_factory=list)
    indices: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    guids: list[str] = field(default_factory=list)
    numbers: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    """Element of each vertex, index into guids."""
    vertices: int = 0
    held: int = 0


class _Scene:
    """The file while it is made: heaps in memory, primitives in the spool, their description in lists."""

    def __init__(self, spool: IO[bytes], source: Source, *, as_nodes: bool) -> None:
        self._spool = spool
        self._source = source
        self._origin = np.array(source.facts.center)
        self._as_nodes = as_nodes
        self.length = 0
        self.counts: Counter[str] = Counter()
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._materials: dict[str, int] = {}
        self._heaps: dict[Key, _Heap] = defaultdict(_Heap)
        self._held = 0
        self._primitives: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._instances: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._meshes: list[dict[str, Any]] = []
        self._shared: dict[tuple[str, str], int] = {}
        self._bodies: dict[str, tuple[Points, npt.NDArray[np.uint32]]] = {}
        self._tables: list[dict[str, Any]] = []

    # --- elements ----------------------------------------------------------------------------------------------

    def batch(self, found: list[Element]) -> None:
        """Take the elements of a batch."""
        own = [e for e in found if e.shared is None and e.vertices]
        shared = [e for e in found if e.shared is not None]
        self.counts["nothing"] += len(found) - len(own) - len(shared)
        if own:
            self._own(own)
        if self._as_nodes:
            for element in shared:
                self._node(element)
        else:
            self._baked(shared)
        while self._held > _MOST_HELD_BYTES:
            self._flush(max(self._heaps, key=lambda key: self._heaps[key].held))

    def _own(self, found: list[Element]) -> None:
        points = np.frombuffer(b"".join(e.vertices or b"" for e in found), dtype="<f4").reshape(-1, 3)
        counts = np.array([len(e.vertices or b"") // 12 for e in found])
        center = np.array([(e.x, e.y, e.z) for e in found]) - self._origin
        world = (points + np.repeat(center, counts, axis=0)).astype("<f4")
        at = np.concatenate([[0], np.cumsum(counts)])
        members: dict[Key, list[int]] = defaultdict(list)
        for k, element in enumerate(found):
            if counts[k] == 1 and not element.faces:
                self.counts["points"] += 1
                continue
            self.counts["merged" if element.faces else "lines"] += 1
            members[_key(element, _TRIANGLES if element.faces else _LINES)].append(k)
        for key, rows in members.items():
            for k in rows:
                mine = world[at[k] : at[k + 1]]
                faces = found[k].faces
                indices = np.frombuffer(faces, dtype="<u4") if faces else _steps(len(mine))
                self._add(key, mine, indices, [found[k].guid])

    def _baked(self, found: list[Element]) -> None:
        """Merge shared bodies, all those of one body and key at once."""
        members: dict[tuple[Key, str], list[Element]] = defaultdict(list)
        for element in found:
            members[_key(element, _TRIANGLES), element.shared or ""].append(element)
        for (solid, body), elements in members.items():
            points, faces = self._body(body)
            if not len(points):
                self.counts["nothing"] += len(elements)
                continue
            key = solid if len(faces) else solid._replace(mode=_LINES)
            indices = faces if len(faces) else _steps(len(points))
            turn = matrices(np.array([(e.turn_x, e.turn_y, e.turn_z) for e in elements]))
            center = np.array([(e.x, e.y, e.z) for e in elements]) - self._origin
            world = np.einsum("nij,vj->nvi", turn, points.astype(np.float64)) + center[:, None]
            step = max(1, _MOST_VERTICES // len(points))
            for first in range(0, len(elements), step):
                part = world[first : first + step]
                base = np.arange(len(part), dtype=np.uint32)[:, None] * np.uint32(len(points))
                guids = [element.guid for element in elements[first : first + step]]
                self._add(key, part.reshape(-1, 3).astype("<f4"), (indices[None] + base).ravel(), guids)
            self.counts["merged"] += len(elements)

    def _add(self, key: Key, points: Points, indices: npt.NDArray[np.uint32], guids: list[str]) -> None:
        """Add the bodies of elements, all of which have as many points."""
        heap = self._heaps[key]
        if heap.vertices and heap.vertices + len(points) > _MOST_VERTICES:
            self._flush(key)
            heap = self._heaps[key]
        heap.points.append(points.copy())  # a view would keep the whole batch
        heap.indices.append(indices + np.uint32(heap.vertices))
        numbers = np.arange(len(heap.guids), len(heap.guids) + len(guids), dtype=np.uint32)
        heap.numbers.append(np.repeat(numbers, len(points) // len(guids)))
        heap.guids += guids
        heap.vertices += len(points)
        size = points.nbytes + indices.nbytes + 4 * len(points) + _GUID_BYTES * len(guids)
        heap.held += size
        self._held += size

    def _node(self, element: Element) -> None:
        """Make a node over the mesh of a shared body in one colour."""
        rgba = shown(element.rgba, element.discipline)
        key = (element.shared or "", rgba)
        mesh = self._shared.get(key)
        if mesh is None:
            points, indices = self._body(key[0])
            if not len(points):
                self.counts["nothing"] += 1
                return
            mode = _TRIANGLES if len(indices) else _LINES
            made = self._primitive(points, indices if len(indices) else _steps(len(points)), rgba, mode)
            mesh = self._shared[key] = len(self._meshes)
            self._meshes.append({"name": key[0][:16], "primitives": [made]})
        node: dict[str, Any] = {
            "name": element.name or element.ifc_class,
            "mesh": mesh,
            "translation": (np.array((element.x, element.y, element.z)) - self._origin).tolist(),
            "extras": {"guid": element.guid, "ifc_class": element.ifc_class, "layer": element.layer},
        }
        turn = (element.turn_x, element.turn_y, element.turn_z)
        if any(turn):
            node["rotation"] = quaternion(*turn)
        self._instances[element.discipline].append(node)
        self.counts["nodes"] += 1

    def _body(self, key: str) -> tuple[Points, npt.NDArray[np.uint32]]:
        known = self._bodies.get(key)
        if known is None:
            if len(self._bodies) >= 1000:
                self._bodies.clear()
            vertices, faces = self._source.body(key)
            known = (np.frombuffer(vertices, dtype="<f4").reshape(-1, 3), np.frombuffer(faces, dtype="<u4"))
            self._bodies[key] = known
        return known

    # --- spool and description -----------------------------------------------------------------------------------

    def _flush(self, key: Key) -> None:
        heap = self._heaps.pop(key)
        self._held -= heap.held
        made = self._primitive(np.concatenate(heap.points), np.concatenate(heap.indices), key.rgba, key.mode)
        self._named(made, heap.guids, np.concatenate(heap.numbers))
        self._primitives[key.discipline, key.ifc_class].append(made)

    def _named(self, made: dict[str, Any], guids: list[str], numbers: npt.NDArray[np.uint32]) -> None:
        """Say in a primitive which element each vertex belongs to."""
        view = self._view(numbers.astype("<u4").tobytes(), 34962, byteStride=4)  # of which two bytes are read
        made["attributes"]["_FEATURE_ID_0"] = self._accessor(view, _UNSIGNED_SHORT, len(numbers), "SCALAR")
        table = {"featureCount": len(guids), "attribute": 0, "propertyTable": len(self._tables)}
        made["extensions"] = {_FEATURES: {"featureIds": [table]}}
        encoded = [guid.encode() for guid in guids]
        places = np.cumsum([0, *map(len, encoded)]).astype("<u4")
        columns = {"values": self._view(b"".join(encoded), None), "stringOffsets": self._view(places.tobytes(), None)}
        self._tables.append({"class": "element", "count": len(guids), "properties": {"guid": columns}})

    def _primitive(self, points: Points, indices: npt.NDArray[np.uint32], rgba: str, mode: int) -> dict[str, Any]:
        place = self._accessor(
            self._view(points.astype("<f4").tobytes(), 34962), _FLOAT, len(points), "VEC3",
            min=points.min(axis=0).tolist(), max=points.max(axis=0).tolist(),
        )  # fmt: skip
        short = len(points) <= _MOST_VERTICES
        raw = indices.astype("<u2" if short else "<u4").tobytes()
        kind = _UNSIGNED_SHORT if short else _UNSIGNED_INT
        order = self._accessor(self._view(raw, 34963), kind, len(indices), "SCALAR")
        return {"attributes": {"POSITION": place}, "indices": order, "material": self._material(rgba), "mode": mode}

    def _view(self, raw: bytes, target: int | None, **more: Any) -> int:
        """Write bytes and return the number of their view; without a target they are no vertices or indices."""
        view = {"buffer": 0, "byteOffset": self.length, "byteLength": len(raw), **more}
        self._views.append(view if target is None else view | {"target": target})
        self._spool.write(raw + b"\0" * (-len(raw) % 8))  # tables want views at multiples of 8
        self.length += len(raw) + -len(raw) % 8
        return len(self._views) - 1

    def _accessor(self, view: int, kind: int, count: int, shape: str, **more: Any) -> int:
        self._accessors.append({"bufferView": view, "componentType": kind, "count": count, "type": shape, **more})
        return len(self._accessors) - 1

    def _material(self, rgba: str) -> int:
        return self._materials.setdefault(rgba, len(self._materials))

    def document(self, name: str) -> dict[str, Any]:
        """Write what is left and return the description of the whole."""
        for key in sorted(self._heaps):
            self._flush(key)
        nodes: list[dict[str, Any]] = [{"name": name, "rotation": _UPRIGHT, "children": []}]
        codes = sorted({code for code, _ in self._primitives} | set(self._instances))
        for code in codes:
            parent = len(nodes)
            nodes[0]["children"].append(parent)
            nodes.append({"name": code, "children": []})
            for (discipline, ifc_class), primitives in sorted(self._primitives.items(), key=lambda item: item[0]):
                if discipline == code:
                    self._meshes.append({"name": f"{code} {ifc_class}", "primitives": primitives})
                    nodes[parent]["children"].append(len(nodes))
                    nodes.append({"name": f"{code} {ifc_class}", "mesh": len(self._meshes) - 1})
            for node in self._instances.get(code, []):
                nodes[parent]["children"].append(len(nodes))
                nodes.append(node)
        if not nodes[0]["children"]:
            del nodes[0]["children"]
        document: dict[str, Any] = {
            "asset": {"generator": _GENERATOR, "version": "2.0", "extras": self._place()},
            "scene": 0,
            "scenes": [{"name": name, "nodes": [0]}],
            "nodes": nodes,
        }
        if self._meshes:
            document |= {
                "meshes": self._meshes,
                "materials": [_described(rgba) for rgba in self._materials],
                "accessors": self._accessors,
                "bufferViews": self._views,
                "buffers": [{"byteLength": self.length}],
            }
        if self._tables:
            document["extensionsUsed"] = [_FEATURES, _METADATA]
            document["extensions"] = {_METADATA: {"schema": _SCHEMA, "propertyTables": self._tables}}
        return document

    def _place(self) -> dict[str, Any]:
        """Say what is to be added to the model's coordinates (z up, metres) to come back to the drawing."""
        return {"origin": (self._origin + np.array(self._source.facts.offset)).tolist()}


def _key(element: Element, mode: int) -> Key:
    return Key(element.discipline, element.ifc_class, shown(element.rgba, element.discipline), mode)


def _steps(count: int) -> npt.NDArray[np.uint32]:
    """Return the segments of a path as pairs of indices."""
    k = np.arange(max(0, count - 1), dtype=np.uint32)
    return np.stack([k, k + 1], axis=1).ravel()


def _described(rgba: str) -> dict[str, Any]:
    red, green, blue, alpha = linear(rgba)
    surface = {"baseColorFactor": [red, green, blue, alpha], "metallicFactor": 0.0, "roughnessFactor": 0.9}
    described: dict[str, Any] = {"name": rgba, "pbrMetallicRoughness": surface, "doubleSided": True}
    return described | ({"alphaMode": "BLEND"} if alpha < 1 else {})
