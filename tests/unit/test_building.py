"""Building files, units in doubt, density, clearances: the pure parts of heights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dxfd.convert import clash
from dxfd.convert.build.units import Lengths, Units, doubt
from dxfd.convert.building import parse
from dxfd.convert.density import main_part
from dxfd.convert.heights import Way, way_of
from dxfd.convert.types import Heights
from dxfd.errors import ConfigError

TOWER = """
[building]
name = "Tower"
type = "hospital"
[[storey]]
name = "L2"
elevation_m = 4.2
ceiling_m = 3.0
drawings = ["*-02-*"]
[[storey]]
name = "L1"
drawings = ["*-01-*"]
"""


def test_storeys_are_sorted_and_know_their_height_and_ceiling():
    building = parse(TOWER, "b.toml")
    assert [(s.name, s.height_m, s.ceiling_m) for s in building.storeys] == [("L1", 4.2, 3.8), ("L2", None, 3.0)]


def test_a_drawing_is_of_the_storey_named_or_of_its_files_name():
    building = parse(TOWER, "b.toml")
    assert building.storey_of("ARC-02-plan.DXF", "").name == "L2"
    assert building.storey_of("ARC-02-plan.DXF", "l1").name == "L1"
    assert building.storey_of("other.dxf", "") is None
    with pytest.raises(ConfigError, match="no storey 'L9'"):
        building.storey_of("x.dxf", "L9")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[building]\ntype = 'barn'\n", "type must be one of airport office"),
        ("[building]\nfloors = 3\n", "floors is not a key here"),
        ("[[storey]]\nelevation_m = 1\n", "storey 1, name is missing"),
        ("[[storey]]\nname = 'a'\n[[storey]]\nname = 'A'\n", "two storeys have the same name"),
        ("[[storey]]\nname = 'a'\nceiling_m = -1\n", "ceiling_m must be metres above 0"),
        ("storey = 3\n", "must be written as [[storey]]"),
        ("[building\n", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_building_file_is_told(text, words):
    with pytest.raises(ConfigError) as error:
        parse(text, "b.toml")
    assert words in error.value.message


@pytest.mark.parametrize(
    ("units", "insunits", "measurement", "width", "words"),
    [
        (Units("mm", 0.001, "$INSUNITS"), 4, 1, 60_000.0, ""),
        (Units("m", 1.0, "$INSUNITS"), 6, 1, 60_000.0, "would be 6e+04 m wide; --units mm would fit"),
        (Units("mm", 0.001, "$INSUNITS"), 4, 1, 40.0, "would be 0.04 m wide; --units m would fit"),
        (Units("in", 0.0254, "$INSUNITS"), 1, 1, 3_000.0, "$MEASUREMENT says metric"),
        (Units("m", 1.0, "$INSUNITS"), 6, 0, 30.0, "$MEASUREMENT says imperial"),
        (Units("m", 1.0, "override"), 4, None, 30.0, "$INSUNITS says mm"),
        (Units("m", 1.0, "assumed"), 0, None, 0.0, ""),
    ],
)
def test_evidence_against_a_unit_is_told(units, insunits, measurement, width, words):
    said = doubt(units, insunits, measurement, Lengths(width))
    assert (words in said) if words else not said


INCHES, MILLIMETRES, METRES = (Units(n, m, "$INSUNITS") for n, m in (("in", 0.0254), ("mm", 0.001), ("m", 1.0)))


@pytest.mark.parametrize(
    ("units", "width", "swings", "texts", "spans", "words"),
    [
        # a house in metres that says inches, one in inches that says millimetres, and such as they should be
        (INCHES, 116.0, [0.02] * 9 + [1.01] * 4, [], [], "would be 2.95 m wide; --units m would fit"),
        (INCHES, 240.0, [0.9] * 5, [], [], "as wide as a door, but some in m; --units m would fit"),
        (MILLIMETRES, 964.0, [24.0] * 12 + [31.2] * 4, [5.5] * 60, [84.0] * 63, "--units in would fit"),
        (MILLIMETRES, 9_000.0, [], [2.5] * 9, [84.0] * 9 + [12.0] * 9, "18 dimensions would be 0.048 m"),
        (MILLIMETRES, 24_000.0, [24.0] * 20, [250.0], [3_000.0] * 20, ""),
        (MILLIMETRES, 9_000.0, [24.0] * 20 + [900.0] * 3, [], [], ""),
        (METRES, 9.0, [0.9] * 3, [0.2], [2.0] * 10, ""),
        (METRES, 9.0, [0.9] * 2, [], [], ""),
    ],
)
def test_doors_and_dimensions_tell_of_the_unit(units, width, swings, texts, spans, words):
    said = doubt(units, 0, None, Lengths(width, *(np.array(v, dtype=float) for v in (swings, texts, spans))))
    assert (words in said) if words else not said


@pytest.mark.parametrize(
    ("z", "way"),
    [
        ([0.0] * 100, Way.MIXED),
        ([0.0] * 95 + [3000.0] * 5, Way.MIXED),
        ([0.0] * 50 + [100.0 * k for k in range(50)], Way.DRAWING),
        ([0.0] * 50 + [1e7 * k for k in range(50)], Way.MIXED),
        ([0.0] * 50 + [3000.0] * 50, Way.MIXED),
        ([], Way.MIXED),
    ],
)
def test_heights_of_a_drawing_count_where_they_mean_something(z, way):
    assert way_of(Heights.AUTO, np.array(z, dtype=float), 0.001) is way
    assert way_of(Heights.RULES, np.array(z, dtype=float), 0.001) is Way.RULES


def test_the_building_is_what_lies_together():
    rng = np.random.default_rng(1)
    at = np.concatenate([rng.uniform(0, 120, (500, 2)), [[5000.0, 0.0]], rng.uniform(300, 420, (300, 2))])
    kept = main_part(at, at)
    assert kept[:500].all()
    assert not kept[500]
    assert kept[501:].all()
    order = rng.permutation(len(at))
    assert (main_part(at[order], at[order]) == kept[order]).all()


def boxes(*rows: tuple[str, float, float, float, float, float]) -> clash.Boxes:
    """Return boxes of (discipline, x0, x1, y0, y1, z), 0.2 m high."""
    names = (*clash.SERVICES, clash.STRUCTURE)
    low = np.array([[r[1], r[3], r[5]] for r in rows])
    high = np.array([[r[2], r[4], r[5] + 0.2] for r in rows])
    return clash.Boxes(low, high, np.array([names.index(r[0]) for r in rows]))


def test_pairs_are_those_that_lie_over_one_another():
    found = boxes(
        ("ACMV", 0, 10, 0, 1, 0), ("FP", 5, 6, -5, 5, 9), ("SP", 20, 21, 0, 1, 0), ("ELEC", -500, 500, -500, 500, 3)
    )
    a, b = clash.pairs(found)
    assert sorted(zip(a.tolist(), b.tolist(), strict=True)) == [(0, 1), (0, 3), (1, 3), (2, 3)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(clash.SERVICES), st.integers(-9, 9), st.integers(0, 9), st.integers(-9, 9),
            st.integers(0, 9), st.sampled_from([0, 0.1, 0.3, 3]),
        ),
        min_size=1, max_size=30,
    ), st.sampled_from([1, 3, 1 << 18]),
)  # fmt: skip
def test_every_pair_is_found_once_however_few_are_compared_at_a_time(rows, at_once):
    found = boxes(*((code, x, x + wide, y, y + deep, z) for code, x, wide, y, deep, z in rows))
    wanted = {
        (i, j) for j in range(len(rows)) for i in range(j)
        if (found.low[i, :2] < found.high[j, :2]).all() and (found.low[j, :2] < found.high[i, :2]).all()
    }  # fmt: skip
    a, b = clash.pairs(found, at_once)
    hard = sum(n for n, _ in clash.predict(found, at_once).by_codes.values())
    assert list(zip(a.tolist(), b.tolist(), strict=True)) == sorted(wanted)
    gap = {(i, j): max(found.low[i, 2] - found.high[j, 2], found.low[j, 2] - found.high[i, 2]) for i, j in wanted}
    assert hard == sum(found.code[i] != found.code[j] and gap[i, j] < -0.001 for i, j in wanted)


def test_without_services_nothing_clashes():
    none = clash.Boxes(np.empty((0, 3)), np.empty((0, 3)), np.empty(0, dtype=np.int64))
    assert clash.predict(none).by_codes == {}
    assert [len(side) for side in clash.pairs(none)] == [0, 0]


def test_millions_of_pairs_are_counted_without_being_kept(monkeypatch):
    monkeypatch.setattr(clash, "MOST_PAIRS", 1000)
    found = boxes(*(("ACMV" if k % 2 else "FP", 0, 1, 0, 1, 0) for k in range(2000)))
    assert clash.predict(found).by_codes == {("ACMV", "FP"): (1000 * 1000, 0)}
    with pytest.raises(clash.TooManyPairsError):
        clash.neighbours(found)
    with pytest.raises(clash.TooManyPairsError):
        list(clash.over(found, most=1000))


def test_a_pipe_is_raised_over_the_duct_it_crosses_and_its_run_with_it():
    found = boxes(
        ("ACMV", 0, 10, 0, 1, 3.0),
        ("FP", 5, 5.1, -5, 5, 3.05), ("FP", 5, 15, 4.9, 5, 3.05),
        ("FP", 30, 31, 0, 1, 3.05),
    )  # fmt: skip
    up, unresolved = clash.raises(found, *clash.neighbours(found))
    assert unresolved == 0
    assert up[0] == up[3] == 0.0
    assert up[1] == up[2] == pytest.approx(3.2 + 0.2 + 0.01 - 3.05)
    before = clash.predict(found)
    assert before.by_codes == {("ACMV", "FP"): (1, 0)}
    found.low[:, 2] += up
    found.high[:, 2] += up
    assert clash.predict(found).by_codes == {}


def test_what_would_go_through_the_roof_stays_and_is_counted():
    stack = [("ACMV" if k % 2 else "ELEC", 0, 1, 0, 1, 0.205 * k) for k in range(20)]
    found = boxes(*stack, ("SP", 0, 1, 0, 1, -0.05))
    up, unresolved = clash.raises(found, *clash.neighbours(found))
    assert unresolved >= 1
    assert up.max() <= clash.MOST_RAISE_M


def test_pipes_through_beams_are_predicted_and_not_moved():
    found = boxes(("STR", 0, 10, 0, 1, 3.0), ("SP", 5, 5.1, -5, 5, 3.05))
    up, _ = clash.raises(found, *clash.neighbours(found))
    assert not up.any()
    assert clash.predict(found).by_codes == {("SP", "STR"): (1, 0)}
