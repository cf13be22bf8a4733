"""From a work order to the options of the conversion: the same fields, in the conversion's own types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dxfd.contract.progress import Building, Choices, WorkOrder
from dxfd.convert.types import (
    Colors,
    ConvertOptions,
    Damaged,
    Detail,
    DwgOptions,
    ErrorAction,
    First,
    Heights,
    HiddenLayers,
    Limits,
    ResumePolicy,
    Walls,
)


def options_of(order: WorkOrder) -> ConvertOptions:
    """Return the conversion's options; a resumable run is resumed unless the order says to discard it."""
    return ConvertOptions(
        source=Path(order.source),
        output=Path(order.output),
        templates=Path(order.templates) if order.templates else None,
        units=order.units or None,
        batch_size=order.batch_size or None,
        max_memory_bytes=order.max_memory_bytes or None,
        max_errors=order.max_errors,
        error_action=ErrorAction(order.error_action),
        resume=ResumePolicy.RESTART if order.restart else ResumePolicy.AUTO,
        run_key=order.run_key,
        vacuum=order.vacuum,
        damaged=Damaged(order.damaged),
        encoding=order.encoding or None,
        tolerance_m=order.tolerance_m,
        clip_endless=order.clip_endless,
        **_choices(order.choices),
        **_building(order.building),
        limits=Limits(
            entity_bytes=order.limits.max_entity_bytes,
            entity_vertices=order.limits.max_entity_vertices,
            body_points=order.limits.max_body_points,
            block_depth=order.limits.max_block_depth,
            entity_s=order.limits.max_entity_s,
        ),
        dwg=DwgOptions(
            converter=order.dwg_converter,
            path=order.dwg_path,
            timeout_s=order.dwg_timeout_s,
            memory_bytes=order.dwg_memory_bytes,
        ),
    )


def _choices(choices: Choices) -> dict[str, Any]:
    """Return the fields of the options that say what of the drawing is converted."""
    given: dict[str, Any] = {
        "hidden_layers": HiddenLayers(choices.hidden_layers), "colors": Colors(choices.colors), "xdata": choices.xdata,
    }  # fmt: skip
    lists = {"layouts": tuple(choices.layouts), "blocks": tuple(choices.blocks)}
    given |= {name: value for name, value in lists.items() if value}
    if choices.detail:
        given["detail"] = Detail(choices.detail)
    return given | ({"explode_limit": choices.explode_limit} if choices.explode_limit else {})


def _building(building: Building) -> dict[str, Any]:
    """Return the fields of the options that say where the drawing is in its building, and what goes first."""
    return {
        "building": Path(building.file) if building.file else None,
        "storey": building.storey,
        "heights": Heights(building.heights or Heights.AUTO),
        "region": building.region,
        "clashes": building.clashes,
        "separate": building.separate,
        "first": First(building.first),
        "walls": Walls(building.walls or Walls.AUTO),
    }
