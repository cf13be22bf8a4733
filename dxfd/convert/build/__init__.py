"""Columns of entities to vertices and bodies, in metres, WCS."""
