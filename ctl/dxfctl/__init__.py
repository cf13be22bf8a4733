"""dxfctl: the client of dxfd. Sends requests over the control socket and shows the answers; converts nothing itself."""

from dxfd import __version__

__all__ = ["__version__"]
