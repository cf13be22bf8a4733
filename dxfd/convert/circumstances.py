"""What making geometry depends on beside entities and blocks, put together for one run: see build/means.py."""

from __future__ import annotations

import numpy as np

from dxfd.convert.build.means import Means
from dxfd.convert.read.extras import Applications, Bodies
from dxfd.convert.read.skim import Skim
from dxfd.convert.read.source import Source
from dxfd.convert.types import ConvertOptions, Detail


def means_of(options: ConvertOptions, found: Skim, source: Source, metres: float) -> Means:
    """Return the means of a run; classes and bodies are read when first asked for."""
    clip = None
    if options.clip_endless and found.extents is not None:
        low, high = (np.array(corner) * metres for corner in found.extents)
        clip = low, high
    return Means(
        tolerance_m=options.tolerance_m, clip=clip, limits=options.limits, boxes=options.detail is Detail.BOX,
        application=Applications(source, found.sections, found.codec).of, body=Bodies(source, found.sections).of,
    )  # fmt: skip
