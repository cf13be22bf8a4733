"""The command `dxfd`."""
