"""Exploded content of every type against ezdxf: turned, mirrored, stretched, nested, in arrays; all of its points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ezdxf.math import Matrix44, Vec3
from hypothesis import given
from hypothesis import strategies as st

from dxfd.convert.types import ResumePolicy
from tests.property import reference as ref
from tests.property import test_differential as diff
from tests.property import test_explode as explode
from tests.support import convert as cv


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with cv.fast_folder() as name:
        yield Path(name)


def check(run: cv.Run, doc: Any) -> int:
    """Assert that each element of exploded content is where ezdxf has it; return how many were compared."""
    rows = run.rows(
        "SELECT dxf_handle, g.vertices, t.center_x, t.center_y, t.center_z FROM elements_meta m"
        " JOIN element_geometry g ON g.guid = m.guid JOIN element_transforms t ON t.id = m.id"
    )
    ((ox, oy, oz),) = run.rows("SELECT offset_x, offset_y, offset_z FROM coordinate_metadata")
    ours = {row[0]: cv.vertices(row[1], np.add(row[2:], (ox, oy, oz))) for row in rows}
    compared = 0
    for insert in doc.modelspace().query("INSERT"):
        for way, entity, matrix in explode.content(doc, insert, Matrix44(), insert.dxf.handle):
            if entity.dxftype() == "INSERT" or way not in ours:
                continue
            inner = ref.outline(entity, diff.MM)
            assert inner is not None, entity
            theirs = np.array([tuple(v) for v in matrix.transform_vertices(Vec3.list(inner / diff.MM))]) * diff.MM
            stretch = max(axis.magnitude for axis in matrix.transform_directions(Vec3.list(np.eye(3))))
            reach = float(np.ptp(theirs, axis=0).max()) + 1.0
            slack = stretch * (4 * ref.TOLERANCE_M + 6e-4 * reach) + 1e-6 * float(np.abs(theirs).max())
            assert ref.apart(entity, ours[way], theirs) < slack, f"{way} {entity}"
            compared += 1
    return compared


# a point becomes a small box of its own size, what is thick a ribbon
content = diff.shape().filter(lambda made: made[0] != "point" and not made[2].get("thickness"))


@diff.SLOW
@given(inner=st.lists(content, min_size=1, max_size=4), outer=st.lists(content, min_size=1, max_size=3),
       nested=st.lists(diff.reference, min_size=1, max_size=2), base=diff.flat,
       references=st.lists(diff.reference, min_size=1, max_size=2))  # fmt: skip
def test_content_of_every_type_is_where_ezdxf_sees_it(folder, inner, outer, nested, base, references):
    doc = diff.new()
    low = doc.blocks.new("INNER", base_point=(*base, 0))
    for made in inner:
        diff.add(low, made)
    high = doc.blocks.new("OUTER", base_point=(base[1], base[0], 100))
    for made in outer:
        diff.add(high, made)
    for space, name, placed in ((high, "INNER", nested), (doc.modelspace(), "OUTER", references)):
        for at in placed:
            space.add_blockref(name, at["insert"], dxfattribs={k: v for k, v in at.items() if k != "insert"})
    source = folder / "drawing.dxf"
    doc.saveas(source)
    run = cv.convert(
        source, folder / "out.db", templates=cv.rules(folder / "all.toml"), blocks=("explode",), units="mm",
        resume=ResumePolicy.RESTART,
    )  # fmt: skip
    assert cv.adds_up(run.report)
    assert check(run, doc) == run.report.elements_written
