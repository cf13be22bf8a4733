"""Pictures know their files: what IMAGE and underlays show is a property of their elements."""

from __future__ import annotations

import ezdxf
import pytest

from tests.support import convert as cv

TYPES = (*cv.TYPES, "PDFUNDERLAY", "DWFUNDERLAY", "DGNUNDERLAY")
ASKED = (
    "SELECT m.dxf_type, p.name, p.value FROM element_properties p JOIN elements_meta m ON m.id = p.element_id"
    " ORDER BY m.id, p.name"
)


@pytest.fixture
def doc():
    made = ezdxf.new("R2010")
    made.header["$INSUNITS"] = 6
    return made


def run(tmp_path, doc, **options) -> cv.Run:
    source = tmp_path / "drawing.dxf"
    doc.saveas(source)
    found = cv.convert(source, templates=cv.rules(tmp_path / "rules.toml", types=TYPES), **options)
    assert cv.adds_up(found.report)
    return found


def test_an_image_carries_the_name_of_its_file(tmp_path, doc):
    plan = doc.add_image_def("..\\scans\\Grundriss Süd.tif", size_in_pixel=(640, 360))
    other = doc.add_image_def("/srv/photos/site.jpg", size_in_pixel=(10, 10))
    for definition in (plan, other, plan):
        doc.modelspace().add_image(definition, insert=(1, 2), size_in_units=(6, 3))
    found = run(tmp_path, doc, batch_size=1)
    assert found.rows(ASKED) == [
        ("IMAGE", "image.path", name)
        for name in ("..\\scans\\Grundriss Süd.tif", "/srv/photos/site.jpg", "..\\scans\\Grundriss Süd.tif")
    ]
    ((wide, high),) = set(found.rows("SELECT round(bbox_x, 6), round(bbox_y, 6) FROM element_transforms"))
    assert (wide, high) == (6.0, 3.0)


@pytest.mark.parametrize("kind", ["pdf", "dwf", "dgn"])
def test_an_underlay_carries_file_and_page(tmp_path, doc, kind):
    definition = doc.add_underlay_def(f"plans/ground.{kind}", fmt=kind, name="3")
    doc.modelspace().add_underlay(definition, insert=(5, 5))
    kind = f"{kind.upper()}UNDERLAY"
    assert run(tmp_path, doc).rows(ASKED) == [
        (kind, "underlay.page", "3"),
        (kind, "underlay.path", f"plans/ground.{kind[:3].lower()}"),
    ]


def test_images_in_exploded_blocks_carry_it_too(tmp_path, doc):
    block = doc.blocks.new("LOGO")
    block.add_image(doc.add_image_def("logo.png", size_in_pixel=(10, 10)), insert=(0, 0), size_in_units=(1, 1))
    for x in (0, 10):
        doc.modelspace().add_blockref("LOGO", (x, 0))
    assert run(tmp_path, doc, blocks=("explode",)).rows(ASKED) == [("IMAGE", "image.path", "logo.png")] * 2


@pytest.mark.parametrize("handle", ["DEAD", "", "no handle", "-1", "F" * 40, "0"])
def test_an_image_without_definition_has_no_path(tmp_path, doc, handle):
    definition = doc.add_image_def("gone.png", size_in_pixel=(10, 10))
    doc.modelspace().add_image(definition, insert=(0, 0), size_in_units=(1, 1))
    doc.saveas(tmp_path / "in.dxf")
    text = (tmp_path / "in.dxf").read_text()
    named = cv.tag(340, definition.dxf.handle)
    at = text.index(named, text.index("AcDbRasterImage"))
    text = text[:at] + cv.tag(340, handle) + text[at + len(named) :]
    own = cv.tag(0, "IMAGEDEF") + cv.tag(5, definition.dxf.handle)
    assert own in text
    cv.write(tmp_path / "in.dxf", text.replace(own, cv.tag(0, "IMAGEDEF") + cv.tag(5, "0")))
    found = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml", types=TYPES))
    assert (found.report.elements_written, found.rows(ASKED)) == (1, [])
