"""Our columns against ezdxf: the same entities, the same places, within the flattening tolerance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dxfd.convert.types import Detail, ResumePolicy
from tests.property import reference as ref
from tests.support import convert as cv

MM = 0.001
EXTRUSIONS = [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -1, 0), (0.01, 0.01, 1), (0.2, -0.4, 0.7), (-3, 2, -1), (0, 0, 5)]

length = st.floats(-60_000, 60_000, allow_nan=False).map(lambda v: round(v, 3))
positive = st.floats(1, 20_000).map(lambda v: round(v, 3))
point = st.tuples(length, length, length)
flat = st.tuples(length, length)
degrees = st.floats(-720, 720).map(lambda v: round(v, 3))
bulge = st.one_of(st.just(0.0), st.floats(-3, 3).map(lambda v: round(v, 4)))
extrusion = st.sampled_from(EXTRUSIONS)
factor = st.sampled_from([1.0, 1.0, -1.0, 2.0, -0.5, 0.37, -3.1])
vertex = st.tuples(length, length, bulge)
whole = st.integers(-60_000, 60_000).map(float)
# corners of one ring lie apart: what is nearer than a tenth of a millimetre is one point to us, and a sliver no area
ring = st.lists(st.tuples(whole, whole, bulge), min_size=3, max_size=6, unique_by=lambda v: v[:2])
FLAT = ("circle", "arc", "ellipse", "lwpolyline", "polyline2d", "solid", "trace", "text", "hatch", "mpolygon", "edges")
THICK = ("line", "circle", "arc", "lwpolyline", "polyline2d", "solid", "trace")
RARE = ("spline", "rational", "fit", "hatch", "mpolygon", "edges", "mesh", "polymesh", "polyface", "leader", "helix",
        "mline", "wipeout")  # fmt: skip


@st.composite
def shape(draw: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return the name of a method of an ezdxf layout and its arguments."""
    kind = draw(st.sampled_from(["line", "point", "circle", "arc", "ellipse", "lwpolyline", "polyline2d", "polyline3d",
                                 "3dface", "solid", "trace", "text", "mtext", *RARE]))  # fmt: skip
    attributes: dict[str, Any] = {}
    if kind in FLAT:
        attributes["extrusion"] = draw(extrusion)
    if kind in THICK:
        attributes["thickness"] = draw(st.sampled_from([0.0, 0.0, 0.0, 2500.0, -40.0]))
    match kind:
        case "line":
            return kind, (draw(point), draw(point)), attributes
        case "point":
            return kind, (draw(point),), attributes
        case "circle":
            return kind, (draw(point), draw(positive)), attributes
        case "arc":
            start = draw(degrees)  # ezdxf makes nothing of an arc from an angle to the same one; it is a circle
            return kind, (draw(point), draw(positive), start, start + draw(st.floats(1, 359))), attributes
        case "ellipse":
            major = draw(st.tuples(positive, length, length))
            ratio = draw(st.floats(0.01, 1).map(lambda v: round(v, 3)))
            start = draw(st.floats(-7, 7).map(lambda v: round(v, 4)))  # nor of an ellipse
            return kind, (draw(point), major, ratio, start, start + draw(st.floats(0.01, 6.25))), attributes
        case "lwpolyline" | "polyline2d":
            made = draw(st.lists(vertex, min_size=2, max_size=6))
            attributes["elevation"] = draw(length) if kind == "lwpolyline" else (0, 0, draw(length))
            return kind, (made,), {**attributes, "closed": draw(st.booleans())}
        case "polyline3d":
            return kind, (draw(st.lists(point, min_size=2, max_size=6)),), {"closed": draw(st.booleans())}
        case "3dface" | "solid" | "trace":
            return kind, (draw(st.lists(point, min_size=3, max_size=4)),), attributes
        case "spline" | "rational":
            made = draw(st.lists(point, min_size=4, max_size=9, unique=True))
            weights = draw(st.lists(st.floats(0.2, 5), min_size=len(made), max_size=len(made)))
            return kind, (made, draw(st.sampled_from([2, 3])), weights), {}
        case "fit" | "leader":
            return kind, (draw(st.lists(point, min_size=2, max_size=6, unique=True)),), {}
        case "hatch" | "mpolygon":
            attributes["elevation"] = (0, 0, draw(length))
            return kind, (draw(st.lists(ring, min_size=1, max_size=3)),), attributes
        case "edges":
            attributes["elevation"] = (0, 0, draw(length))
            # what is flatter than the tolerance is no area
            arc = draw(st.tuples(flat, st.floats(1000, 20_000), degrees, st.floats(60, 359), st.booleans()))
            ratio = draw(st.floats(0.3, 1).map(lambda v: round(v, 3)))
            return kind, (arc, ratio, draw(st.lists(flat, min_size=4, max_size=7, unique=True))), attributes
        case "mesh" | "polymesh" | "polyface":
            return kind, (draw(st.lists(point, min_size=12, max_size=12)),), {}
        case "helix":
            return kind, (draw(st.floats(10, 5000)), draw(st.floats(10, 5000)), draw(st.floats(0.5, 4))), {}
        case "mline":
            corners = st.lists(flat, min_size=2, max_size=5, unique=True).filter(_turns_nowhere_back)
            return kind, (draw(corners),), {"closed": draw(st.booleans())}
        case "wipeout":
            corners = st.lists(flat, min_size=3, max_size=5, unique=True)
            return kind, (draw(corners.filter(_has_extent)),), {}  # ezdxf divides by width and height
        case "text":
            return kind, (draw(st.text("ABC xyz", min_size=1)),), {**attributes, "insert": draw(point), "height": 100}
        case _:
            return kind, (draw(st.text("ABC xyz", min_size=1)),), {"insert": draw(point)}


def _turns_nowhere_back(corners: list[Any]) -> bool:
    """Return whether a line, closed or not, goes on from each corner in another way: ezdxf divides by their sum."""
    ways = np.roll(corners, -1, axis=0) - np.array(corners)
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    return len(corners) < 3 or bool(((ways * np.roll(ways, 1, axis=0)).sum(axis=1) > -0.999).all())


def _has_extent(corners: list[Any]) -> bool:
    return all(len({corner[axis] for corner in corners}) > 1 for axis in (0, 1))


def add(layout: Any, made: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Any:
    kind, arguments, attributes = made
    attributes = dict(attributes)
    closed = attributes.pop("closed", False)
    if kind == "ellipse":
        centre, major, ratio, start, end = arguments
        # the minor axis lies in the plane normal to the extrusion: so must the major axis
        normal = np.array(attributes["extrusion"], dtype=float)
        axis = np.array(major) - normal * (np.dot(major, normal) / np.dot(normal, normal))
        if np.linalg.norm(axis) < 1:
            axis = np.cross(normal, (1.0, 2.0, 3.0)) * 100
        return layout.add_ellipse(centre, tuple(axis), ratio, start, end, dxfattribs=attributes)
    if kind in RARE:
        return add_rare(layout, kind, arguments, {**attributes, "closed": closed})
    if kind in {"lwpolyline", "polyline2d"}:
        return getattr(layout, f"add_{kind}")(arguments[0], format="xyb", close=closed, dxfattribs=attributes)
    if kind == "polyline3d":
        return layout.add_polyline3d(arguments[0], close=closed)
    return getattr(layout, f"add_{kind}")(*arguments, dxfattribs=attributes)


def add_rare(layout: Any, kind: str, arguments: tuple[Any, ...], attributes: dict[str, Any]) -> Any:
    attributes = dict(attributes)
    closed = attributes.pop("closed")
    first = arguments[0]
    match kind:
        case "spline":
            made = layout.add_spline(degree=arguments[1])
            made.set_open_uniform(first, degree=arguments[1])
            return made
        case "rational":
            made = layout.add_spline(degree=arguments[1])
            made.set_open_rational(first, arguments[2], degree=arguments[1])
            return made
        case "fit":
            return layout.add_spline(first)
        case "leader":
            return layout.add_leader(first)
        case "hatch" | "mpolygon":
            made = getattr(layout, f"add_{kind}")(dxfattribs=attributes)
            for path in first:
                made.paths.add_polyline_path(path, is_closed=True)
            return made
        case "edges":
            (center, radius, start, sweep, ccw), ratio, points = arguments
            made = layout.add_hatch(dxfattribs=attributes)
            made.paths.add_edge_path().add_arc(center, radius, start, start + sweep, ccw=ccw)
            made.paths.add_edge_path().add_ellipse(center, (radius, radius / 2), ratio, start, start + sweep, ccw=ccw)
            path = made.paths.add_edge_path()
            path.add_spline(control_points=points, degree=3, knot_values=[0, 0, 0, 0, *range(1, len(points) - 3),
                                                                         *[len(points) - 3] * 4])  # fmt: skip
            path.add_line(points[-1], points[0])
            return made
        case "mesh":
            made = layout.add_mesh()
            with made.edit_data() as data:
                data.vertices = list(first)
                data.faces = [(k, k + 1, k + 2, k + 3) for k in range(0, 12, 4)]
            return made
        case "polymesh":
            made = layout.add_polymesh((4, 3))
            for k, at in enumerate(first):
                made.set_mesh_vertex((k // 3, k % 3), at)
            return made
        case "polyface":
            made = layout.add_polyface()
            made.append_faces([first[k : k + 4] for k in range(0, 12, 4)])
            return made
        case "helix":
            return layout.add_helix(*arguments)
        case "mline":
            return layout.add_mline(first, close=closed and len(first) > 2)
        case _:
            return layout.add_wipeout(first)


def agree(run: cv.Run, entities: list[Any], metres: float) -> int:
    """Compare each entity with its element; return how many were compared."""
    columns = "center_x, center_y, center_z, bbox_x, bbox_y, bbox_z, geometry_hash, dxf_type"
    found = {
        row[0]: row[1:]
        for row in run.rows(
            f"SELECT dxf_handle, {columns} FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        )
    }
    ((ox, oy, oz),) = run.rows("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")
    bodies = dict(
        run.rows("SELECT m.dxf_handle, g.vertices FROM elements_meta m JOIN element_geometry g ON g.guid = m.guid")
    )
    compared = 0
    for entity in entities:
        row = found.get(entity.dxf.handle)
        if row is None:
            continue
        center = np.add(row[:3], (ox, oy, oz))
        size = np.array(row[3:6])
        if entity.dxftype() == "INSERT":
            compared += _agree_box(entity, center, size, metres)
            continue
        if entity.dxftype() not in ref.CURVES | ref.FACES | ref.DOTS or ref.is_mesh(entity) or is_thick(entity):
            _same_box(entity, center, size, metres, cv.vertices(bodies[entity.dxf.handle], center))
            compared += 1
            continue
        theirs = ref.points(entity, metres)
        if theirs is None:  # ezdxf: an ARC from an angle to the same one is nothing; AutoCAD and we: a circle
            compared += 1
            continue
        if not np.isfinite(theirs).all():
            continue
        ours = cv.vertices(bodies[entity.dxf.handle], center)
        scale = max(float(np.abs(theirs - center).max()), 1.0)
        slack = (
            ref.TOLERANCE_M + 0.0015 + 1e-6 * scale + 4e-5 * scale * (entity.dxftype() in {"CIRCLE", "ARC", "ELLIPSE"})
        )
        label = f"{entity} {entity.dxfattribs()}"
        if entity.dxftype() == "POINT":  # becomes a small box that stands on it
            assert np.allclose([*center[:2], center[2] - size[2] / 2], theirs[0], atol=1e-6 * scale), label
            compared += 1
            continue
        if entity.dxftype() in ref.FACES:
            far = max(ref.distance(theirs, _all(ours)), ref.distance(ours, _all(theirs)))
        else:
            far = max(ref.distance(theirs, ours), ref.distance(ours, theirs))
        assert far < slack, f"{label}: {far} m apart"
        low, high = ours.min(axis=0), ours.max(axis=0)
        assert np.allclose(center, (low + high) / 2, atol=1e-6 * scale), label
        assert np.allclose(size, high - low, atol=1e-6 * scale), label
        compared += 1
    return compared


def _all(corners: np.ndarray) -> np.ndarray:
    """Return corners joined in every order, so that only their places count."""
    order = [0, 1, 2, 3, 0, 2, 1, 3] if len(corners) == 4 else [0, 1, 2, 0]
    return corners[[k for k in order if k < len(corners)]]


def is_thick(entity: Any) -> bool:
    return bool(entity.dxf.get("thickness", 0.0)) if entity.dxftype() in ref.THICK else False


def _same_box(entity: Any, center: np.ndarray, size: np.ndarray, metres: float, ours: np.ndarray) -> None:
    theirs = ref.outline(entity, metres)
    assert theirs is not None, f"{entity}: nothing to compare with"
    scale = max(float(np.abs(theirs - center).max()), 1.0)
    slack = ref.TOLERANCE_M + 0.0015 + 1e-6 * scale
    if entity.dxftype() in ref.AREAS:  # ezdxf takes a quarter of an arc for one Bézier curve: 0.03 % of its radius
        slack += 6e-4 * scale
    elif is_thick(entity):
        slack += 4e-5 * scale
    low, high = theirs.min(axis=0), theirs.max(axis=0)
    label = f"{entity} {entity.dxfattribs()}: {center - size / 2} {center + size / 2} against {low} {high}"
    assert np.allclose(center - size / 2, low, atol=slack), label
    assert np.allclose(center + size / 2, high, atol=slack), label
    assert ref.apart(entity, ours, theirs) < slack, label


def _agree_box(insert: Any, center: np.ndarray, size: np.ndarray, metres: float) -> int:
    box = ref.reference_box(insert, metres)
    if box is None:
        return 0
    low, high = center - size / 2, center + size / 2
    scale = float(np.abs(np.concatenate([box[0] - center, box[1] - center])).max()) + 1.0
    largest = max(abs(insert.dxf.xscale), abs(insert.dxf.yscale), abs(insert.dxf.zscale), 1.0)
    inside = [abs(part.dxf.get(f"{axis}scale", 1.0)) for part in insert.block().query("INSERT") for axis in "xyz"]
    slack = ref.TOLERANCE_M * 4 * largest * max(inside, default=1.0) + 1e-5 * scale
    label = f"{insert} {insert.dxfattribs()}: {low} {high} against {box}"
    assert (low <= box[0] + slack).all(), label
    assert (high >= box[1] - slack).all(), label
    inner = ref.box_of(insert.block(), metres)
    assert inner is not None
    factors = np.abs([insert.dxf.xscale, insert.dxf.yscale, insert.dxf.zscale])
    # a box is made thick enough to be seen: what is flat grows, by 0.3 m at most along the block's own axes
    grown = 0.3 + slack if ((inner[1] - inner[0]) * factors).min() < 0.002 else slack
    assert (high - low <= box[1] - box[0] + 2 * grown).all(), label
    return 1


@pytest.fixture(scope="module")
def folder():
    with cv.fast_folder() as name:
        yield Path(name)


def convert(folder: Path, doc: Any) -> cv.Run:
    """Convert; references are asked for as boxes, because the faces that they show are only a part of their content."""
    detail = Detail.BOX if "OUTER" in doc.blocks else Detail.BODY
    source = folder / "drawing.dxf"
    doc.saveas(source)
    templates = folder / "all.toml"
    if not templates.exists():
        cv.rules(templates)
    return cv.convert(source, folder / "out.db", templates=templates, resume=ResumePolicy.RESTART, detail=detail)


SLOW = settings(
    max_examples=int(os.environ.get("DXFD_EXAMPLES", "25")), deadline=None, database=None, derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)  # fmt: skip


def new() -> Any:
    doc = ezdxf.new("R2010")
    doc.header["$INSUNITS"] = 4
    return doc


@SLOW
@given(shapes=st.lists(shape(), min_size=1, max_size=12))
def test_entities_are_where_ezdxf_sees_them(folder, shapes):
    doc = new()
    entities = [add(doc.modelspace(), made) for made in shapes]
    run = convert(folder, doc)
    assert run.report.entities_read == len(shapes)
    assert cv.adds_up(run.report)
    assert agree(run, entities, MM) == run.report.elements_written


reference = st.fixed_dictionaries(
    {
        "insert": point,
        "rotation": degrees,
        "xscale": factor,
        "yscale": factor,
        "zscale": factor,
        "extrusion": extrusion,
        "row_count": st.sampled_from([1, 1, 1, 3]),
        "column_count": st.sampled_from([1, 1, 2]),
        "row_spacing": length,
        "column_spacing": length,
    }
)
content = st.lists(shape().filter(lambda made: made[0] not in {"text", "mtext", "point"}), min_size=1, max_size=4)


@SLOW
@given(inner=content, outer=content, nested=st.lists(reference, max_size=2),
       references=st.lists(reference, min_size=1, max_size=4),
       base=flat)  # fmt: skip
def test_block_references_fill_the_box_ezdxf_sees(folder, inner, outer, nested, references, base):
    doc = new()
    low = doc.blocks.new("INNER", base_point=(*base, 0))
    for made in inner:
        add(low, made)
    high = doc.blocks.new("OUTER", base_point=(base[1], base[0], 100))
    for made in outer:
        add(high, made)
    for attributes in nested:
        high.add_blockref(
            "INNER", attributes["insert"], dxfattribs={k: v for k, v in attributes.items() if k != "insert"}
        )
    entities = [
        doc.modelspace().add_blockref(name, at["insert"], dxfattribs={k: v for k, v in at.items() if k != "insert"})
        for name, at in zip(["OUTER", "INNER"] * 2, references, strict=False)
    ]
    run = convert(folder, doc)
    assert cv.adds_up(run.report)
    assert agree(run, entities, MM) == len(entities)
