"""The stage that makes walls of pairs of lines, on the finished rows. One transaction, done once; ids stay 1 … n.

Owns what is read for it and how high openings reach. What a wall is, walls/ knows; what changes, wall_rows.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from dxfd.convert.build.frame import from_euler
from dxfd.convert.build.ragged import Bools, Floats, Ints, offsets, picked
from dxfd.convert.clash import TooManyPairsError
from dxfd.convert.walls import solids
from dxfd.convert.walls.chains import Fillings, Opening
from dxfd.convert.walls.find import find
from dxfd.convert.walls.joints import CORNER, SIDE, Plan
from dxfd.convert.walls.lines import Bodies, traced
from dxfd.convert.walls.measures import Measures
from dxfd.convert.write import wall_rows
from dxfd.convert.write.database import Database, numbers, quoted
from dxfd.convert.write.guid import derived
from dxfd.convert.write.wall_change import Change, OpeningRow, Rest, WallRow

CODE: Final = "walls_joined"
WALLS: Final = ("IfcWall", "IfcWallStandardCase")
KINDS: Final = ("LINE", "LWPOLYLINE", "POLYLINE")
DOOR: Final = "IfcDoor"
WINDOW: Final = "IfcWindow"
MOST_LINES: Final = 150_000
"""Walls are found with all lines of a floor in memory: 2.5 KB each. Of more none are made."""
_LEAST_HEIGHT_M: Final = 0.3
"""A door or window of less height has none: it is a symbol in plan."""
_LOW_M: Final = 0.05
_USUAL_WINDOW_M: Final = 1.5


class _Read(Struct, frozen=True):
    """Elements with their bodies, in order of id.

    Attributes:
        id: (n,) of each.
        guid, storey, layer, kind, rule, ifc_class: of each.
        center, size: (n, 3) of their boxes.
        bodies: corners in the database's frame.
    """

    id: Ints
    guid: list[str]
    storey: list[str]
    layer: list[str]
    kind: list[str]
    rule: list[str]
    ifc_class: list[str]
    center: Floats
    size: Floats
    bodies: Bodies

    def part(self, rows: Ints) -> Bodies:
        """Return the bodies of some."""
        points, offset = self.bodies.points, self.bodies.offset
        return Bodies(points[picked(offset, rows)], offsets(np.diff(offset)[rows]))


def join(database: Database, measures: Measures) -> None:
    """Make walls of lines that lie side by side, in a transaction; the unique indexes are there.

    Changes elements_meta, element_transforms, base_geometries, element_properties, the account and the checkpoint;
    fills walls, wall_lines and wall_openings.
    """
    if database.rows(f"SELECT 1 FROM conversion_issues WHERE code = '{CODE}'"):
        return  # a run that died behind this stage has done it
    change = _changes(database, measures)
    if change is not None and change.walls:
        wall_rows.apply(database, change)
    database.insert("conversion_issues", {"code": CODE, "severity": "notice", "message": _words(change)})


def _changes(database: Database, measures: Measures) -> Change | None:
    """Return what changes; None if there are too many lines to look at together."""
    which = f" AND m.dxf_type IN ({quoted(KINDS)})"
    ((count,),) = database.rows(f"SELECT COUNT(*) FROM elements_meta m WHERE m.ifc_class IN ({quoted(WALLS)}){which}")
    if count > MOST_LINES:
        return None
    lines = _read(database, WALLS, which)
    fillings = _read(database, (DOOR, WINDOW), "")
    change = Change()
    try:
        for rows in _levels(lines):
            _take(change, lines, fillings, rows, measures)
    except TooManyPairsError:
        return None
    return change


def _words(change: Change | None) -> str:
    if change is None:
        return "there are too many lines of walls, or too many side by side: none were made walls of pairs"
    used, pairs = len(change.gone) + len(change.rests), sum(w.plan.wall.pieces for w in change.walls)
    openings = len(change.openings)
    return f"{len(change.walls)} walls were made of {pairs} pairs of faces, {used} lines; {openings} openings"


def _read(database: Database, classes: Sequence[str], more: str) -> _Read:
    """Return the elements of some classes in the model, with their bodies turned and placed."""
    reader = database.batches(
        "SELECT m.id, m.guid, m.storey, m.dxf_layer, m.dxf_type, m.rule_id, m.ifc_class, t.center_x, t.center_y,"
        " t.center_z, t.bbox_x, t.bbox_y, t.bbox_z, t.rotation_x, t.rotation_y, t.rotation_z, g.vertices"
        " FROM elements_meta m JOIN element_transforms t ON t.id = m.id"
        " JOIN base_geometries g ON g.geometry_hash = COALESCE(m.geometry_hash, m.guid)"
        f" WHERE m.ifc_class IN ({quoted(classes)}){more} AND m.storey NOT IN"
        " (SELECT layout FROM _ledger WHERE space = 'paper' AND outcome = 'element') ORDER BY m.id"
    )
    texts: list[list[str]] = [[], [], [], [], [], []]
    ids, counts = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    places, points = [np.empty((0, 9))], [np.empty((0, 3))]
    for batch in reader:
        ids.append(batch.column(0).to_numpy(zero_copy_only=False).astype(np.int64))
        for k, text in enumerate(texts, 1):
            text.extend(batch.column(k).to_pylist())
        place = numbers(batch, 7, 16)
        blobs = batch.column(16).to_pylist()
        count = np.array([len(blob) // 12 for blob in blobs], dtype=np.int64)
        corners = np.frombuffer(b"".join(blobs), dtype="<f4").reshape(-1, 3).astype(np.float64)
        row = np.repeat(np.arange(len(count)), count)
        turned: Bools = np.abs(place[:, 6:]).max(axis=1, initial=0.0) > 0
        if turned.any():
            some = turned[row]
            corners[some] = np.einsum("nij,nj->ni", from_euler(place[:, 6:])[row[some]], corners[some])
        points.append(corners + place[row, :3])
        places.append(place)
        counts.append(count)
    place = np.concatenate(places)
    guid, storey, layer, kind, rule, ifc_class = texts
    return _Read(
        np.concatenate(ids), guid, storey, layer, kind, rule, ifc_class, place[:, :3], place[:, 3:6],
        Bodies(np.concatenate(points), offsets(np.concatenate(counts))),
    )  # fmt: skip


def _levels(lines: _Read) -> list[Ints]:
    """Return the rows of what stands on one floor, floor by floor."""
    foot = np.round(lines.center[:, 2] - lines.size[:, 2] / 2, 2)
    found: dict[tuple[str, float], list[int]] = defaultdict(list)
    for k, key in enumerate(zip(lines.storey, foot.tolist(), strict=True)):
        found[key].append(k)
    return [np.array(rows, dtype=np.int64) for rows in found.values()]


def _take(change: Change, lines: _Read, fillings: _Read, rows: Ints, measures: Measures) -> None:
    """Find the walls of one floor and note what changes."""
    got = traced(lines.part(rows))
    if len(got.lines.owner) > MOST_LINES:
        raise TooManyPairsError
    kinds = [lines.kind[k] for k in rows.tolist()]
    is_line = np.array([kind == "LINE" for kind in kinds], dtype=np.bool_)
    group: dict[tuple[Any, ...], int] = {}
    groups = np.array(
        [group.setdefault((lines.layer[k], lines.rule[k], round(float(lines.size[k, 2]), 2)), len(group))
         for k in rows.tolist()], dtype=np.int64,
    )  # fmt: skip
    faces = got.lines.take(~(is_line[got.lines.owner] & got.lines.outline))  # the box of a line is no outline
    faces = replace(faces, group=groups[faces.owner])
    foot = float(lines.center[rows[0], 2] - lines.size[rows[0], 2] / 2)
    stands = _standing(fillings, lines.storey[int(rows[0])], foot, float(lines.size[rows, 2].max()))
    place = np.flatnonzero(stands)
    some = fillings.part(place)
    found = find(faces, got.thin, Fillings(some.points[:, :2], some.offset), measures)
    first = len(change.walls)
    for number, plan in enumerate(found.plans):
        row = int(rows[found.firsts[number]])
        height = float(lines.size[row, 2])
        guid = derived(lines.guid[row], f"wall {change.next_of(row)}")
        holes = []
        for opening in plan.wall.openings:
            hole = _hole(opening, fillings, place, (foot, height), measures)
            if hole is not None:
                holes.append(hole)
                filling = fillings.guid[int(place[opening.filling])]
                change.openings.append(_opening(guid, len(holes), filling, hole, plan))
        change.walls.append(WallRow(guid, int(lines.id[row]), plan, foot, height, holes))
    for owner, fate in sorted(found.fates.items()):
        row = int(rows[owner])
        walls = tuple((first + wall, role) for wall, role in fate.walls.items())
        if not fate.rest:
            change.gone.append((int(lines.id[row]), walls))
            continue
        width = float(got.width[owner]) or found.plans[next(iter(fate.walls))].wall.thickness
        height = float(lines.size[row, 2])
        change.rests.append(
            Rest(int(lines.id[row]), derived(lines.guid[row], "rest"), fate.rest, width, foot, height, walls)
        )


def _standing(fillings: _Read, storey: str, foot: float, height: float) -> Bools:
    """Return which doors and windows stand in the walls of a floor."""
    low = fillings.center[:, 2] - fillings.size[:, 2] / 2
    here = np.array([name == storey for name in fillings.storey], dtype=np.bool_)
    out: Bools = here & (low > foot - _LEAST_HEIGHT_M) & (low < foot + height)
    return out


def _hole(
    opening: Opening, fillings: _Read, place: Ints, stands: tuple[float, float], measures: Measures
) -> solids.Hole | None:
    """Return how high an opening reaches: as its door or window does, else as the measures say."""
    foot, height = stands
    own = int(place[opening.filling])
    is_door = fillings.ifc_class[own] == DOOR
    low = float(fillings.center[own, 2] - fillings.size[own, 2] / 2) - foot
    tall = float(fillings.size[own, 2])
    sill = 0.0 if is_door else low if low > _LOW_M else measures.sill_m
    if tall >= _LEAST_HEIGHT_M:
        head = low + tall
    elif is_door:
        head = measures.door_head_m
    else:
        head = max(measures.window_head_m, sill + _USUAL_WINDOW_M)
    return solids.hole_of(opening.low, opening.high, sill, head, height)


def _opening(wall: str, number: int, filling: str, hole: solids.Hole, plan: Plan) -> OpeningRow:
    start = (plan.left[0] + plan.right[0]) / 2
    along = (hole.low - start, hole.high - start)
    return OpeningRow(wall, derived(wall, f"opening {number}"), filling, along, hole.sill, hole.head)


def counts(database: Database) -> dict[str, int]:
    """Return what the stage did, for the report; empty where it was not asked for."""
    if not database.rows(f"SELECT 1 FROM conversion_issues WHERE code = '{CODE}'"):
        return {}
    ends = "SUM((start_joint = '{0}') + (end_joint = '{0}'))"
    made, pairs, corners, sides = database.rows(
        f"SELECT COUNT(*), COALESCE(SUM(pairs), 0), COALESCE({ends.format(CORNER)}, 0),"
        f" COALESCE({ends.format(SIDE)}, 0) FROM walls"
    )[0]
    ((openings,),) = database.rows("SELECT COUNT(*) FROM wall_openings")
    ((merged,),) = database.rows("SELECT COUNT(DISTINCT element) FROM wall_lines WHERE rest = 0")
    ((shortened,),) = database.rows("SELECT COUNT(DISTINCT element) FROM wall_lines WHERE rest = 1")
    ((alone,),) = database.rows(
        f"SELECT COUNT(*) FROM elements_meta WHERE ifc_class IN ({quoted(WALLS)}) AND dxf_type IN ({quoted(KINDS)})"
        " AND guid NOT IN (SELECT guid FROM walls) AND guid NOT IN (SELECT element FROM wall_lines)"
    )
    return {
        "walls": made, "pairs": pairs, "corners": corners, "sides": sides, "openings": openings, "lines": merged,
        "lines_shortened": shortened, "lines_alone": alone,
    }  # fmt: skip
