"""The result database."""
