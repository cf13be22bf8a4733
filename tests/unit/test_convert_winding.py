"""Closed surfaces look outwards however their faces were drawn; open ones stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.convert.build.bodies import BOX_FACES, box_vertices
from dxfd.convert.build.winding import outward
from tests.unit.test_block_bodies import CORNERS, SIDES, face, run, shown, volume
from tests.unit.test_convert_blocks import block, insert

BOX = box_vertices(np.array([[2.0, 3.0, 4.0]]))[0]
SIX = BOX_FACES.astype(np.int64)


def signed(points: np.ndarray, faces: np.ndarray) -> float:
    return volume(points, outward(points, faces))


@given(st.lists(st.booleans(), min_size=12, max_size=12), st.booleans())
def test_faces_of_a_box_look_outwards_in_whatever_order_they_were_drawn(turned, apart):
    faces = np.where(np.array(turned)[:, None], SIX[:, ::-1], SIX)
    if apart:  # each face with corners of its own
        assert signed(BOX[faces].reshape(-1, 3), np.arange(36).reshape(-1, 3)) == pytest.approx(24)
    else:
        assert signed(BOX, faces) == pytest.approx(24)


def test_two_boxes_are_turned_each_for_itself():
    points = np.concatenate([BOX, BOX + np.array([1e6, 0, 0])])
    mixed = SIX.copy()
    mixed[3] = mixed[3, ::-1]
    assert signed(points, np.concatenate([mixed, SIX[:, ::-1] + 8])) == pytest.approx(48)


def test_a_hollow_that_is_turned_as_it_should_be_stays_one():
    points, faces = np.concatenate([BOX, BOX / 2]), np.concatenate([SIX, SIX[:, ::-1] + 8])
    assert signed(points, faces) == pytest.approx(24 - 3)
    assert signed(points, faces[:, ::-1]) == pytest.approx(24 - 3)


@pytest.mark.parametrize("faces", [SIX[1:], SIX[:0], np.concatenate([SIX, SIX]), SIX[:, [0, 1, 1]]])
def test_what_closes_nothing_stays_as_it_is(faces):
    assert outward(BOX, faces) is faces


def test_a_band_with_one_side_stays_as_it_is():
    ring = np.array([[np.cos(a), np.sin(a), z] for a in np.linspace(0, 2 * np.pi, 7)[:-1] for z in (0, 1)])
    band = np.array([[k, (k + 1) % 12, (k + 2) % 12] for k in range(12)])
    assert (outward(ring, band) == band).all()


def test_a_block_of_faces_drawn_any_way_round_is_a_body(tmp_path):
    sides = [side if k % 2 else side[::-1] for k, side in enumerate(SIDES)]
    ((world, faces, _, _),) = shown(
        run(tmp_path, block("CASE", *(face(*(CORNERS[k] for k in side)) for side in sides)), insert("CASE"))
    )
    assert volume(world, faces) == pytest.approx(6)
