"""What one run knows before its first batch: source, rules, units, origin, and whether an earlier run can be continued.

Decides about resuming; converts nothing. Used by pipeline.py alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from dxfd import __version__
from dxfd.convert.build.portable import FARTHEST_M
from dxfd.convert.build.units import Lengths, Units, decide, doubt
from dxfd.convert.building import Building, load_building
from dxfd.convert.dwg.choose import identity
from dxfd.convert.dwg.text import Way
from dxfd.convert.heights import Levels, way_of
from dxfd.convert.heights import Way as HeightsFrom
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules
from dxfd.convert.read.sample import Sample, sample
from dxfd.convert.read.skim import Skim
from dxfd.convert.read.source import Source
from dxfd.convert.region import Region, region_of
from dxfd.convert.types import ConvertOptions, Detail, Interrupted, Walls
from dxfd.convert.walls.measures import Measures
from dxfd.convert.write.output import FORMAT, Checkpoint, partial_of, read_checkpoint, read_sealed, sound
from dxfd.errors import UsageError

_FAR_M: Final = 10_000.0
_ORIGIN_STEP_M: Final = 1_000.0
_FEWEST_POINTS: Final = 20
"""With fewer, the width of a drawing tells nothing about its unit."""
_WORDS: Final = {"dxfd": "version of dxfd", "rules": "templates"}
"""What parts of the configuration are called; the others by their own names."""
_TEXT: Final = "dwg_text"
"""Of the configuration: the digest of the text made of a DWG drawing."""
_SILENT: Final = frozenset({"limits", "templates", _TEXT})


class Plan(Struct, frozen=True, kw_only=True):
    """The facts that every batch is made with.

    Attributes:
        origin: (x, y, z) metres, subtracted from all coordinates: whole kilometres near the drawing, 0 near 0.
        levels: storeys, and where heights come from.
        region: what is converted; None = everything.
        walls: what counts as a wall of two lines; None = each line is one.
        notes: (issue code, message) of what in the drawing speaks against this.
    """

    rules: RuleSet
    units: Units
    origin: tuple[float, float, float]
    levels: Levels
    region: Region | None
    walls: Measures | None
    notes: tuple[tuple[str, str], ...]
    config: dict[str, Any]
    config_fingerprint: str


def plan(options: ConvertOptions, found: Skim, rules: RuleSet, source: Source) -> Plan:
    """Return the plan for a skimmed drawing."""
    spread = found.spread
    if found.extents is not None:
        low, high = found.extents
        spread = max(spread, high[0] - low[0], high[1] - low[1]) if spread else max(high[0] - low[0], high[1] - low[1])
    units = decide(options.units, found.insunits, found.measurement, spread)
    x, y = (_origin(v * units.metres) for v in found.median)
    building = load_building(options.building, options.storey)  # once: the levels are those of the fingerprint
    config = _configuration(options, rules, source, building)
    points = sample(source, found.sections)
    levels = _levels(options, building, source, points, units.metres)
    walls = _walls(options, building)
    return Plan(
        rules=rules, units=units, origin=(x, y, 0.0), levels=levels,
        region=region_of(options.region, points, units.metres), notes=tuple(_notes(units, found, points, levels)),
        walls=walls, config=config, config_fingerprint=fingerprint(config),
    )  # fmt: skip


def _walls(options: ConvertOptions, building: Building) -> Measures | None:
    """Return what counts as a wall of two lines; None where walls are made of lines.

    Raises:
        UsageError: bodies are boxes, in which no line is left.
    """
    said = building.walls_from if options.walls is Walls.AUTO else options.walls.value
    if said != Walls.PAIRS.value:
        return None
    if options.detail is Detail.BOX:
        raise UsageError("walls of pairs have bodies: they cannot be made with boxes", hint="leave out --detail box")
    return building.walls


def _levels(options: ConvertOptions, building: Building, source: Source, points: Sample, metres: float) -> Levels:
    storey = building.storey_of(source.path.name, options.storey if options.building else "")
    return Levels(building=building, storey=storey, way=way_of(options.heights, points.z, metres))


def _notes(units: Units, found: Skim, points: Sample, levels: Levels) -> Iterator[tuple[str, str]]:
    """Yield what in the drawing speaks against the plan."""
    if against := doubt(units, found.insunits, found.measurement, _lengths(points)):
        yield "units_doubtful", against
    if levels.storey is None and levels.way is not HeightsFrom.DRAWING:
        yield (
            "storey_unknown",
            f"no storey of the building is of this drawing's name; it stands on {levels.base.name!r}",
        )


def _lengths(points: Sample) -> Lengths:
    """Return what tells of the drawing's unit."""
    return Lengths(_width(points), points.swings, points.texts, points.spans)


def _width(points: Sample) -> float:
    """Return how wide the middle of the sample is, in drawing units; 0 where there are too few points to tell."""
    if len(points.xy) < _FEWEST_POINTS:
        return 0.0
    low, high = np.percentile(points.xy, [5, 95], axis=0)
    return float((high - low).max())


def configuration(options: ConvertOptions, rules: RuleSet, source: Source) -> dict[str, Any]:
    """Return what the result depends on besides the source."""
    return _configuration(options, rules, source, load_building(options.building, options.storey))


def _configuration(options: ConvertOptions, rules: RuleSet, source: Source, building: Building) -> dict[str, Any]:
    made = {"dwg": identity(options.dwg), _TEXT: source.made.digest if source.made else ""} if source.dwg else {}
    return {
        **made,
        "dxfd": __version__.rsplit(".", 1)[0],
        "format": FORMAT,
        "rules": rules.fingerprint,
        "templates": str(options.templates) if options.templates else "",
        "units": options.units or "",
        "tolerance_m": options.tolerance_m,
        "clip_endless": options.clip_endless,
        "hidden_layers": options.hidden_layers.value,
        "colors": options.colors.value,
        "xdata": options.xdata,
        "detail": options.detail.value,
        "layouts": _layouts(options),
        "blocks": sorted({name.upper() for name in options.blocks}),
        "explode_limit": options.explode_limit,
        "encoding": options.encoding or "",
        "damaged": options.damaged.value,
        "limits": asdict(options.limits),
        "building": building.fingerprint,
        "storey": options.storey,
        "heights": options.heights.value,
        "region": options.region,
        "clashes": options.clashes,
        "separate": options.separate,
        "first": options.first.value,
        "walls": options.walls.value,
    }


def dwg_way(options: ConvertOptions) -> Way:
    """Return how a DWG drawing is made into text: beside the output, under its lock."""
    scratch = Path(f"{partial_of(options.output.absolute())}.dwg")
    return Way(options=options.dwg, max_memory_bytes=options.max_memory_bytes, scratch=scratch)


def fingerprint(config: dict[str, Any]) -> str:
    """Return sha256 hex over a configuration; where the rules lie does not count, only what they say.

    Nor does the text made of a DWG: before it is made again nobody knows it. why_not_resumable() looks at it.
    """
    counted = {key: value for key, value in config.items() if key not in {"templates", _TEXT}}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()


def _origin(metres: float) -> float:
    if not _FAR_M <= abs(metres) <= FARTHEST_M:  # nor is a place that is none (nan, out of reach) worth going to
        return 0.0
    return float(np.round(metres / _ORIGIN_STEP_M) * _ORIGIN_STEP_M)


def why_not_resumable(checkpoint: Checkpoint | None, source: Source, config: dict[str, Any]) -> str:
    """Return why an interrupted run cannot be continued with this configuration; empty if it can."""
    if checkpoint is None:
        return "its checkpoint cannot be read"
    if checkpoint.format != FORMAT:
        return f"it was made by another version of dxfd (format {checkpoint.format}, here {FORMAT})"
    if checkpoint.source_fingerprint != source.fingerprint:
        return "the drawing has changed since"
    if checkpoint.config_fingerprint != fingerprint(config):
        return _changed(checkpoint, config)
    if source.made and json.loads(checkpoint.config_json).get(_TEXT) != source.made.digest:
        return "the converter made another text of the DWG than then, so no place in it is the same"
    return ""


def _changed(checkpoint: Checkpoint, config: dict[str, Any]) -> str:
    """Return which settings are others than then."""
    try:
        before = json.loads(checkpoint.config_json)
    except ValueError:
        before = {}
    before, now = ({**c, **c.get("limits", {})} for c in (before, config))
    names = [_WORDS.get(key, key) for key in now if key not in _SILENT and before.get(key) != now[key]]
    return f"the settings are others than then: {', '.join(names) or 'unknown ones'}"


def _layouts(options: ConvertOptions) -> list[str]:
    return sorted({name.upper() for name in options.layouts})


def known_total(partial: Path, source: Source, options: ConvertOptions) -> int | None:
    """Return the count that an interrupted run made of the same layouts' entities: half of the first pass's time."""
    checkpoint = read_checkpoint(partial) if partial.exists() else None
    if checkpoint is None or checkpoint.source_fingerprint != source.fingerprint:
        return None
    try:
        before = json.loads(checkpoint.config_json)
    except ValueError:
        return None
    same = isinstance(before, dict) and before.get("layouts") == _layouts(options)
    return checkpoint.total_entities if same else None


def find_interrupted(options: ConvertOptions) -> Interrupted | None:
    """Return what is known of an interrupted run beside the output, or None."""
    partial = partial_of(options.output.absolute())
    if not partial.exists():
        return None
    checkpoint = read_checkpoint(partial) or _sealed(partial)
    rules = load_rules(options.templates)
    with Source(options.source) as source:
        reason = why_not_resumable(checkpoint, source, configuration(options, rules, source))
    if checkpoint is None:
        checkpoint = Checkpoint(status="unreadable")
    return Interrupted(
        partial=partial,
        started_at=checkpoint.started_at,
        last_checkpoint_at=checkpoint.last_checkpoint_at,
        status=checkpoint.status,
        entities_done=checkpoint.entities_read,
        entities_total=checkpoint.total_entities,
        batch=checkpoint.current_batch_number,
        error_count=checkpoint.error_count,
        fits=not reason,
        why_not=reason,
    )


def _sealed(partial: Path) -> Checkpoint | None:
    """Return what a run that had only the renaming left would say of itself."""
    made = read_sealed(partial)
    if made is None:
        return None
    return Checkpoint(
        status="sealed", started_at=made["started_at"], last_checkpoint_at=made["finished_at"],
        source_fingerprint=made["source_fingerprint"], config_fingerprint=made["config_fingerprint"],
        total_entities=made["entities_read"], entities_read=made["entities_read"], error_count=made["errors"],
        current_batch_number=made["batches"],
    )  # fmt: skip


CHECKED_AT_ONCE: Final = 500_000
"""Elements of an interrupted run up to which it is looked at before it is gone on from: half a second."""


def checked_later(elements: int) -> bool:
    """Return whether an interrupted run is so large that it is looked at when it is complete."""
    return elements >= CHECKED_AT_ONCE


def damaged(partial: Path, elements: int) -> bool:
    """Return whether SQLite finds fault with an interrupted run that is looked at now."""
    return not checked_later(elements) and not sound(partial)
