"""Bytes to columns of entities."""
