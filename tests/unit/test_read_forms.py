"""Binary and compressed drawings give the same database as their text."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert.pipeline import convert
from dxfd.convert.read.binary import text
from dxfd.convert.types import ConvertOptions, Report, ResumePolicy
from dxfd.errors import NotDxfError, SourceDamagedError
from tests.crash.compare import differences


def drawing(version: str) -> ezdxf.document.Drawing:
    doc = ezdxf.new(version)
    doc.header["$INSUNITS"] = 6
    if version > "R12":
        doc.header["$FINGERPRINTGUID"] = "{0F0F0F0F-0000-4000-8000-000000000000}"
    space = doc.modelspace()
    block = doc.blocks.new("DOOR")
    block.add_line((0, 0), (0.9, 0))
    for k in range(40):
        space.add_line((k, 0.1), (k, 5.123456789), dxfattribs={"layer": "A-WALL"})
        space.add_circle((k, 7), 0.3 + k / 1000, dxfattribs={"layer": "S-COLS"})
        reference = space.add_blockref("DOOR", (k, 9), dxfattribs={"layer": "A-DOOR", "rotation": 3.0 * k})
        reference.add_attrib("NR", f"T{k} ä", (k, 9))
        space.add_text("note", dxfattribs={"layer": "A-WALL"}).set_placement((k, 3))
    return doc


def converted(path: Path, output: Path) -> Report:
    options = ConvertOptions(source=path, output=output, resume=ResumePolicy.RESTART)
    return convert(options, on_event=lambda _: None, should_leave=lambda: None)


def as_text(doc: ezdxf.document.Drawing) -> bytes:
    stream = io.StringIO()
    doc.write(stream)
    return stream.getvalue().encode(doc.output_encoding)


def as_binary(doc: ezdxf.document.Drawing) -> bytes:
    stream = io.BytesIO()
    doc.write(stream, fmt="bin")
    return stream.getvalue()


def pair(tmp_path: Path, name: str, first: bytes, second: bytes) -> list[str]:
    outputs = []
    for folder, data in (("a", first), ("b", second)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
        output = tmp_path / folder / "out.db"
        report = converted(tmp_path / folder / name, output)
        assert report.entities_read == 160
        assert report.elements_written >= 120
        outputs.append(output)
    return [line for line in differences(*outputs) if not line.startswith("run_report")]  # paths and sizes


@pytest.mark.parametrize("version", ["R12", "R2000", "R2010", "R2018"])
def test_binary_drawing_gives_the_database_of_its_text(tmp_path, version):
    doc = drawing(version)

    assert not pair(tmp_path, "d.dxf", as_text(doc), as_binary(doc))


def test_compressed_drawing_gives_the_database_of_its_text(tmp_path):
    raw = as_text(drawing("R2010"))
    half = len(raw) // 2

    assert not pair(tmp_path, "d.dxf", raw, gzip.compress(raw[:half]) + gzip.compress(raw[half:]))


def test_compressed_binary_drawing_is_read(tmp_path):
    doc = drawing("R2000")

    assert not pair(tmp_path, "d.dxf", as_text(doc), gzip.compress(as_binary(doc)))


def test_cut_off_forms_are_refused_as_cut_off_text_is(tmp_path):
    doc = drawing("R2000")
    for name, data in (("b.dxf", as_binary(doc)), ("g.dxf.gz", gzip.compress(as_text(doc)))):
        path = tmp_path / name
        path.write_bytes(data[: len(data) * 3 // 4])

        with pytest.raises(SourceDamagedError, match="cut off"):
            converted(path, tmp_path / "out.db")


def test_compressed_something_else_is_refused(tmp_path):
    path = tmp_path / "x.dxf.gz"
    for content in (b"hello\nworld\n", gzip.compress(b"  0\nSECTION\n")):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(NotDxfError):
            converted(path, tmp_path / "out.db")
    assert [path.name] == [p.name for p in tmp_path.iterdir()]


def test_damaged_compressed_data_is_refused(tmp_path):
    data = bytearray(gzip.compress(as_text(drawing("R2000"))))
    data[40:60] = bytes(20)
    path = tmp_path / "x.dxf.gz"
    path.write_bytes(data)

    with pytest.raises((SourceDamagedError, NotDxfError)):
        converted(path, tmp_path / "out.db")


def test_nonsense_group_code_in_a_binary_drawing_is_refused():
    data = as_binary(drawing("R2000"))[:22] + b"\0\0SECTION\0" + b"\xff\xff" * 40

    with pytest.raises(SourceDamagedError, match="group code"):
        b"".join(text(lambda offset, count: data[offset : offset + count], len(data)))
