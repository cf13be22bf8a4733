"""dxfd: CAD drawings in, BIM databases out, whatever happens in between."""

__version__ = "0.1.0"
