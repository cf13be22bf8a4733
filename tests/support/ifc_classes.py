"""Writes dxfd/export/ifc_classes.tsv from the schemas that ifcopenshell ships: `python -m tests.support.ifc_classes`.

tests/unit/test_export_ifc.py compares the file with what this would write, where ifcopenshell is installed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

TABLE: Final = Path(__file__).parents[2] / "dxfd/export/ifc_classes.tsv"
SCHEMAS: Final = {"IFC4": "IFC4", "IFC4X3": "IFC4X3_ADD2"}
HEAD: Final = "schema\tclass\tkind\tattributes\tvalues\ttype_class\ttype_attributes\ttype_values"


def table() -> str:
    import ifcopenshell.ifcopenshell_wrapper as wrapper

    lines = [HEAD]
    for name, full in SCHEMAS.items():
        schema = wrapper.schema_by_name(full)
        entities = {d.name(): d.as_entity() for d in schema.declarations() if d.as_entity() is not None}
        for entity in sorted(entities.values(), key=lambda e: e.name()):
            kind = next((k for k in ("IfcElement", "IfcSpace", "IfcAnnotation") if is_a(entity, k)), None)
            if kind is None or entity.is_abstract() or is_a(entity, "IfcFeatureElement"):
                continue
            attributes, values = pattern(entity, "Representation")
            if attributes is None:
                continue
            kind = kind.removeprefix("Ifc").lower()
            type_entity = entities.get(entity.name().removesuffix("StandardCase") + "Type")
            type_class, type_attributes, type_values = "", "", ""
            if type_entity is not None and not type_entity.is_abstract():
                found, some = pattern(type_entity, "RepresentationMaps")
                if found is not None:
                    type_class, type_attributes, type_values = type_entity.name(), found, some
            cells = (name, entity.name(), kind, attributes, values, type_class, type_attributes, type_values)
            lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def is_a(entity: Any, name: str) -> bool:
    while entity is not None:
        if entity.name() == name:
            return True
        entity = entity.supertype()
    return False


def pattern(entity: Any, behind: str) -> tuple[str | None, str]:
    """What stands behind an attribute: $, T (tag), E (element type), P (predefined type) or a value that is needed."""
    attributes = entity.all_attributes()
    at = next(k for k, a in enumerate(attributes) if a.name() == behind)
    out, values = [], ""
    for attribute in attributes[at + 1 :]:
        kind = attribute.type_of_attribute()
        names = enumeration(kind)
        if attribute.name() == "PredefinedType" and names:
            out.append("P" if attribute.optional() else "Q")
            values = " ".join(names)
        elif attribute.name() == "Tag":
            out.append("T")
        elif attribute.name() == "ElementType":
            out.append("E")
        elif attribute.optional():
            out.append("$")
        elif "NOTDEFINED" in names:
            out.append(".NOTDEFINED.")
        else:
            return None, ""
    return ",".join(out), values


def enumeration(kind: Any) -> tuple[str, ...]:
    declared = kind.as_named_type() if hasattr(kind, "as_named_type") else None
    found = declared.declared_type().as_enumeration_type() if declared is not None else None
    return tuple(found.enumeration_items()) if found is not None else ()


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
