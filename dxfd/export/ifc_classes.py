"""What a schema of IFC knows of a class: its attributes behind the common ones, its predefined types, its type class.

The table (ifc_classes.tsv) is made from the schemas by tests/support/ifc_classes.py. A class that a schema does not
have becomes IfcBuildingElementProxy and keeps its name as object type.
"""

from __future__ import annotations

import csv
from enum import StrEnum
from importlib.resources import files
from typing import Final

from msgspec import Struct

from dxfd.export.step import quoted

_PROXY: Final = "IfcBuildingElementProxy"


class Schema(StrEnum):
    """Schemas that are written."""

    IFC4 = "IFC4"
    IFC4X3 = "IFC4X3"

    @property
    def identifier(self) -> str:
        """What FILE_SCHEMA says."""
        return "IFC4X3_ADD2" if self is Schema.IFC4X3 else "IFC4"


class Role(StrEnum):
    """How an object hangs in the building."""

    ELEMENT = "element"
    ANNOTATION = "annotation"
    SPACE = "space"


class Product(Struct, frozen=True):
    """How elements of one class, predefined type and object type are written.

    Attributes:
        keyword: e.g. "IFCWALL".
        role: how it hangs in the building.
        object_type: STEP text.
        before, after: STEP text of the attributes behind Representation, around the tag; has_tag: whether it has one.
        type_keyword: of its type object, "" for none.
        type_tail: STEP text of that one's attributes behind RepresentationMaps.
        known: the schema has the class.
    """

    keyword: str
    role: Role
    object_type: str
    before: str
    after: str
    has_tag: bool
    type_keyword: str
    type_tail: str
    known: bool


class Classes:
    """The classes of one schema."""

    def __init__(self, schema: Schema) -> None:
        text = files("dxfd.export").joinpath("ifc_classes.tsv").read_text(encoding="utf-8")
        rows = csv.DictReader(text.splitlines(), delimiter="\t")
        self._rows = {row["class"]: row for row in rows if row["schema"] == schema}
        self._by_upper = {name.upper(): name for name in self._rows}

    def product(self, ifc_class: str, predefined: str | None, object_type: str | None) -> Product:
        """Return how an element is written."""
        name = self._by_upper.get(ifc_class.upper(), "")
        known = bool(name)
        if not known:
            name, object_type, predefined = _PROXY, object_type or ifc_class, None
        row = self._rows[name]
        word, object_type = _predefined(predefined, row["values"].split(), object_type)
        before, after = _around_tag(row["attributes"], word, object_type)
        type_word, type_name = _predefined(predefined, row["type_values"].split(), object_type)
        return Product(
            keyword=name.upper(),
            role=Role(row["kind"]),
            object_type=quoted(object_type) if object_type else "$",
            before=before,
            after=after,
            has_tag="T" in row["attributes"].split(","),
            type_keyword=row["type_class"].upper(),
            type_tail=_filled(row["type_attributes"], type_word, type_name),
            known=known,
        )


def _predefined(wanted: str | None, values: list[str], object_type: str | None) -> tuple[str, str | None]:
    """Return the enumerator ("" for none) and the object type: what the schema does not have becomes USERDEFINED."""
    if not wanted:
        return "", object_type
    upper = wanted.upper()
    if upper in values and upper != "USERDEFINED":
        return upper, object_type
    own = object_type or (wanted if upper != "USERDEFINED" else None)
    return ("USERDEFINED", own) if own and "USERDEFINED" in values else ("", own)


def _around_tag(pattern: str, word: str, object_type: str | None) -> tuple[str, str]:
    filled = _filled(pattern, word, object_type)
    if not filled:
        return "", ""
    before, _, after = f",{filled}".partition("\0")
    return before, after


def _filled(pattern: str, word: str, object_type: str | None) -> str:
    """Fill a pattern of the table; a tag becomes NUL in an occurrence and $ in a type."""
    if not pattern:
        return ""
    in_type = "E" in pattern.split(",")
    values = {
        "T": "$" if in_type else "\0",
        "E": quoted(object_type) if object_type else "$",
        "P": f".{word}." if word else "$",
        "Q": f".{word}." if word else ".NOTDEFINED.",
    }
    return ",".join(values.get(part, part) for part in pattern.split(","))
