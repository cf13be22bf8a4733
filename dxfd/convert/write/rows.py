"""Built elements of a chunk to Arrow tables, one per database table, in file order. No I/O."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from dxfd.convert.build.model import Built, Shared
from dxfd.convert.build.ragged import Floats, Ints
from dxfd.convert.match.rules import Element

_STRINGS: Final = pa.string()


def numbers(index: npt.NDArray[np.signedinteger]) -> Any:
    """Return numbers of words (n,), -1 for null, as an Arrow array."""
    missing = index < 0
    return pa.array(index.astype(np.int32), mask=missing if missing.any() else None)


def coded(words: list[str] | list[str | None], number: Any) -> Any:
    """Return an Arrow array (n,) of words by their numbers, dictionary-coded: none is copied before it is written."""
    return pa.DictionaryArray.from_arrays(number, pa.array(words, type=_STRINGS))


class Texts(Struct, frozen=True):
    """Per element: what the drawing calls it.

    Attributes:
        guid, handle: Arrow string arrays (n,).
        kind, layer, block: Arrow string arrays (n,), dictionary-coded or not; block is null where there is none.
        name: Arrow string array (n,) of the elements' names, or None: name of the rule and handle.
        rgba: Arrow string array (n,) of their colours in the drawing, or None: not asked for.
        layout: Arrow string array (n,) of paper layouts, null for the model, or None: all lie in the model.
        storey: Arrow string array (n,), or None: all are of one.
    """

    guid: Any
    handle: Any
    kind: Any
    layer: Any
    block: Any
    name: Any = None
    rgba: Any = None
    layout: Any = None
    storey: Any = None


class Constants(Struct, frozen=True):
    """What is the same for every element of a drawing; `drawn`: the drawing's colours go before the rules'."""

    filepath: str
    building: str
    storey: str
    drawn: bool = False


def meta(built: Built, texts: Texts, rule: Ints, rules: list[Element], same: Constants) -> pa.Table:
    """Return rows of elements_meta, without the columns that are their defaults or empty for all.

    Nor with ids: SQLite numbers rows as they come, from 1. That takes an eighth less of the writer's time than to look
    whether a given number is free. The writer sees to it that they are the numbers that bodies and boxes have.
    """
    ruled = numbers(rule)

    def of_rule(values: list[str | None]) -> Any:
        return coded(values, ruled)

    name = texts.name
    if name is None:
        name = pc.binary_join_element_wise(of_rule([r.name for r in rules]).cast(_STRINGS), texts.handle, " ")
    rgba = of_rule([r.material_rgba for r in rules])
    if texts.rgba is not None:
        rgba = rgba.cast(_STRINGS)
        rgba = pc.coalesce(texts.rgba, rgba) if same.drawn else pc.coalesce(rgba, texts.rgba)
    table = pa.table(
        {
            "guid": texts.guid,
            "discipline": of_rule([r.discipline for r in rules]),
            "ifc_class": of_rule([r.ifc_class for r in rules]),
            "element_name": name,
            "element_type": of_rule([r.object_type or None for r in rules]),
            "element_description": of_rule([r.description or None for r in rules]),
            "material_name": of_rule([r.material_name for r in rules]),
            "material_rgba": rgba,
            "predefined_type": of_rule([r.predefined_type or None for r in rules]),
            "geometry_hash": coded(built.keys, numbers(built.shared)),
            "rule_id": of_rule([r.rule_id for r in rules]),
            "dxf_handle": texts.handle,
            "dxf_type": texts.kind,
            "dxf_layer": texts.layer,
            "dxf_block": texts.block,
        }
    )
    own = [texts.layout, texts.storey, pa.scalar(same.storey, type=_STRINGS)]
    if any(given is not None for given in own[:2]):
        table = table.append_column("storey", pc.coalesce(*(given for given in own if given is not None)))
    return table.select([name for name in table.column_names if not _empty(table[name].chunk(0))])


def _empty(column: Any) -> bool:
    """Tell whether all values are null, as far as a look at the words tells."""
    if isinstance(column, pa.DictionaryArray) and column.dictionary.null_count == len(column.dictionary):
        return True
    return bool(column.null_count == len(column))


def transforms(built: Built, texts: Texts, origin: Floats) -> pa.Table:
    """Return rows of element_transforms; centres are shifted by the origin so that single precision holds them.

    Args:
        built: the elements.
        texts: their identifiers.
        origin: (3,), or (n, 3) where it is not the same for all.
    """
    center = built.center - origin
    length = pa.array(built.length, mask=~np.isfinite(built.length))
    columns: dict[str, Any] = {"guid": texts.guid}
    for k, axis in enumerate("xyz"):
        columns[f"center_{axis}"] = np.ascontiguousarray(center[:, k])
    for k, axis in enumerate("xyz"):
        columns[f"rotation_{axis}"] = np.ascontiguousarray(built.rotation[:, k])
    columns["length"] = length
    for k, axis in enumerate("xyz"):
        columns[f"bbox_{axis}"] = np.ascontiguousarray(built.size[:, k])
    for name in [f"rotation_{axis}" for axis in "xyz"]:  # mostly 0, which is the default
        if not columns[name].any():
            del columns[name]
    return pa.table(columns)


def own_bodies(built: Built, texts: Texts, first_id: int) -> pa.Table:
    """Return rows of base_geometries for bodies that one element alone uses."""
    return pa.table(
        {
            "id": pa.array(built.own + first_id),
            "geometry_hash": texts.guid.take(pa.array(built.own)),
            "vertices": built.vertices,
            "faces": built.faces,
            "vertex_count": pc.divide(pc.binary_length(built.vertices), 12),
            "face_count": pc.divide(pc.binary_length(built.faces), 12),
        }
    )


def shared_bodies(bodies: list[Shared], first_number: int) -> pa.Table:
    """Return rows of base_geometries for bodies that several elements may use; their ids are negative."""
    return pa.table(
        {
            "id": pa.array([-(first_number + k) for k in range(len(bodies))], type=pa.int64()),
            "geometry_hash": pa.array([b.key for b in bodies], type=_STRINGS),
            "vertices": pa.array([b.vertices for b in bodies], type=pa.binary()),
            "faces": pa.array([b.faces for b in bodies], type=pa.binary()),
            "vertex_count": pa.array([len(b.vertices) // 12 for b in bodies], type=pa.int64()),
            "face_count": pa.array([len(b.faces) // 12 for b in bodies], type=pa.int64()),
        }
    )


def properties(held: pa.Table, texts: Texts, first_id: int) -> pa.Table:
    """Return rows of element_properties from (row, name, value)."""
    row = held["row"].to_numpy()
    return pa.table(
        {
            "element_id": pa.array(row + first_id), "guid": texts.guid.take(pa.array(row)), "name": held["name"],
            "value": held["value"],
        }
    )  # fmt: skip


def declared(schema: str, same: Constants) -> str:
    """Return the schema with what is the same for every element as the columns' defaults."""
    for name in ("filepath", "building", "storey"):
        value = getattr(same, name)
        plain = "'" + value.replace("'", "''") + "'"
        literal = (
            plain if value.isprintable() else f"(CAST(x'{value.encode('utf-8', 'surrogateescape').hex()}' AS TEXT))"
        )
        schema = schema.replace(f":{name}", literal)
    return schema
