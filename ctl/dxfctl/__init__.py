"""dxfctl: the client of dxfd."""
