"""Which converter reads a DWG drawing: what the options ask for, and what is installed. Runs none of them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
from pathlib import Path
from typing import Final

from msgspec import Struct

from dxfd.convert.types import DwgOptions
from dxfd.errors import DwgNoConverterError

ACADSHARP: Final = "acadsharp"
DWG2DXF: Final = "dwg2dxf"
ODA: Final = "oda"
OFF: Final = "off"
PROGRAMS: Final = {DWG2DXF: "dwg2dxf", ODA: "ODAFileConverter"}

_MAGIC: Final = re.compile(rb"AC(?:10\d\d|\d\.\d\d?)|MC0\.0")
_NAMES: Final = {
    "AC1012": "R13", "AC1014": "R14", "AC1015": "2000", "AC1018": "2004", "AC1021": "2007", "AC1024": "2010",
    "AC1027": "2013", "AC1032": "2018",
}  # fmt: skip


class Tool(Struct, frozen=True, kw_only=True):
    """A converter that is there.

    Attributes:
        name: acadsharp, dwg2dxf or oda.
        path: its program; empty for the Python package.
        version: of the package, or a mark of the program's file.
    """

    name: str
    path: str = ""
    version: str = ""

    @property
    def words(self) -> str:
        """What to call it."""
        return f"{self.name} {self.version}" if self.name == ACADSHARP else Path(self.path).name

    @property
    def identity(self) -> str:
        """What its text depends on."""
        return f"{self.name} {self.version}"


def is_dwg(head: bytes) -> bool:
    """Return whether a file with this beginning is a DWG drawing of any age."""
    return _MAGIC.match(head) is not None


def version_of(head: bytes) -> str:
    """Return the mark of a DWG drawing's version, such as AC1032."""
    return head[:6].rstrip(b"\0").decode("ascii", "replace")


def version_name(version: str) -> str:
    """Return the version as users know it."""
    known = _NAMES.get(version)
    if known is None:
        known = "R11 or older" if is_old(version) else version
    return f"AutoCAD {known}"


def is_old(version: str) -> bool:
    """Return whether a version is older than R13, which acadsharp does not read."""
    return "." in version or version < "AC1012"


def tools(options: DwgOptions) -> list[Tool]:
    """Return the converters to try, the preferred one first.

    Raises:
        DwgNoConverterError: there is none, or not the one that is asked for.
    """
    if options.converter == OFF:
        hint = "--dwg-converter auto, or dwg_converter in the settings"
        raise DwgNoConverterError("DWG drawings are not read: dwg_converter is off", hint=hint)
    if options.converter != "auto":
        return [_asked(options.converter, options.path)]
    found = [_program(_kind_of(options.path), options.path)] if options.path else []
    found += [_package(), *(_program(name, "") for name in PROGRAMS)]
    there = {tool.name: tool for tool in reversed(found) if tool is not None}
    if options.path and (found[0] is None):
        raise DwgNoConverterError(f"there is no program {options.path} (dwg_path)")
    order = dict.fromkeys(tool.name for tool in found if tool is not None)
    if not order:
        raise DwgNoConverterError("the drawing is a DWG, and no converter for DWG is installed")
    return [there[name] for name in order]


def identity(options: DwgOptions) -> str:
    """Return what the text of a DWG drawing depends on besides the drawing; empty if there is no converter."""
    try:
        return ", ".join(tool.identity for tool in tools(options))
    except DwgNoConverterError:
        return ""


def _asked(name: str, path: str) -> Tool:
    tool = _package() if name == ACADSHARP else _program(name, path)
    if tool is not None:
        return tool
    if name == ACADSHARP:
        raise DwgNoConverterError("the Python package acadsharp is not installed", hint="pip install 'dxfd[dwg]'")
    raise DwgNoConverterError(f"there is no program {path or PROGRAMS[name]}", hint="dwg_path says where it is")


def _package() -> Tool | None:
    if importlib.util.find_spec("acadsharp") is None or importlib.util.find_spec("acadsharp_native") is None:
        return None
    return Tool(name=ACADSHARP, version=importlib.metadata.version("acadsharp"))


def _program(name: str, path: str) -> Tool | None:
    found = shutil.which(path or PROGRAMS[name])
    if found is None:
        return None
    found = os.path.realpath(found)
    info = Path(found).stat()
    return Tool(name=name, path=found, version=f"{info.st_size:x}-{info.st_mtime_ns:x}")


def _kind_of(path: str) -> str:
    """Return which converter a program is, by its name."""
    return ODA if "oda" in Path(path).name.lower() else DWG2DXF
