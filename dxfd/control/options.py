"""Whether a job's options mean something: checked when it is submitted, without touching a file."""

from __future__ import annotations

import math
import os.path
import re
from typing import Final

from dxfd.config.model import FIELDS
from dxfd.contract.messages import JobDwg, JobLimits, JobOptions
from dxfd.contract.progress import Building, Choices
from dxfd.errors import UsageError

MOST_NUMBER: Final = 2**62
_LONGEST_PATH: Final = 4096
_LONGEST_NAME: Final = 255
_MOST_NAMES: Final = 1000
_COARSEST_M: Final = 1.0
_DEEPEST: Final = int(FIELDS["max_block_depth"].most)
"""Blocks are gone down into by functions that call themselves: 10,000 levels would end the worker."""
_LONGEST_S: Final = 1e9
_ENCODING: Final = re.compile(r"[A-Za-z0-9][-_. A-Za-z0-9]{0,39}")
_UNITS: Final = ("", "mm", "cm", "dm", "m", "km", "in", "ft", "yd", "mi")


def absolute(name: str, text: str) -> str:
    """Return a path in its plainest form.

    Raises:
        UsageError: it is none, or relative.
    """
    if not text.startswith("/") or "\0" in text or len(text) > _LONGEST_PATH:
        raise UsageError(f"{name} is not an absolute path of at most {_LONGEST_PATH} characters")
    return os.path.normpath(text)


def check_options(options: JobOptions) -> None:
    """Check them.

    Raises:
        UsageError: one of them means nothing.
    """
    _one_of("units", options.units, _UNITS)
    _one_of("error_action", options.error_action, ("skip", "stop"))
    _one_of("damaged", options.damaged, _words_of("damaged"))
    if options.encoding and not _ENCODING.fullmatch(options.encoding):
        raise UsageError(f"there is no encoding {options.encoding[:40]!r}", hint="name a code page, as cp1251")
    if not 0.0 <= options.tolerance_m <= _COARSEST_M:
        raise UsageError(f"tolerance_m is a length of at most {_COARSEST_M:g} m")
    if options.templates:
        absolute("templates", options.templates)
    for name in ("batch_size", "max_memory_bytes", "max_errors"):
        _number(name, getattr(options, name))
    _check_choices(options.choices)
    _check_building(options.building)
    if options.building.walls == "pairs" and options.choices.detail == "box":
        raise UsageError("walls of pairs have bodies: they cannot be made with boxes", hint="leave one of them out")
    _check_limits(options.limits)
    _check_dwg(options.dwg)


def _check_choices(choices: Choices) -> None:
    _one_of("hidden_layers", choices.hidden_layers, ("convert", "skip"))
    _one_of("colors", choices.colors, ("rule", "drawing"))
    _one_of("detail", choices.detail, _words_of("detail"))
    _number("explode_limit", choices.explode_limit)
    for name, words in (("layouts", choices.layouts), ("blocks", choices.blocks)):
        if len(words) > _MOST_NAMES or any(not 0 < len(word) <= _LONGEST_NAME for word in words):
            raise UsageError(f"{name} are at most {_MOST_NAMES} names of at most {_LONGEST_NAME} characters")


def _check_building(building: Building) -> None:
    _one_of("heights", building.heights, _words_of("heights"))
    _one_of("first", building.first, ("all", "structure"))
    _one_of("walls", building.walls, _words_of("walls"))
    if building.file:
        absolute("the building file", building.file)
    if len(building.storey) > _LONGEST_NAME:
        raise UsageError(f"the storey's name has at most {_LONGEST_NAME} characters")
    if building.region not in {"", "building"} and not _is_rectangle(building.region):
        raise UsageError(
            f"the region is x0,y0,x1,y1 in drawing units, or building, not {building.region[:80]!r}",
            hint="x0,y0 is the lower left corner, x1,y1 the upper right one",
        )


def _check_limits(limits: JobLimits) -> None:
    for name in ("max_entity_bytes", "max_entity_vertices", "max_body_points", "max_block_depth"):
        _number(name, getattr(limits, name))
    if limits.max_block_depth > _DEEPEST:
        raise UsageError(f"max_block_depth is at most {_DEEPEST}")
    _seconds("max_entity_s", limits.max_entity_s or 0.0)


def _check_dwg(dwg: JobDwg) -> None:
    _one_of("the converter of DWG", dwg.converter, _words_of("dwg_converter"))
    _seconds("the time of the DWG converter", dwg.timeout_s)
    _number("the memory of the DWG converter", dwg.memory_bytes)


def _one_of(name: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise UsageError(f"{name} is not {word[:40]!r}", hint=", ".join(filter(None, known)))


def _words_of(setting: str) -> tuple[str, ...]:
    """Return the words of a setting, and "": as it says."""
    return ("", *FIELDS[setting].choices)


def _number(name: str, value: int) -> None:
    if not 0 <= value < MOST_NUMBER:
        raise UsageError(f"{name} is a number of at least 0")


def _seconds(name: str, value: float) -> None:
    if not 0.0 <= value <= _LONGEST_S:  # nor is nan
        raise UsageError(f"{name} is a number of seconds of at least 0")


def _is_rectangle(text: str) -> bool:
    try:
        x0, y0, x1, y1 = (float(part) for part in text.split(","))
    except ValueError:
        return False
    return all(map(math.isfinite, (x0, y0, x1, y1))) and x0 < x1 and y0 < y1
