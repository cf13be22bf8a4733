"""What ifcopenshell says of IFC files, in a process of its own; `python -m tests.support.ifc_check` answers lines.

The validator's compiled rules and the geometry kernel stay out of the tests' process; its warnings are its own. One
process does all files of a test module, because the rules of a schema take longer to compile than a file to check.
"""

from __future__ import annotations

import collections
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pytest


class Checker:
    """The process, from the first file to the end of the `with` block; skips where the extra is missing."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            with self._process as process:
                process.kill()

    def __call__(self, path: Path, *, geometry: bool = False) -> dict[str, Any]:
        """Return issues (message to count) and, if asked for, boxes (identifier to six numbers)."""
        if importlib.util.find_spec("ifcopenshell") is None:
            pytest.skip("ifcopenshell is not installed (extra [ifc])")
        if self._process is None:
            command = [sys.executable, "-m", "tests.support.ifc_check"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(path), geometry]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the checker ended with {self._process.wait()} over {path}; its stderr tells why"
        return dict(json.loads(answer))


def main() -> None:
    import ifcopenshell
    import ifcopenshell.validate

    compile_rules_once()
    for line in sys.stdin:
        path, geometry = json.loads(line)
        file = ifcopenshell.open(path)
        logger = ifcopenshell.validate.json_logger()
        ifcopenshell.validate.validate(file, logger, express_rules=True)
        found = collections.Counter(str(statement.get("message"))[:300] for statement in logger.statements)
        boxes = boxes_of(file) if geometry else {}
        print(json.dumps({"issues": found, "schema": file.schema_identifier, "boxes": boxes}), flush=True)


def compile_rules_once() -> None:
    """Keep the code of a schema's rules: the validator makes it anew for each file, nine tenths of its time."""
    from _pytest.assertion import rewrite
    from ifcopenshell.express import rule_executor

    rewrite_asserts, codes = rewrite.rewrite_asserts, dict[str, Any]()
    rewritten: set[bytes] = set()

    def rewrite_once(mod: Any, source: bytes) -> None:
        if source not in rewritten:
            rewritten.add(source)
            rewrite_asserts(mod=mod, source=source)

    def compiled(tree: Any, name: str, mode: str) -> Any:
        if name not in codes:
            codes[name] = compile(tree, name, mode)
        return codes[name]

    rewrite.rewrite_asserts = rewrite_once
    rule_executor.compile = compiled


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
