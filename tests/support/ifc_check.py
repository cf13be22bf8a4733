"""What ifcopenshell says of an IFC file, in a process of its own: `python -m tests.support.ifc_check FILE` prints JSON.

The validator's compiled rules and the geometry kernel stay out of the tests' process; its warnings are its own.
"""

from __future__ import annotations

import collections
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def checked(path: Path, *, geometry: bool = False) -> dict[str, Any]:
    """Return issues (message to count) and, if asked for, boxes (identifier to six numbers); skip without the extra."""
    if importlib.util.find_spec("ifcopenshell") is None:
        pytest.skip("ifcopenshell is not installed (extra [ifc])")
    command = [sys.executable, "-m", "tests.support.ifc_check", str(path), *(["--geometry"] if geometry else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    import ifcopenshell
    import ifcopenshell.validate

    file = ifcopenshell.open(sys.argv[1])
    logger = ifcopenshell.validate.json_logger()
    ifcopenshell.validate.validate(file, logger, express_rules=True)
    found = collections.Counter(str(statement.get("message"))[:300] for statement in logger.statements)
    boxes = boxes_of(file) if "--geometry" in sys.argv else {}
    print(json.dumps({"issues": found, "schema": file.schema_identifier, "boxes": boxes}))


def boxes_of(file: Any) -> dict[str, list[float]]:
    import ifcopenshell.geom
    import numpy as np

    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    shapes = ifcopenshell.geom.iterator(settings, file, 1)
    boxes: dict[str, list[float]] = {}
    more = shapes.initialize()
    while more:
        shape = shapes.get()
        points = np.array(shape.geometry.verts).reshape(-1, 3)
        if len(points):
            boxes[shape.guid] = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
        more = shapes.next()
    return boxes


if __name__ == "__main__":
    main()
