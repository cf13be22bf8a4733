"""A finished database to an IFC file, as a stream: memory does not grow with the elements but for 24 bytes each.

Owns the order of the lines and what belongs to the whole model (project, storeys, types, materials, styles, layers).
How a body is written is shapes.py. The same database gives the same bytes; the time in the header is the database's.
Runs in `dxfd export`.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import numpy as np
from msgspec import Struct

from dxfd import __version__
from dxfd.ahead import Ahead
from dxfd.export.decimals import real, reals, rows
from dxfd.export.figures import DIRECTION_PLACES, PLACES, Figure, figures
from dxfd.export.frames import axes
from dxfd.export.ifc_classes import Classes, Product, Role, Schema
from dxfd.export.openings import Openings
from dxfd.export.shapes import CURVE, Shapes
from dxfd.export.source import Batch, Element, Facts, Georeference, Source, alike, turn_of
from dxfd.export.step import LONGEST_LABEL, following, guid, proper, quoted, references, string
from dxfd.export.target import begins_with, building
from dxfd.export.topology import Topologies
from dxfd.export.types import OnProgress, Written

MARK: Final = b"'dxfd "
_TOGETHER: Final = 10_000
"""Elements of one relation."""
_PREFIXES: Final = frozenset({"MILLI", "CENTI", "DECI", "DECA", "HECTO", "KILO"})
_MAP_PLACES: Final = 12
_MOST_KEPT: Final = 20_000
_UPRIGHT: Final = (0.0, 0.0, 0.0)


def export_ifc(
    source: Source,
    output: Path,
    schema: Schema,
    *,
    discipline: str | None = None,
    on_progress: OnProgress | None = None,
) -> Written:
    """Write a model, or one discipline of it.

    Raises:
        OutputError: the file cannot be written.
        DiskFullError: the disk is full.
    """
    with (
        building(output, lambda path: begins_with(path, MARK)) as partial,
        partial.open("w", encoding="ascii", newline="\n", buffering=1 << 20) as file,
    ):
        openings = Openings(source)
        stream = _Stream(file, source, schema, discipline or "", openings)
        stream.begin()
        done = 0
        with Ahead(looked_at(source.batches(discipline), openings)) as batches:
            for batch, shapes in batches:
                stream.batch(batch, shapes)
                done += len(batch.elements)
                if on_progress is not None:
                    on_progress(done, source.facts.elements)
        stream.end()
        file.flush()
        size = partial.stat().st_size
    return Written(path=output, bytes=size, elements=done, counts=dict(stream.counts), notes=stream.notes())


def looked_at(batches: Iterator[Batch], openings: Openings) -> Iterator[tuple[Batch, list[Figure]]]:
    """Yield batches with what their own bodies are; walls are whole where an opening voids them."""
    known = Topologies()
    for batch in batches:
        yield batch, figures([openings.body(e) for e in batch.elements], known)


class _Kept(dict[object, str]):
    """References by what they refer to; forgotten when they are too many, then written again."""

    def keep(self, key: object, reference: str) -> str:
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[key] = reference
        return reference


class _Like(Struct, frozen=True):
    """What elements of one rule, layer and block have in common, as STEP text and as lists they are entered in.

    Attributes:
        keyword: of the class.
        about: description and object type.
        before, after: the attributes around the tag.
        has_tag: whether the class has one.
        storey_place: reference.
        described: references to the common values of the property set.
        layer: representations on their layer, or None.
        inside: elements of their storey that no relation names yet.
        groups: all lists an element is entered in.
    """

    keyword: str
    about: str
    before: str
    after: str
    has_tag: bool
    storey_place: str
    described: str
    layer: array[int] | None
    inside: list[int]
    groups: list[list[int] | array[int]]


class _Stream:
    """One file while it is written. Lines collect in `lines` and go out once a batch."""

    def __init__(self, file: IO[str], source: Source, schema: Schema, discipline: str, openings: Openings) -> None:
        self._file = file
        self._facts: Facts = source.facts
        self._identity = (source.facts.fingerprint or source.facts.drawing, discipline)
        self._schema = schema
        self._classes = Classes(schema)
        self._openings = openings
        self.lines: list[str] = []
        self.last = 0
        self.counts: Counter[str] = Counter()
        self._unknown: set[str] = set()
        self._relations = 0
        self._products: dict[tuple[str, str | None, str | None, str], tuple[Product, array[int] | None]] = {}
        self._types: list[tuple[int, array[int]]] = []
        self._storeys: dict[tuple[str, str], tuple[int, int]] = {}
        self._buildings: dict[str, tuple[int, int]] = {}
        self._storeys_of: dict[int, list[int]] = defaultdict(list)
        self._contained: dict[int, list[int]] = defaultdict(list)
        self._spaces: dict[int, list[int]] = defaultdict(list)
        self._materials: dict[str, tuple[int, array[int]]] = {}
        self._alike: dict[tuple[object, ...], _Like] = {}
        self._layers: dict[str, array[int]] = {}
        self._values = _Kept()
        self._turns = _Kept()
        self.body_context = self.axis_context = 0
        self._shapes = Shapes(self, source, schema)

    # --- lines -------------------------------------------------------------------------------------------------

    def add(self, text: str) -> int:
        """Write an instance and return its number."""
        self.last += 1
        self.lines.append(f"#{self.last}={text};\n")
        return self.last

    def _flush(self) -> None:
        self._file.write("".join(self.lines))
        self.lines.clear()

    def _root(self, *words: str) -> str:
        """Return the identifier of what belongs to the model, the same in the file of each discipline."""
        return f"'{guid(self._identity[0], *words)}'"

    def relation(self, keyword: str, text: str) -> None:
        """Write a relation with an identifier of its own."""
        self._relations += 1
        self.add(f"{keyword}('{guid(*self._identity, keyword, str(self._relations))}',$,$,$,{text})")

    # --- begin and end -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Write header, project, units, contexts and site."""
        facts = self._facts
        stem = Path(facts.drawing).stem
        program = f"dxfd {__version__}"
        view = "ReferenceView_V1.2" if self._schema is Schema.IFC4 else "ReferenceView"
        name = quoted(f"{stem}.ifc")
        self.lines.append(
            "ISO-10303-21;\nHEADER;\n"
            f"FILE_DESCRIPTION(('ViewDefinition [{view}]'),'2;1');\n"
            f"FILE_NAME({name},{quoted(facts.finished_at[:19])},(''),(''),'{program}','{program}','');\n"
            f"FILE_SCHEMA(('{self._schema.identifier}'));\nENDSEC;\nDATA;\n"
        )
        self.origin = self.add("IFCCARTESIANPOINT((0.,0.,0.))")
        self.up = self.add("IFCDIRECTION((0.,0.,1.))")
        self.east = self.add("IFCDIRECTION((1.,0.,0.))")
        self.world = self.add(f"IFCAXIS2PLACEMENT3D(#{self.origin},$,$)")
        units = [
            self.add(f"IFCSIUNIT(*,.{kind}.,$,.{unit}.)")
            for kind, unit in (
                ("LENGTHUNIT", "METRE"), ("AREAUNIT", "SQUARE_METRE"), ("VOLUMEUNIT", "CUBIC_METRE"),
                ("PLANEANGLEUNIT", "RADIAN"),
            )
        ]  # fmt: skip
        assigned = self.add(f"IFCUNITASSIGNMENT(({','.join(f'#{u}' for u in units)}))")
        model = self.add(f"IFCGEOMETRICREPRESENTATIONCONTEXT($,'Model',3,1.E-05,#{self.world},$)")
        self.body_context, self.axis_context = (
            self.add(f"IFCGEOMETRICREPRESENTATIONSUBCONTEXT('{kind}','Model',*,*,*,*,#{model},$,.{view}_VIEW.,$)")
            for kind, view in (("Body", "MODEL"), ("Axis", "GRAPH"))
        )
        self._project = self.add(
            f"IFCPROJECT({self._root('project')},$,{string(stem[:LONGEST_LABEL])},$,$,$,$,(#{model}),#{assigned})"
        )
        self._site_place = self.add(f"IFCLOCALPLACEMENT($,#{self._origin_of_site(model, units[0])})")
        self._site = self.add(f"IFCSITE({self._root('site')},$,'Site',$,$,#{self._site_place},$,$,.ELEMENT.,$,$,$,$,$)")
        self.relation("IFCRELAGGREGATES", f"#{self._project},(#{self._site})")
        self._flush()

    def _origin_of_site(self, model: int, metre: int) -> int:
        """Return the site's placement: what the database subtracted, unless a map conversion says it."""
        x, y, z = self._facts.offset
        place = self._facts.georeference
        if place is None:
            if not (x or y or z):
                return self.world
            at = self.add(f"IFCCARTESIANPOINT({_place((x, y, z))})")
            return self.add(f"IFCAXIS2PLACEMENT3D(#{at},$,$)")
        unit = self._unit_of_map(place, metre)
        crs = self.add(f"IFCPROJECTEDCRS({string(place.crs[:LONGEST_LABEL])},$,$,$,$,$,#{unit})")
        where = reals((place.eastings, place.northings, place.height), PLACES)
        turn = reals((place.abscissa, place.ordinate, place.scale), _MAP_PLACES)
        self.add(f"IFCMAPCONVERSION(#{model},#{crs},{where},{turn})")
        return self.world

    def _unit_of_map(self, place: Georeference, metre: int) -> int:
        """Return the unit of the coordinate system: the metre, one of its multiples, or feet and the like."""
        if place.unit == "METRE":
            return metre
        if place.unit in _PREFIXES:
            return self.add(f"IFCSIUNIT(*,.LENGTHUNIT.,.{place.unit}.,.METRE.)")
        exponents = self.add("IFCDIMENSIONALEXPONENTS(1,0,0,0,0,0,0)")
        measure = self.add(f"IFCMEASUREWITHUNIT(IFCLENGTHMEASURE({real(place.unit_m, _MAP_PLACES)}),#{metre})")
        return self.add(f"IFCCONVERSIONBASEDUNIT(#{exponents},.LENGTHUNIT.,{string(place.unit)},#{measure})")

    def end(self) -> None:
        """Write what could be known only now: who belongs to whom."""
        self._relate()
        if count := self._openings.end(self):
            self.counts["openings"] = count
        for building_, storeys in self._storeys_of.items():
            self.relation("IFCRELAGGREGATES", f"#{building_},({_listed(storeys)})")
        if self._buildings:
            found = [number for number, _ in self._buildings.values()]
            self.relation("IFCRELAGGREGATES", f"#{self._site},({_listed(found)})")
        for material, members in self._materials.values():
            self._members("IFCRELASSOCIATESMATERIAL", members, material)
        for number, members in self._types:
            self._members("IFCRELDEFINESBYTYPE", members, number)
        for layer, members in self._layers.items():
            if members:
                self._long(f"IFCPRESENTATIONLAYERASSIGNMENT({string(layer[:LONGEST_LABEL])},$,", members, ",$")
        self.lines.append("ENDSEC;\nEND-ISO-10303-21;\n")
        self._flush()

    def _members(self, keyword: str, members: array[int], whole: int) -> None:
        self._relations += 1
        self._long(f"{keyword}('{guid(*self._identity, keyword, str(self._relations))}',$,$,$,", members, f",#{whole}")

    def _long(self, head: str, ids: array[int], tail: str) -> None:
        """Write an instance with a list that may be too long to be held as text."""
        self.last += 1
        self._flush()
        self._file.write(f"#{self.last}={head}(")
        for piece in references(ids):
            self._file.write(piece)
        self._file.write(f"){tail});\n")

    def notes(self) -> list[str]:
        """Return what was not written as it stands in the database."""
        unmapped = self._facts.unmapped
        return [f"GEODATA is not written as a map conversion: {unmapped}"] * bool(unmapped) + [
            f"class {name} is not in {self._schema}: its elements are IfcBuildingElementProxy"
            for name in sorted(self._unknown)
        ]

    # --- elements ----------------------------------------------------------------------------------------------

    def batch(self, batch: Batch, shapes: list[Figure]) -> None:
        """Write the elements of a batch, whose bodies are given."""
        found = batch.elements
        floors = self._facts.elevations
        place = rows(
            np.array(
                [(e.x, e.y, e.z - floors.get((e.building or "", e.storey or ""), 0.0)) for e in found], dtype=np.float64
            ),
            PLACES,
        )
        lines, known = self.lines, self._alike
        for k, (element, figure) in enumerate(zip(found, shapes, strict=True)):
            like = known.get(alike(element))
            if like is None:
                like = self._like(element)
            turn = turn_of(element)
            axis = "$,$" if turn == _UPRIGHT else self._turn(turn)
            item, representation = self._shapes.item(element, figure)
            n = self.last
            lines.append(
                f"#{n + 1}=IFCCARTESIANPOINT({place.one(k)});\n#{n + 2}=IFCAXIS2PLACEMENT3D(#{n + 1},{axis});\n"
                f"#{n + 3}=IFCLOCALPLACEMENT({like.storey_place},#{n + 2});\n"
            )
            own, shape = n + 4, "$"
            if item:
                context = self.axis_context if representation == CURVE else self.body_context
                lines.append(
                    f"#{n + 4}=IFCSHAPEREPRESENTATION(#{context},{representation},(#{item}));\n"
                    f"#{n + 5}=IFCPRODUCTDEFINITIONSHAPE($,$,(#{n + 4}));\n"
                )
                if like.layer is not None:
                    like.layer.append(n + 4)
                own, shape = n + 6, f"#{n + 5}"
            identifier = proper(element.guid)
            name = string(element.name[:LONGEST_LABEL]) if element.name else "$"
            handle = string((element.handle or "")[:LONGEST_LABEL])
            source, source_of, values, values_of = following(identifier)
            lines.append(
                f"#{own}={like.keyword}('{identifier}',$,{name},{like.about},#{n + 3},{shape}"
                f"{like.before}{handle if like.has_tag else ''}{like.after});\n"
                f"#{own + 1}=IFCPROPERTYSINGLEVALUE('Handle',$,IFCIDENTIFIER({handle}),$);\n"
                f"#{own + 2}=IFCPROPERTYSET('{source}',$,'DXF_Source',$,(#{own + 1},{like.described}));\n"
                f"#{own + 3}=IFCRELDEFINESBYPROPERTIES('{source_of}',$,$,$,(#{own}),#{own + 2});\n"
            )
            self.last = own + 3
            for group in like.groups:
                group.append(own)
            if len(like.inside) >= _TOGETHER:
                self._relate()
            self._openings.met(element, own, n + 3, self)
            if attributes := batch.attributes.get(element.id):
                self._attributes(own, values, values_of, attributes)
        self._flush()

    def _like(self, element: Element) -> _Like:
        """Return what an element has in common with others; writes its type, storey, material when first met."""
        product, members = self._product((element.ifc_class, element.predefined, element.object_type, element.rule))
        if not product.known:
            self._unknown.add(element.ifc_class)
        storey, storey_place = self._storey(element.building or "Building", element.storey or "Storey")
        inside = (self._spaces if product.role is Role.SPACE else self._contained)[storey]
        groups: list[list[int] | array[int]] = [inside]
        if members is not None:
            groups.append(members)
        if element.material:
            groups.append(self._material(element.material))
        described = [
            self._value("Layer", element.layer),
            self._value("EntityType", element.dxf_type),
            *([self._value("Block", element.block)] if element.block else []),
            self._value("Rule", element.rule),
            self._value("Discipline", element.discipline),
        ]
        about = quoted(element.description) if element.description else "$"
        layer = self._layers.setdefault(element.layer, array("Q")) if element.layer else None
        like = _Like(
            product.keyword, f"{about},{product.object_type}", product.before, product.after, product.has_tag,
            f"#{storey_place}", ",".join(described), layer, inside, groups,
        )  # fmt: skip
        if len(self._alike) >= _MOST_KEPT:
            self._alike.clear()
        self._alike[alike(element)] = like
        return like

    def _product(self, key: tuple[str, str | None, str | None, str]) -> tuple[Product, array[int] | None]:
        """Return how an element is written, and the members of its type; the type is written when first met."""
        known = self._products.get(key)
        if known is None:
            ifc_class, predefined, object_type, rule = key
            product = self._classes.product(ifc_class, predefined, object_type)
            members: array[int] | None = None
            if product.type_keyword:
                members = array("Q")
                name = string((object_type or rule)[:LONGEST_LABEL])
                number = self.add(
                    f"{product.type_keyword}({self._root('type', *(str(word) for word in key))},$,{name},$,$,$,$,"
                    f"{product.type_tail})"
                )
                self._types.append((number, members))
            known = self._products[key] = (product, members)
        return known

    def _storey(self, building_: str, storey: str) -> tuple[int, int]:
        """Return storey and its placement; both are written when first met."""
        known = self._storeys.get((building_, storey))
        if known is not None:
            return known
        if building_ not in self._buildings:
            place = self.add(f"IFCLOCALPLACEMENT(#{self._site_place},#{self.world})")
            name = string(building_[:LONGEST_LABEL])
            number = self.add(
                f"IFCBUILDING({self._root('building', building_)},$,{name},$,$,#{place},$,$,.ELEMENT.,$,$,$)"
            )
            self._buildings[building_] = (number, place)
        above, above_place = self._buildings[building_]
        floor = self._facts.elevations.get((building_, storey), 0.0)
        origin = self.world
        if floor:
            point = self.add(f"IFCCARTESIANPOINT({_place((0.0, 0.0, floor))})")
            origin = self.add(f"IFCAXIS2PLACEMENT3D(#{point},$,$)")
        place = self.add(f"IFCLOCALPLACEMENT(#{above_place},#{origin})")
        number = self.add(
            f"IFCBUILDINGSTOREY({self._root('storey', building_, storey)},$,{string(storey[:LONGEST_LABEL])},$,$,"
            f"#{place},$,$,.ELEMENT.,{real(floor, PLACES)})"
        )
        self._storeys_of[above].append(number)
        self._storeys[building_, storey] = (number, place)
        return number, place

    def _turn(self, key: tuple[float, float, float]) -> str:
        """Return the directions of a turned element's z and x, as "#1,#2"."""
        known = self._turns.get(key)
        if known is not None:
            return known
        z, x = (self.add(f"IFCDIRECTION({_place(axis, DIRECTION_PLACES)})") for axis in axes(*key))
        return self._turns.keep(key, f"#{z},#{x}")

    def _attributes(self, own: int, bag_guid: str, relation_guid: str, values: list[tuple[str, str]]) -> None:
        """Write an element's attributes; names that come again are numbered, for a set has each name once."""
        taken: Counter[str] = Counter()
        names: set[str] = set()
        ids = []
        for name, value in values:
            short = name[: LONGEST_LABEL - 12] or "-"
            label = short
            while label in names:
                taken[short] += 1
                label = f"{short} ({taken[short] + 1})"
            names.add(label)
            kind = "IFCLABEL" if len(value) <= LONGEST_LABEL else "IFCTEXT"
            ids.append(self.add(f"IFCPROPERTYSINGLEVALUE({quoted(label)},$,{kind}({string(value)}),$)"))
        bag = self.add(f"IFCPROPERTYSET('{bag_guid}',$,'DXF_Attributes',$,({_listed(ids)}))")
        self.add(f"IFCRELDEFINESBYPROPERTIES('{relation_guid}',$,$,$,(#{own}),#{bag})")

    def _value(self, name: str, value: str) -> str:
        """Return a reference to a value that many elements have."""
        known = self._values.get((name, value))
        if known is not None:
            return known
        label = string(value[:LONGEST_LABEL])
        number = self.add(f"IFCPROPERTYSINGLEVALUE('{name}',$,IFCLABEL({label}),$)")
        return self._values.keep((name, value), f"#{number}")

    def _material(self, name: str) -> array[int]:
        """Return the elements of a material, which is written when first met."""
        known = self._materials.get(name)
        if known is None:
            known = self._materials[name] = (self.add(f"IFCMATERIAL({string(name[:LONGEST_LABEL])},$,$)"), array("Q"))
        return known[1]

    def _relate(self) -> None:
        """Write the relations of elements to their storeys so far."""
        for storey, found in self._contained.items():
            if found:
                self.relation("IFCRELCONTAINEDINSPATIALSTRUCTURE", f"({_listed(found)}),#{storey}")
                del found[:]
        for storey, found in self._spaces.items():
            if found:
                self.relation("IFCRELAGGREGATES", f"#{storey},({_listed(found)})")
                del found[:]


def _listed(ids: Iterable[int]) -> str:
    return "".join(references(ids))


def _place(values: tuple[float, ...], places: int = PLACES) -> str:
    """Return "(x,y,z)"."""
    return f"({reals(values, places)})"
