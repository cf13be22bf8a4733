"""What kinds of DXF entities there are for matching: annotation, and those with faces of their own.

Pure constants; rules may still name an annotation type to have it matched.
"""

from __future__ import annotations

from typing import Final

ANNOTATION_TYPES: Final = frozenset(
    {
        "DIMENSION",
        "ARC_DIMENSION",
        "LARGE_RADIAL_DIMENSION",
        "LEADER",
        "MULTILEADER",
        "MLEADER",
        "TOLERANCE",
        "HATCH",
        "MPOLYGON",
        "TEXT",
        "MTEXT",
        "RTEXT",
        "ARCALIGNEDTEXT",
        "ATTDEF",
        "ATTRIB",
        "VIEWPORT",
        "ACAD_TABLE",
        "WIPEOUT",
        "IMAGE",
        "PDFUNDERLAY",
        "DWFUNDERLAY",
        "DGNUNDERLAY",
        "OLEFRAME",
        "OLE2FRAME",
        "XLINE",
        "RAY",
        "LIGHT",
        "SUN",
        "CAMERA",
        "SECTION",
        "GEOPOSITIONMARKER",
    }
)
"""What tells about the drawing instead of the building: no element, unless a rule names the type."""

FACE_TYPES: Final = frozenset(
    {
        "3DFACE",
        "MESH",
        "3DSOLID",
        "BODY",
        "REGION",
        "SURFACE",
        "EXTRUDEDSURFACE",
        "LOFTEDSURFACE",
        "REVOLVEDSURFACE",
        "SWEPTSURFACE",
        "PLANESURFACE",
    }
)
"""Entities with faces of their own: recipe MESH whatever the rule says."""
