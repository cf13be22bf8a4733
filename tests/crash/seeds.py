"""The seed of a random test: printed always, set by DXFD_CRASH_SEED to have the same once more."""

from __future__ import annotations

import os
import random


def seeded(what: str) -> random.Random:
    """Return a source of randomness and print how to get the same again."""
    text = os.environ.get("DXFD_CRASH_SEED", "")
    seed = int(text) if text else random.SystemRandom().randrange(1_000_000)
    print(f"{what}: replay with DXFD_CRASH_SEED={seed}")
    return random.Random(seed)
