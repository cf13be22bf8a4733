"""The building file: its storeys, their heights and ceilings, and which drawing is which storey. TOML.

    [building]
    name = "Terminal 1"
    type = "airport"             # airport office hospital industrial residential: how high ceilings usually are
    ceiling_m = 4.5              # the same, said outright: services hang from it

    [[storey]]
    name = "Level 1"
    elevation_m = 0.0            # of its floor
    height_m = 5.0               # floor to floor: as high as walls and columns become
    ceiling_m = 4.2              # of this storey, above its floor
    drawings = ["*-L1-*"]        # file names, with * and ?

    [walls]                      # optional: what walls are made of
    from = "pairs"               # lines, or pairs of them side by side
    thickness_max_m = 0.45       # and the other measures of walls/measures.py

Owns the file's format; decides nothing about elements (heights.py).
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from dxfd.convert.match import values
from dxfd.convert.match.rules import DEFAULT_CEILING_M
from dxfd.convert.types import Walls
from dxfd.convert.walls.measures import STANDARD, Measures
from dxfd.errors import ConfigError

CEILINGS_M: Final = {"airport": 4.5, "office": 3.5, "hospital": 3.8, "industrial": 5.0, "residential": 2.7}
"""Usual heights of ceilings by type of building, metres."""
_MAX_BYTES: Final = 1 << 20
_BUILDING: Final[dict[str, Callable[[object], Any]]] = {
    "name": values.some_text, "type": values.some_text, "ceiling_m": values.length, "storey_height_m": values.length,
}  # fmt: skip
_STOREY: Final[dict[str, Callable[[object], Any]]] = {
    "name": values.some_text, "elevation_m": values.elevation, "height_m": values.length, "ceiling_m": values.length,
    "drawings": values.texts,
}  # fmt: skip
_WALLS: Final[dict[str, Callable[[object], Any]]] = {
    "from": values.some_text, **dict.fromkeys(Measures.__struct_fields__, values.length),
}  # fmt: skip
_WALLS_FROM: Final = (Walls.LINES.value, Walls.PAIRS.value)


class Storey(Struct, frozen=True, kw_only=True):
    """One storey.

    Attributes:
        name: unique in the building.
        elevation_m: of its floor, above the building's zero.
        height_m: floor to floor, None if not said and there is no storey above.
        ceiling_m: above its floor.
        drawings: names of its drawings, with * and ?.
    """

    name: str
    elevation_m: float = 0.0
    height_m: float | None = None
    ceiling_m: float = DEFAULT_CEILING_M
    drawings: tuple[str, ...] = ()


class Building(Struct, frozen=True, kw_only=True):
    """A building with its storeys, from the lowest up.

    Attributes:
        name: of it.
        storeys: one at least.
        walls_from: what its file says that walls are made of: lines, pairs; "" = it says nothing.
        walls: what counts as a wall of two lines.
    """

    name: str = "Building"
    storeys: tuple[Storey, ...] = (Storey(name="Level 0"),)
    walls_from: str = ""
    walls: Measures = STANDARD

    def storey_of(self, drawing: str, named: str) -> Storey | None:
        """Return the storey that a drawing is of: the one named, else by the file's name, else the only one.

        Raises:
            ConfigError: the building has none of that name.
        """
        if named:
            found = next((s for s in self.storeys if s.name.casefold() == named.casefold()), None)
            if found is None:
                known = ", ".join(s.name for s in self.storeys)
                raise ConfigError(f"the building has no storey {named!r}", hint=f"storeys: {known}")
            return found
        for storey in self.storeys:
            if any(fnmatchcase(drawing.casefold(), pattern.casefold()) for pattern in storey.drawings):
                return storey
        return self.storeys[0] if len(self.storeys) == 1 else None

    @property
    def fingerprint(self) -> str:
        """Return sha256 hex over everything that elements depend on."""
        return hashlib.sha256(json.dumps(to_builtins(self), sort_keys=True).encode()).hexdigest()


def load_building(path: Path | None, storey: str) -> Building:
    """Return the building of a file; without one a building of one storey that has the name given, else "Level 0".

    Raises:
        ConfigError: it cannot be read or is wrong; the message names the key.
    """
    if path is None:
        return Building(storeys=(Storey(name=storey or "Level 0"),))
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: too large for a building file")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    return parse(text, path.name)


def parse(text: str, file: str) -> Building:
    """Return the building that a TOML document describes.

    Raises:
        ConfigError: one line with file and key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from None
    _known(document, {"building", "storey", "walls"}, file)
    head = _table(document.get("building", {}), _BUILDING, f"{file}: [building]")
    walls = _table(document.get("walls", {}), _WALLS, f"{file}: [walls]")
    walls_from = walls.pop("from", "")
    if walls_from and walls_from not in _WALLS_FROM:
        raise ConfigError(f"{file}: [walls], from must be one of {' '.join(_WALLS_FROM)}, not {walls_from!r}")
    measures = Measures(**walls)
    if measures.thickness_min_m > measures.thickness_max_m:
        raise ConfigError(f"{file}: [walls], thickness_min_m is more than thickness_max_m")
    rows = document.get("storey", [])
    if not isinstance(rows, list):
        raise ConfigError(f"{file}: storey must be written as [[storey]]")
    kind = head.get("type", "")
    if kind and kind not in CEILINGS_M:
        raise ConfigError(f"{file}: [building], type must be one of {' '.join(CEILINGS_M)}, not {kind!r}")
    ceiling = head.get("ceiling_m", CEILINGS_M.get(kind, DEFAULT_CEILING_M))
    found = []
    for number, row in enumerate(rows, 1):
        where = f"{file}: storey {number}"
        fields = _table(row, _STOREY, where)
        if "name" not in fields:
            raise ConfigError(f"{where}, name is missing")
        found.append(Storey(**{"ceiling_m": ceiling, "height_m": head.get("storey_height_m"), **fields}))
    names = [storey.name.casefold() for storey in found]
    if len(set(names)) < len(names):
        raise ConfigError(f"{file}: two storeys have the same name")
    found.sort(key=lambda storey: storey.elevation_m)
    for below, above in pairwise(list(found)):
        if below.height_m is None:
            found[found.index(below)] = replace(below, height_m=above.elevation_m - below.elevation_m or None)
    only = Storey(name="Level 0", ceiling_m=ceiling, height_m=head.get("storey_height_m"))
    name, storeys = head.get("name", "Building"), tuple(found) or (only,)
    return Building(name=name, storeys=storeys, walls_from=walls_from, walls=measures)


def _known(table: dict[str, Any], keys: set[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise ConfigError(f"{where}: {key} is not a key here; known are {', '.join(sorted(keys))}")


def _table(table: object, checks: dict[str, Callable[[object], Any]], where: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table")
    _known(table, set(checks), where)
    out = {}
    for key, value in table.items():
        try:
            out[key] = checks[key](value)
        except values.WrongValueError as wrong:
            raise ConfigError(f"{where}, {key} {wrong}") from None
    return out
