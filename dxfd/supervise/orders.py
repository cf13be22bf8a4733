"""What a worker is told to do: the job's options, and the daemon's settings where the job says nothing. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from dxfd.config.model import Settings
from dxfd.config.units import metres
from dxfd.contract.messages import JobLimits
from dxfd.contract.progress import Building, EntityLimits, WorkOrder
from dxfd.store.rows import JobRow

_DEFAULT_BATCH: Final = 20_000
"""What is halved after memory trouble when no batch size is set."""
_LEAST_BATCH: Final = 1_000


def order_of(row: JobRow, settings: Settings, *, limit_bytes: int, queue_uid: str, anew: bool = False) -> WorkOrder:
    """Return the order for the attempt that a job has begun, with the memory it is given.

    `anew`: the attempt before failed in a way that nobody foresaw. Perhaps what it went on from was damaged.
    """
    options = row.options
    return WorkOrder(
        job_id=row.id,
        attempt=row.attempt,
        attempt_token=row.attempt_token or "",
        converter=row.converter,
        source=row.source,
        output=row.output,
        templates=options.templates or settings.templates,
        units=options.units,
        batch_size=_batch(row, settings),
        max_memory_bytes=limit_bytes,
        io_timeout_s=settings.io_timeout_s,
        max_errors=options.max_errors,
        error_action=options.error_action,
        damaged=options.damaged or settings.damaged,
        encoding=options.encoding,
        tolerance_m=options.tolerance_m or metres(settings.tolerance_um, per_metre=1e6),
        clip_endless=options.clip_endless,
        choices=msgspec.structs.replace(options.choices, detail=options.choices.detail or settings.detail),
        building=_building(options.building, settings),
        vacuum=options.vacuum,
        limits=_limits(options.limits, settings),
        dwg_converter=_dwg_converter(options.dwg.converter, settings),
        dwg_path=settings.dwg_path,
        dwg_timeout_s=options.dwg.timeout_s or settings.dwg_timeout_s,
        dwg_memory_bytes=dwg_memory_bytes(row, settings),
        restart=row.restart or anew,
        run_key=f"{queue_uid}/{row.id}",
    )


def dwg_memory_bytes(row: JobRow, settings: Settings) -> int:
    """Return what the converter of a DWG drawing may take."""
    return row.options.dwg.memory_bytes or settings.dwg_memory_limit


def _batch(row: JobRow, settings: Settings) -> int:
    batch = row.options.batch_size or settings.batch_size
    return max(_LEAST_BATCH, (batch or _DEFAULT_BATCH) >> row.halvings) if row.halvings else batch


def _building(asked: Building, settings: Settings) -> Building:
    return msgspec.structs.replace(
        asked,
        file=asked.file or settings.building,
        heights=asked.heights or settings.heights,
        walls=asked.walls or settings.walls,
    )


def _limits(asked: JobLimits, settings: Settings) -> EntityLimits:
    return EntityLimits(
        max_entity_bytes=asked.max_entity_bytes or settings.max_entity_bytes,
        max_entity_vertices=asked.max_entity_vertices or settings.max_entity_vertices,
        max_body_points=asked.max_body_points or settings.max_body_points,
        max_block_depth=asked.max_block_depth or settings.max_block_depth,
        max_entity_s=settings.max_entity_s if asked.max_entity_s is None else asked.max_entity_s,
    )


def _dwg_converter(asked: str, settings: Settings) -> str:
    """Return what makes DXF of DWG; where the daemon's owner has switched that off, no job switches it on."""
    return settings.dwg_converter if settings.dwg_converter == "off" else asked or settings.dwg_converter
