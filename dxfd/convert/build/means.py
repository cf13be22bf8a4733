"""What making geometry depends on beside the entity: tolerance, where endless lines end, classes and binary bodies.

A value, handed to the stages that need it; how classes and bodies are read is not its business.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from dxfd.convert.build.curves import TOLERANCE_M
from dxfd.convert.build.ragged import Floats
from dxfd.convert.types import DEFAULT_LIMITS, Limits


def _none(_kind: str, _number: int) -> str:
    return ""


def _nothing(_handle: str) -> bytes:
    return b""


class Means(Struct, frozen=True, kw_only=True):
    """The facts of one drawing.

    Attributes:
        tolerance_m: largest distance of a chord from its curve.
        clip: low and high corner (3,) in metres where RAY and XLINE end; None = they are left out.
        application: what CLASSES says of a type, or of the number of a proxy's class, in words; "" = nothing.
        limits: what one entity may ask for.
        boxes: references to blocks are boxes, whatever faces the blocks hold.
        body: the binary ACIS data of an entity by its handle (capitals); empty if there is none.
    """

    tolerance_m: float = TOLERANCE_M
    clip: tuple[Floats, Floats] | None = None
    limits: Limits = DEFAULT_LIMITS
    boxes: bool = False
    application: Callable[[str, int], str] = _none
    body: Callable[[str], bytes] = _nothing


PLAIN = Means()
