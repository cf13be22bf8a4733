"""Numbers to text, whole columns at once: what `%.5f` would take most of an export's time for. Pure.

The text is that of STEP's REAL: a point always, no exponent, no trailing zeros ("2.", "-0.125").
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_AT_ONCE: Final = 1 << 16
"""Values formatted in one go: the scratch arrays take some 60 bytes each."""
_USUAL_PLACES: Final = 5
_BELOW: Final = 100_000


class Rows(Struct, frozen=True):
    """Rows of numbers as text, each "(a,b,c)," in one long string.

    Attributes:
        text: all rows.
        at: where each row begins, and the end.
    """

    text: str
    at: list[int]

    def one(self, row: int) -> str:
        """Return "(a,b,c)"."""
        return self.text[self.at[row] : self.at[row + 1] - 1]

    def bare(self, row: int) -> str:
        """Return "a,b,c"."""
        return self.text[self.at[row] + 1 : self.at[row + 1] - 2]

    def many(self, first: int, end: int) -> str:
        """Return "(a,b,c),(d,e,f)"."""
        return self.text[self.at[first] : self.at[end] - 1]


def rows(values: Floats, places: int) -> Rows:
    """Return rows (n, k) of finite numbers below 10^15 - places, rounded to so many places."""
    if not values.size:
        return Rows("", [0])
    step = max(1, _AT_ONCE // values.shape[1])
    parts = []
    for k in range(0, len(values), step):
        part = values[k : k + step]
        usual = places == _USUAL_PLACES and float(np.abs(part).max()) < _BELOW - 1
        parts.append(_looked_up(part) if usual else _formatted(part, places))
    at = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(np.concatenate([counts for _, counts in parts]), out=at[1:])
    return Rows("".join(text for text, _ in parts), at.tolist())


def _formatted(values: Floats, places: int) -> tuple[str, Ints]:
    """Lay every number out in columns of digits, then keep the columns that are to be written."""
    n, k = values.shape
    scaled = np.rint(values * 10.0**places)
    whole, part = np.divmod(np.abs(scaled).astype(np.uint64), np.uint64(10**places))
    width = len(str(int(whole.max())))
    chars = np.empty((n, k, width + places + 5), dtype=np.uint8)
    keep = np.zeros(chars.shape, dtype=np.bool_)
    chars[..., 0], keep[:, 0, 0] = ord("("), True
    chars[..., 1], keep[..., 1] = ord("-"), scaled < 0
    point = 2 + width
    rest = whole.astype(np.uint32) if width < 10 else whole
    for place in range(point - 1, 1, -1):
        keep[..., place] = rest > 0
        left = rest // 10
        chars[..., place] = rest - left * 10 + 48
        rest = left
    keep[..., point - 1] = True
    chars[..., point], keep[..., point] = ord("."), True
    rest = part.astype(np.uint32)
    written = np.zeros((n, k), dtype=np.bool_)
    for place in range(point + places, point, -1):
        left = rest // 10
        digit = rest - left * 10
        written |= digit > 0
        chars[..., place], keep[..., place] = digit + 48, written
        rest = left
    chars[..., -2], keep[:, -1, -2] = ord(")"), True
    chars[..., -1], keep[..., -1] = ord(","), True
    counts = keep.reshape(n, -1).sum(axis=1)
    return chars[keep].tobytes().decode("ascii"), counts


@cache
def _tables() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], Ints, Ints]:
    """Return for 0 … 99,999 the eight bytes of "12." and of "25" (after the point), and how many are not NUL.

    Whole parts stand at bytes 2 to 7, before them there is room for a bracket and a sign; parts after the point at
    bytes 0 to 4, behind them there is room for a bracket and a comma.
    """
    number = np.arange(_BELOW)
    digits = (number[:, None] // 10 ** np.arange(4, -1, -1)) % 10 + 48
    whole, part = (np.zeros((_BELOW, 8), dtype=np.uint8) for _ in range(2))
    whole[:, 2:7] = np.where(number[:, None] >= 10 ** np.array([4, 3, 2, 1, 0]), digits, 0)
    whole[0, 6] = ord("0")
    whole[:, 7] = ord(".")
    part[:, :5] = np.where(number[:, None] % 10 ** np.arange(5, 0, -1) > 0, digits, 0)
    lengths = [(table > 0).sum(axis=1) for table in (whole, part)]
    return whole.view(np.uint64).ravel(), part.view(np.uint64).ravel(), lengths[0], lengths[1]


def _looked_up(values: Floats) -> tuple[str, Ints]:
    """Return what _formatted does, for five places and numbers below 100,000, in a fifth of the time."""
    n, k = values.shape
    whole_text, part_text, whole_length, part_length = _tables()
    scaled = np.rint(values * float(_BELOW)).astype(np.int64)
    negative = scaled < 0
    number = np.abs(scaled)
    whole = number // _BELOW
    part = number - whole * _BELOW
    cells = np.empty((n, k, 2), dtype=np.uint64)
    cells[..., 0] = whole_text[whole]
    cells[..., 1] = part_text[part]
    chars = cells.view(np.uint8)
    chars[:, 0, 0] = ord("(")
    chars[..., 1] = np.where(negative, ord("-"), 0)
    chars[:, -1, 13] = ord(")")
    chars[..., 14] = ord(",")
    counts = (whole_length[whole] + part_length[part] + negative).sum(axis=1) + (k + 2)
    return chars.tobytes().translate(None, b"\0").decode("ascii"), counts


def real(value: float, places: int) -> str:
    """Return one finite number, rounded to so many places."""
    text = f"{value:.{places}f}".rstrip("0")
    return "0." if text in {"-0.", "0."} else text


def reals(values: Iterable[float], places: int) -> str:
    """Return "a,b,c"."""
    return ",".join(real(value, places) for value in values)
