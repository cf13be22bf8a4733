"""What lies behind the entities and means harm: dictionaries that contain themselves, endless markup, shared giants."""

from __future__ import annotations

import json
import time
import tracemalloc

import ezdxf
import pytest

from tests.support import convert as cv

BOUND_S = 5.0
"""Processor time; a tenth of a second is usual, and what grows by the square takes minutes."""


def line(*before: tuple[int, object], handle: str = "1") -> str:
    head = cv.tag(0, "LINE") + cv.tag(5, handle) + "".join(cv.tag(*pair) for pair in before) + cv.tag(8, "A-WALL")
    return head + "".join(cv.tag(*pair) for pair in ((10, 0), (20, 0), (30, 0), (11, 3000), (21, 0), (31, 0)))


def hung(dictionary: str, handle: str = "1") -> str:
    """Return a LINE that has an extension dictionary."""
    return line((102, "{ACAD_XDICTIONARY"), (360, dictionary), (102, "}"), handle=handle)


def thing(kind: str, handle: str, *tags: tuple[int, object]) -> str:
    return cv.tag(0, kind) + cv.tag(5, handle) + "".join(cv.tag(*pair) for pair in tags)


def record(handle: str, *tags: tuple[int, object]) -> str:
    return thing("XRECORD", handle, (100, "AcDbXrecord"), (280, 1), *tags)


def entries(*found: tuple[str, str]) -> list[tuple[int, object]]:
    return [tag for name, handle in found for tag in ((3, name), (360, handle))]


def whole(entities: str, objects: str) -> str:
    return cv.header() + cv.section("ENTITIES", entities) + cv.section("OBJECTS", objects) + cv.tag(0, "EOF")


def convert(tmp_path, text: str, **options) -> cv.Run:
    source = cv.write(tmp_path / "d.dxf", text)
    return cv.convert(source, templates=cv.rules(tmp_path / "r.toml"), **options)


def told(tmp_path, entities: str, objects: str) -> dict[str, object]:
    """Return the extended data of the first element."""
    run = convert(tmp_path, whole(entities, objects), xdata=True)
    rows = run.rows("SELECT name, value FROM element_properties WHERE element_id = 1 ORDER BY rowid")
    return {name: json.loads(value) for name, value in rows}


# --- extension dictionaries --------------------------------------------------------------------------------------


def test_dictionaries_that_contain_themselves_are_read_once(tmp_path):
    inside = entries(*((f"E{k}", "D0" if k % 2 else "D1") for k in range(40)), ("DATA", "F0"))
    objects = thing("DICTIONARY", "D0", *inside) + thing("DICTIONARY", "D1", *inside) + record("F0", (1, "x"))
    began = time.process_time()
    assert told(tmp_path, hung("D0"), objects) == {"XDICT:E0/DATA": [[1, "x"]]}
    assert time.process_time() - began < BOUND_S, "40 entries to the power of 9"


def test_a_large_record_is_named_and_not_kept(tmp_path):
    objects = thing("DICTIONARY", "D0", (330, "1"), *entries(("BIG", "F0"), ("SMALL", "F1"), ("FAR", "D1")))
    objects += record("F0", *((1, "x" * 250) for _ in range(5000))) + record("F1", (1, "x"))
    objects += "".join(thing("DICTIONARY", f"D{k}", *entries(("IN", f"D{k + 1}"))) for k in range(1, 15))
    found = told(tmp_path, hung("D0"), objects)
    assert found.pop("XDICT:SMALL") == [[1, "x"]]
    assert {name: [code for code, _ in tags] for name, tags in found.items()} == {
        "XDICT:BIG": [999], "XDICT:FAR/IN/IN/IN/IN/IN/IN/IN/IN": [999],
    }  # fmt: skip


def test_the_name_of_a_dictionary_is_told_with_its_records_as_far_as_there_is_room(tmp_path):
    handles = [f"{k:X}" for k in range(0x1000, 0x1400)]
    objects = thing("DICTIONARY", "D0", (330, "1"), *entries(("N" * 8000, "D1")))
    objects += thing("DICTIONARY", "D1", *entries(*((handle, handle) for handle in handles)))
    objects += "".join(record(handle, (1, "x")) for handle in handles)
    found = told(tmp_path, hung("D0"), objects)
    left = len(handles) - (len(found) - 1)
    assert found.pop("XDICT:") == [[999, f"not kept: {left} objects whose names are too much"]]
    assert all(name.startswith("XDICT:" + "N" * 4096 + "…/1") for name in found)
    assert 200 < len(found) < 256, "4 KB each; all of them are 8 MB"


@pytest.mark.parametrize(("owner", "kept"), [("1", True), ("2", False)])
def test_a_dictionary_of_somebody_else_gives_little(tmp_path, owner, kept):
    objects = thing("DICTIONARY", "D0", (330, owner), *entries(("DATA", "F0")))
    objects += record("F0", *((1, "x" * 250) for _ in range(100)))
    codes = {code for code, _ in told(tmp_path, hung("D0"), objects)["XDICT:DATA"]}
    assert codes == ({1} if kept else {999})


def test_dictionaries_are_found_by_handles_of_any_size(tmp_path):
    objects = thing("DICTIONARY", "FFFFFFFFFFFFFFF0", *entries(("A", "10"))) + record("10", (1, "x"))
    assert told(tmp_path, hung("FFFFFFFFFFFFFFF0"), objects) == {"XDICT:A": [[1, "x"]]}


def test_an_entity_has_one_extension_dictionary(tmp_path):
    twice = ((102, "{ACAD_XDICTIONARY"), (360, "D0"), (102, "}")) * 2
    objects = thing("DICTIONARY", "D0", *entries(("A", "F0"))) + record("F0", (1, "x"))
    run = convert(tmp_path, whole(line(*twice), objects), xdata=True)
    assert run.rows("SELECT name FROM element_properties") == [("XDICT:A",)]


# --- texts and markup --------------------------------------------------------------------------------------------


def test_a_text_of_stacks_that_do_not_end_takes_no_time(tmp_path):
    began = time.process_time()
    text = r"{\S1/2; \S3#4;" + r"\S" * 100_000 + r"\P}end"
    run = convert(tmp_path, cv.drawing(cv.entity("MTEXT", (10, 0), (20, 0), (1, text))))
    assert run.rows("SELECT value FROM element_properties") == [("1/2 3/4" + r"\S" * 100_000 + "\nend",)]
    assert time.process_time() - began < BOUND_S, "each looked for its end through all the others"


def test_an_attribute_of_many_pieces_takes_the_time_of_its_length(tmp_path):
    block = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(2, "B") + cv.tag(10, 0) + cv.tag(20, 0) + line()
    text = cv.entity("INSERT", (2, "B"), (10, 0), (20, 0), (66, 1)) + cv.entity("ATTRIB", (1, "x"), (2, "T"))
    text += cv.tag(101, "Embedded Object") + "".join(cv.tag(3, f"{k:04d}") for k in range(60_000))
    text += cv.tag(1, "end") + cv.entity("SEQEND")
    began = time.process_time()
    run = convert(tmp_path, cv.drawing(text, blocks=block + cv.tag(0, "ENDBLK")))
    ((value,),) = run.rows("SELECT value FROM element_properties")
    assert value == "".join(f"{k:04d}" for k in range(60_000)) + "end"
    assert time.process_time() - began < BOUND_S, "each piece took a copy of those before it"


@pytest.mark.parametrize("mark", ["<Alias>", "<Alias ", "<ProjectedCoordinateSystem "])
@pytest.mark.parametrize("end", ["end", ">"])
def test_a_coordinate_system_that_never_closes_takes_no_time(tmp_path, mark, end):
    pieces = [(303, mark * (250 // len(mark)))] * 1000
    geodata = thing("GEODATA", "9", (90, 2), (70, 2), *pieces, (301, end))
    began = time.process_time()
    run = convert(tmp_path, whole(line(), geodata))
    assert run.rows("SELECT epsg, crs_name FROM georeference") == [(None, "")]
    assert time.process_time() - began < BOUND_S, "each looked for its end through all the others"


# --- what stands once and is told of many ------------------------------------------------------------------------

GIANT = "N" * 100_000


def test_the_path_of_many_pictures_is_told_as_far_as_paths_go(tmp_path):
    doc = ezdxf.new("R2010")
    image = doc.add_image_def(GIANT, (10, 10))
    for k in range(20):
        doc.modelspace().add_image(image, (k, 0), (1, 1))
    doc.saveas(tmp_path / "d.dxf")
    run = cv.convert(tmp_path / "d.dxf", templates=cv.rules(tmp_path / "r.toml"))
    values = [value for (value,) in run.rows("SELECT value FROM element_properties WHERE name = 'image.path'")]
    assert values == [GIANT[:4096] + "…"] * 20


def test_the_true_name_of_many_references_is_told_as_far_as_names_go(tmp_path):
    table = thing("BLOCK_RECORD", "20", (2, "*U1"), (1001, "AcDbDynamicBlockTrueName"), (1000, GIANT))
    block = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(2, "*U1") + cv.tag(10, 0) + cv.tag(20, 0) + line()
    reference = cv.entity("INSERT", (2, "*U1"), (10, 0), (20, 0))
    text = cv.header() + cv.section("TABLES", table) + cv.section("BLOCKS", block + cv.tag(0, "ENDBLK"))
    run = convert(tmp_path, text + cv.section("ENTITIES", reference) + cv.tag(0, "EOF"))
    assert run.rows("SELECT LENGTH(block) FROM element_source") == [(4097,)]


def test_the_name_of_a_layout_is_told_as_far_as_names_go(tmp_path):
    start = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(330, "1F") + cv.tag(2, "*Paper_Space0")
    sheet = start + cv.tag(10, 0) + cv.tag(20, 0) + line() + cv.tag(0, "ENDBLK")
    layout = thing("LAYOUT", "30", (100, "AcDbLayout"), (1, GIANT), (330, "1F"))
    text = cv.header() + cv.section("BLOCKS", sheet) + cv.section("ENTITIES", "") + cv.section("OBJECTS", layout)
    run = convert(tmp_path, text + cv.tag(0, "EOF"), layouts=("all",))
    assert run.rows("SELECT LENGTH(storey) FROM elements_meta") == [(4097,)]


def test_classes_are_read_as_far_as_classes_go(tmp_path):
    classes = cv.tag(0, "CLASS") + cv.tag(1, "ODD") + cv.tag(2, GIANT) + cv.tag(3, "App")
    classes += cv.tag(0, "CLASS") + cv.tag(1, "FILL") + "".join(cv.tag(300, "x" * 250) for _ in range(100_000))
    text = cv.header() + cv.section("CLASSES", classes) + cv.section("ENTITIES", cv.entity("ODD", handle="1"))
    source = cv.write(tmp_path / "d.dxf", text + cv.tag(0, "EOF"))
    tracemalloc.start()
    try:
        run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml", types=["ODD"]))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    ((words,),) = run.rows("SELECT message FROM conversion_issues WHERE code = 'unknown_type'")
    assert words.startswith("ODD (class NNN")


def test_what_a_reference_is_called_is_told_of_its_content_as_far_as_names_go(tmp_path):
    block = cv.tag(0, "BLOCK") + cv.tag(8, "0") + cv.tag(2, "B" + GIANT) + cv.tag(10, 0) + cv.tag(20, 0)
    block += "".join(line(handle=f"{k:X}").replace("A-WALL", "0") for k in range(1, 5)) + cv.tag(0, "ENDBLK")
    reference = cv.entity("INSERT", (2, "B" + GIANT), (10, 0), (20, 0), handle="F" * 100_000, layer="L" + GIANT)
    run = convert(tmp_path, cv.drawing(reference, blocks=block), blocks=("explode",))
    found = run.rows("SELECT LENGTH(dxf_layer), LENGTH(dxf_block), LENGTH(dxf_handle) < 200 FROM elements_meta")
    assert found == [(4097, 4097, 1)] * 4
