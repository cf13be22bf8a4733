"""How ACIS bodies are written: strings, braces, histories, several bodies in one; in text and in binary."""

from __future__ import annotations

import math
import struct
import time

import ezdxf
import numpy as np
import pytest
from ezdxf.acis.api import body_from_mesh, export_sab, export_sat
from ezdxf.render import forms
from ezdxf.tools.crypt import encode

from dxfd.convert.build import acis, acis_extents, sab, sat
from dxfd.convert.build.budget import OutOfTimeError, bounded, unbounded
from dxfd.convert.types import Limits
from tests.support import convert as cv
from tests.unit.test_convert_curved_bodies import HEAD, Body, Z, circle, close

LINE = "straight-curve $-1 -1 $-1 0 0 0 1 0 0 I I"
HALF = "intcurve-curve $-1 -1 $-1 forward { exactcur full nubs 2 open 2 0 2 1 2 0 0 0 2 4 0 4 0 0 0 } I I"


def cube(x: float = 0.0, version: int = 700) -> list[str]:
    mesh = forms.cube()
    mesh.translate(x, 0, 0)
    return list(export_sat([body_from_mesh(mesh)], version=version))


def convert(tmp_path, lines: list[str], **options) -> cv.Run:
    """Convert a drawing (in metres) of one body."""
    body = "".join(
        cv.tag(1 if not k else 3, line[k : k + 255]) for line in lines for k in range(0, max(len(line), 1), 255)
    )
    text = cv.drawing(cv.entity("3DSOLID", (70, 1), handle="A1") + body, head=cv.header(insunits=6))
    return cv.convert(cv.write(tmp_path / "d.dxf", text), templates=cv.rules(tmp_path / "r.toml"), **options)


def sizes(run: cv.Run) -> list[tuple[float, ...]]:
    rows = run.rows("SELECT bbox_x, bbox_y, bbox_z FROM element_transforms ORDER BY id")
    return [tuple(round(v, 6) for v in row) for row in rows]


def triangle(curve: str = LINE) -> Body:
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    a, b, c = np.zeros(3), np.array([4.0, 0, 0]), np.array([4.0, 3.0, 0])
    body.loop((curve, a, b, False), (LINE, b, c, False), (LINE, c, a, False))
    body.records()
    return body


@pytest.mark.parametrize("version", [700, 20800, 21800, 22300])
@pytest.mark.parametrize("hidden", [True, False], ids=["as drawings hold them", "in plain letters"])
def test_bodies_of_all_versions_are_read_hidden_or_not(tmp_path, version, hidden):
    lines = cube(version=version)
    run = convert(tmp_path, list(encode(lines)) if hidden else lines)
    assert sizes(run) == [(1, 1, 1)] and not run.report.issues


def test_marks_within_strings_are_no_marks():
    lines = triangle().sat()
    named = "name_attrib-gen-attrib $-1 -1 $-1 $-1 $0 @17 no # 1 $x { ref 1 #"
    body = sat.records([*lines[:3], named, *(shifted(line, 1) for line in lines[3:]), "End-of-ACIS-data"])
    points, faces = acis.faces(body)
    assert (len(points), len(faces)) == (3, 1)


def shifted(line: str, by: int) -> str:
    """Return a record whose pointers go so much farther."""
    words = line.split(" ")
    return " ".join(f"${int(w[1:]) + by}" if w.startswith("$") and w != "$-1" else w for w in words)


def test_what_stands_behind_the_end_is_not_the_body():
    past = [shifted(line, 0).replace("4 3 0", "90 90 90") for line in triangle().sat()[3:]]
    lines = [*triangle().sat(), "Begin-of-ACIS-History-Data 1 1 #", *past, "End-of-ACIS-History-Section"]
    close(acis_extents.box(sat.records(lines)), [0, 0, 0], [4, 3, 0])


def test_edges_with_a_tolerance_are_edges():
    body = triangle(HALF)
    kinds = {"coedge": "tcoedge-coedge", "edge": "tedge-edge", "vertex": "tvertex-vertex"}
    lines = [" ".join([kinds.get(line.split()[0], line.split()[0]), *line.split()[1:]]) for line in body.sat()[3:]]
    records = sat.records([*HEAD, *lines])
    assert len(acis.faces(records)[0]) > 10
    assert acis.faces(records)[0].tolist() == acis.faces(sat.records(body.sat()))[0].tolist()


def test_curves_that_are_written_out_once_are_known_wherever_they_are_meant():
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    begin, end = np.zeros(3), np.array([4.0, 0, 0])
    body.loop((HALF, begin, end, False), ("intcurve-curve $-1 -1 $-1 reversed { ref 1 } I I", begin, end, True))
    first = "pcurve $-1 -1 $-1 0 forward { exppc nubs 1 } #"  # number 0
    body.records()
    lines = body.sat()
    records = sat.records([*lines[:3], first, *(shifted(line, 1) for line in lines[3:])])
    curves = [record for record in records if record.name == "intcurve-curve"]
    assert curves[0].words[1:3] == ("{", "exactcur") and curves[1].words[:2] == ("{", "exactcur")
    close(acis_extents.box(records), [0, 0, 0], [4, 2, 0], 1e-3)


@pytest.mark.parametrize("ref", ["ref 7", "ref -1", "ref x", "ref", "ref 1e300", "ref 0.5"])
def test_references_to_nothing_are_left_alone(ref):
    records = sat.records([*HEAD, f"intcurve-curve $-1 -1 $-1 forward {{ {ref} }} I I #", "pcurve $-1 {{ a } #"])
    assert records[0].words[:3] == ("forward", "{", "ref")


@pytest.mark.parametrize("order", [(0, 100), (100, 0)])
def test_each_body_of_several_stands_where_its_transform_says(order):
    lines: list[str] = []
    for shift in order:
        body = triangle()
        body.lines = body.lines[:-3]  # as they stand without a body
        body.records(np.eye(3) if shift else None, (shift, 0, 0))
        lines += [shifted(line, len(lines)) for line in body.sat()[3:]]
    close(acis_extents.box(sat.records([*HEAD, *lines])), [0, 0, 0], [104, 3, 0])


def test_outlines_of_many_edges_are_flat_faces_too(tmp_path):
    count = 10_500
    corners = [np.array([math.cos(k * math.tau / count), math.sin(k * math.tau / count), 0.0]) for k in range(count)]
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    body.loop(*((LINE, a, b, False) for a, b in zip(corners, [*corners[1:], corners[0]], strict=True)))
    made = acis.faces(body.records())
    assert made is not None and len(made[1]) == count - 2


def test_loops_that_come_back_elsewhere_are_no_outlines():
    body = triangle()
    first = next(k for k, line in enumerate(body.lines) if line.startswith("coedge"))
    last = first + 14
    body.lines[last] = body.lines[last].replace(f"${first}", f"${first + 7}")  # the third goes on with the second
    assert acis.faces(sat.records(body.sat())) is None


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1e999"])
def test_a_place_that_is_no_number_is_a_fault_and_not_missing_from_the_box(tmp_path, bad):
    body = Body("cone-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0)
    at = np.array([1.0, 0, 0])
    body.loop((circle(np.zeros(3), Z, at), at, at, False), (LINE, at, at * 5, False))
    body.records()
    lines = [line.replace("5 0 0", f"{bad} 0 0") for line in body.sat()]
    (row,) = convert(tmp_path, list(encode(lines))).report.ledger
    assert (row.outcome, row.reason) == ("error", "faulty_entity")


def test_a_loop_that_does_not_lie_on_its_sphere_leaves_the_whole_sphere():
    body = Body("sphere-surface", 0.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    a, b = np.zeros(3), np.array([0.5, 0, 0])
    body.loop((LINE, a, b, False), (LINE, b, a, False))
    with np.errstate(all="ignore"):  # as in conversions
        close(acis_extents.box(body.records()), [-2, -2, -2], [2, 2, 2])


@pytest.mark.parametrize("lines", [[""], ["", " "]])
def test_a_blank_body_is_none(tmp_path, lines):
    (row,) = convert(tmp_path, lines).report.ledger
    assert (row.outcome, row.reason) == ("skipped", "acis_not_read")


def test_a_line_of_many_continuations_takes_the_time_of_its_length():
    lines = [*cube()[:3], " ".join(cube()[3:]) + " " * 4_000_000]
    pairs = [(1 if not k else 3, line[k : k + 255]) for line in lines for k in range(0, len(line), 255)]
    began = time.process_time()
    assert len(acis.faces(sat.records(sat.sat_lines(pairs)))[0]) == 8
    assert time.process_time() - began < 2, "each continuation took a copy of those before it"


# --- splines -----------------------------------------------------------------------------------------------------


def ring(radius: float, *, reverse: bool = False) -> str:
    """Return a whole circle from (radius, 0) on, as a rational spline."""
    half = math.sqrt(0.5)
    around = [(1, 0, 1), (1, 1, half), (0, 1, 1), (-1, 1, half), (-1, 0, 1), (-1, -1, half), (0, -1, 1), (1, -1, half)]
    controls = " ".join(f"{radius * x} {radius * y} 0 {w:.17g}" for x, y, w in [*around, around[0]])
    way = "reversed" if reverse else "forward"
    knots = "0 2 1 2 2 2 3 2 4 2"
    return f"intcurve-curve $-1 -1 $-1 {way} {{ exactcur full nurbs 2 closed 5 {knots} {controls} 0 }} I I"


def area(made: tuple[np.ndarray, np.ndarray] | None) -> float:
    assert made is not None
    x, y, z = (made[0][made[1][:, k]] for k in range(3))
    return float(np.linalg.norm(np.cross(y - x, z - x), axis=1).sum() / 2)


@pytest.mark.parametrize("tolerance", [0.1, 0.001])
@pytest.mark.parametrize("reverse", [True, False])
def test_edges_that_are_splines_keep_within_the_tolerance(tolerance, reverse):
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    start = np.array([100.0, 0, 0])
    body.loop((ring(100.0, reverse=reverse), start, start, False))
    points, faces = acis.faces(body.records(), tolerance)
    assert np.abs(np.linalg.norm(points, axis=1) - 100).max() < 1e-9
    assert math.pi * 100**2 - area((points, faces)) < math.tau * 100 * tolerance
    close(acis_extents.box(body.records()), [-100, -100, 0], [100, 100, 0], 0.02)


@pytest.mark.parametrize("angle", [0.4, 2.0, 4.5])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("first", [True, False], ids=["to the seam", "from the seam"])
def test_a_part_of_a_closed_spline_that_ends_at_its_seam_is_that_part(angle, reverse, first):
    seam, other = np.array([10.0, 0, 0]), np.array([10 * math.cos(angle), 10 * math.sin(angle), 0])
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    begin, end = (other, seam) if first else (seam, other)
    body.loop((ring(10.0, reverse=reverse), begin, end, False), (LINE, end, begin, False))
    turn = angle if first == reverse else math.tau - angle  # by how much the edge goes around
    assert area(acis.faces(body.records(), 1e-4)) == pytest.approx(50 * (turn - math.sin(turn)), rel=1e-3)


@pytest.mark.parametrize(("begin", "end"), [(5.5, 1.0), (1.0, 5.5), (0.5, 0.25)])
@pytest.mark.parametrize("reverse", [True, False])
def test_a_part_of_a_closed_spline_goes_the_way_of_its_curve_over_the_seam_too(begin, end, reverse):
    first, last = (np.array([10 * math.cos(angle), 10 * math.sin(angle), 0]) for angle in (begin, end))
    body = Body("plane-surface", 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
    body.loop((ring(10.0, reverse=reverse), first, last, False), (LINE, last, first, False))
    turn = (begin - end if reverse else end - begin) % math.tau
    assert area(acis.faces(body.records(), 1e-4)) == pytest.approx(50 * (turn - math.sin(turn)), rel=1e-3)


# --- binary ------------------------------------------------------------------------------------------------------


def binary(version: int = 21800) -> bytes:
    return bytes(export_sab([body_from_mesh(forms.cube())], version=version))


@pytest.mark.parametrize("version", [21800, 22300])
def test_binary_bodies_have_the_faces_of_text(version):
    points, faces = acis.faces(sab.records(binary(version)))
    wanted, others = acis.faces(sat.records(cube(version=version)))
    assert points.tolist() == wanted.tolist() and faces.tolist() == others.tolist()


def test_binary_bodies_of_any_day_are_read():
    data = binary()
    day = data.index(b"\x07\x18") + 2
    assert len(sab.records(data[:day] + b"mercredi 05/03/2014 19:2" + data[day + 24 :])) == len(sab.records(data))


def test_binary_bodies_of_wide_numbers_are_read():
    (version, *more) = struct.unpack_from("<4i", data := binary(), 15)
    wide = b"ASM BinaryFile8" + struct.pack("<4q", version, *more)
    reals = {6: 8, 0x13: 24, 0x14: 24, 0xA: 0, 0xB: 0, 0xF: 0, 0x10: 0, 0x11: 0}
    at = 31
    while at < len(data):
        kind = data[at]
        if kind in {4, 0xC, 0x15}:
            wide += data[at : at + 1] + struct.pack("<q", *struct.unpack_from("<i", data, at + 1))
            at += 5
            continue
        size = reals[kind] if kind in reals else 1 + data[at + 1] if kind != 0x12 else 4 + data[at + 1]
        wide += data[at : at + 1 + size]
        at += 1 + size
    assert sab.records(wide) == sab.records(data)


def test_pointers_of_binary_bodies_to_nothing_point_to_nothing():
    data = binary()
    at = data.index(b"coedge") + 6
    pointed = data[: at + 16] + struct.pack("<i", 1 << 30) + data[at + 20 :]
    assert data[at + 15] == 0xC and acis.faces(sab.records(pointed)) is None
    close(acis_extents.box(sab.records(pointed)), [-0.5] * 3, [0.5] * 3)


@pytest.mark.parametrize("cut", range(0, 2400, 97))
def test_binary_bodies_that_are_cut_off_are_faults(cut):
    with pytest.raises(ValueError, match="body"):
        sab.records(binary()[:cut])


def test_a_drawing_of_binary_bodies_is_told_without_ezdxf(tmp_path):
    doc = ezdxf.new("R2013")
    doc.header["$INSUNITS"] = 6
    doc.modelspace().add_3dsolid().sab = binary()
    doc.saveas(tmp_path / "in.dxf")
    run = cv.convert(tmp_path / "in.dxf", templates=cv.rules(tmp_path / "r.toml"))
    assert sizes(run) == [(1, 1, 1)]


def test_a_picture_kept_for_a_body_is_not_the_body(tmp_path):
    doc = ezdxf.new("R2013")
    doc.header["$INSUNITS"] = 6
    solid = doc.modelspace().add_3dsolid()
    solid.sab = binary()
    doc.saveas(tmp_path / "in.dxf")
    end = cv.tag(0, "ENDSEC") + cv.tag(0, "EOF")
    picture = ((320, solid.dxf.handle), (2, "Thumbnail_Data"), (280, 15), (94, 4), (310, "89504E47"))
    text = (tmp_path / "in.dxf").read_text()
    assert text.endswith(end)
    found = cv.tag(0, "ACDSRECORD") + "".join(cv.tag(*pair) for pair in picture)
    source = cv.write(tmp_path / "two.dxf", text.removesuffix(end) + found + end)
    run = cv.convert(source, templates=cv.rules(tmp_path / "r.toml"))
    assert sizes(run) == [(1, 1, 1)]
    source = cv.write(tmp_path / "bad.dxf", text.replace("310\n", "310\nxy", 1))
    (row,) = cv.convert(source, templates=cv.rules(tmp_path / "r.toml")).report.ledger
    assert (row.outcome, row.reason) == ("error", "faulty_entity")


def test_a_body_of_too_many_characters_is_told_and_passed_over(tmp_path):
    limits = Limits(entity_vertices=1000)
    line = f"name_attrib-gen-attrib $-1 -1 $-1 $-1 $0 @240 {'x' * 240} #"
    lines = [*cube(), *[line] * 400]
    (row,) = convert(tmp_path, list(encode(lines)), limits=limits).report.ledger
    assert (row.outcome, row.reason) == ("skipped", "entity_too_large")


def test_what_is_read_once_for_all_entities_is_not_the_time_of_one():
    def spend(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    bounded(0.1, lambda: unbounded(lambda: spend(0.3)))
    with pytest.raises(OutOfTimeError):
        bounded(0.1, lambda: (unbounded(lambda: spend(0.02)), spend(2.0)))
