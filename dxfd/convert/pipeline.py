"""The order of the conversion: skim, then read ▸ match ▸ build ▸ write by batches, then finish. The only file that knows it."""

from __future__ import annotations

from dxfd.convert.types import ConvertOptions, Interrupted, OnEvent, Report, ShouldLeave
from dxfd.errors import DxfdError


def convert(options: ConvertOptions, *, on_event: OnEvent, should_leave: ShouldLeave) -> Report:
    """Convert one drawing and publish its database.

    Raises:
        Left: should_leave gave a cause, or the memory limit was reached; resumable.
        DxfdError: any of SourceError, TemplatesError, OutputError, ResourceError.
    """
    raise DxfdError("the conversion is not built yet")


def find_interrupted(options: ConvertOptions) -> Interrupted | None:
    """Return what is known of an interrupted run beside the output, or None. Reads only; takes under 0.1 s."""
    return None
