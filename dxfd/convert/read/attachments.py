"""What stands elsewhere in the drawing about an entity: the file that a picture shows, the class of a foreign type.

Image and underlay definitions of the OBJECTS section by the handle (340) of entities, and CLASSES; each is searched
when the first entity asks. Frames and proxy graphics are made in build/.
"""

from __future__ import annotations

from typing import Final

from dxfd.convert.read.encoding import decode, shortened
from dxfd.convert.read.extras import Applications
from dxfd.convert.read.search import length, objects
from dxfd.convert.read.skim import Section
from dxfd.convert.read.source import Source

DEFINED_BY: Final = {
    "IMAGE": "IMAGEDEF",
    "PDFUNDERLAY": "PDFDEFINITION",
    "DWFUNDERLAY": "DWFDEFINITION",
    "DGNUNDERLAY": "DGNDEFINITION",
}
"""Types of entities, and of the objects that name their files."""


PROXY: Final = "ACAD_PROXY_ENTITY"
"""An entity whose application was not there when the drawing was saved; it names its class by a number (91)."""


class Attachments:
    """The files and classes of one drawing."""

    def __init__(self, source: Source, sections: list[Section], codec: str) -> None:
        self._source = source
        self._sections = sections
        self._codec = codec
        self._known: dict[str, dict[int, list[tuple[str, str]]]] = {}
        self._applications = Applications(source, sections, codec)

    def of(self, kind: str, handle: bytes) -> list[tuple[str, str]]:
        """Return names and values of a picture's properties: its file as it is written, of underlays the page too."""
        if kind not in self._known:
            self._known[kind] = self._read(kind)
        return self._known[kind].get(_number(handle), [])

    def application(self, kind: str, number: int) -> list[tuple[str, str]]:
        """Return names and values of a foreign type's properties: class and application, of a proxy its type too."""
        found = self._applications.find(kind, number)
        if found is None:
            return []
        told = [("application.class", found.name), ("application.name", found.application)]
        return [("application.type", found.kind), *told] if kind == PROXY else told

    def _read(self, kind: str) -> dict[int, list[tuple[str, str]]]:
        names = {1: "image.path"} if kind == "IMAGE" else {1: "underlay.path", 2: "underlay.page"}
        found: dict[int, list[tuple[str, str]]] = {}
        for tags in objects(self._source, self._sections, DEFINED_BY[kind]):
            said: dict[int, bytes] = {}
            for at in range(1, length(tags)):
                said.setdefault(int(tags.code[at]), tags.value(at).strip())
            number = _number(said.get(5, b""))
            if not number:
                continue  # nobody can refer to it
            values = [
                (name, shortened(decode(said[code], self._codec))) for code, name in names.items() if said.get(code)
            ]
            found.setdefault(number, values)
        return found


def _number(handle: bytes) -> int:
    """Return the number of a handle; 0, which refers to nothing, where it is none."""
    try:
        return max(0, int(handle, 16))
    except ValueError:
        return 0
