"""What counts as a wall of two lines, and how high its openings reach: the `[walls]` of a building file, or as below.

Owns the numbers and their meaning; the file is building.py's. Imports no numpy.
"""

from __future__ import annotations

from msgspec import Struct


class Measures(Struct, frozen=True, kw_only=True):
    """Metres, but for the angle.

    Attributes:
        thickness_min_m, thickness_max_m: distance of the two lines of a wall.
        angle_deg: by which they may be out of parallel.
        opening_max_m: widest gap that a door or window makes an opening.
        door_head_m: top of a door above the wall's foot, where the door's element has no height.
        sill_m, window_head_m: foot and top of a window, where the window's element has no height.
    """

    thickness_min_m: float = 0.06
    thickness_max_m: float = 0.6
    angle_deg: float = 0.5
    opening_max_m: float = 5.0
    door_head_m: float = 2.1
    sill_m: float = 1.0
    window_head_m: float = 2.5


STANDARD = Measures()
