"""A conversion done in other ways that must give the same database: without the kernel, in tiny chunks, interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace

from dxfd.convert import keys, pipeline
from dxfd.convert.build import paths, solids
from dxfd.convert.read import columns, glance, source, tags
from dxfd.convert.types import ConvertOptions, Left, Report, ResumePolicy
from dxfd.convert.write import guid
from dxfd.errors import DxfdError

CONVERTED: Final = "converted"
_KERNEL_USERS: Final = (keys, paths, solids, columns, glance, source, tags, guid)
_TINY: Final = (64, 500, 4096)
_MOST_RUNS: Final = 400
Way = Callable[[ConvertOptions, int], str]


def outcome(convert: Callable[[], Report]) -> str:
    """Return what becomes of a conversion: "converted" or the code of an error of ours."""
    try:
        convert()
    except DxfdError as error:
        return error.code
    return CONVERTED


def _plain(options: ConvertOptions) -> Report:
    return pipeline.convert(options, on_event=lambda _: None, should_leave=lambda: None)


def portable(options: ConvertOptions, _number: int) -> str:
    """Convert without the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        for module in _KERNEL_USERS:
            patch.setattr(module, "kernel", None)
        return outcome(lambda: _plain(options))


def tiny(options: ConvertOptions, number: int) -> str:
    """Convert with chunks of some bytes: each entity is read by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "CHUNK_BYTES", _TINY[number % len(_TINY)])
        return outcome(lambda: _plain(options))


def _leaving(after: int) -> Callable[[], str | None]:
    """Return what asks to leave when it has been asked so often."""
    asked = iter(range(after))
    return lambda: "pause" if next(asked, None) is None else None


def interrupted(options: ConvertOptions, number: int) -> str:
    """Convert, leave again and again at a checkpoint, and go on."""
    again = replace(options, resume=ResumePolicy.AUTO)

    def convert() -> Report:
        for run in range(_MOST_RUNS):
            try:
                return pipeline.convert(again, on_event=lambda _: None, should_leave=_leaving(number % 3 + run * run))
            except Left:
                continue
        raise AssertionError("it never ends")

    return outcome(convert)


WAYS: Final[tuple[Way, ...]] = (portable, tiny, interrupted)
