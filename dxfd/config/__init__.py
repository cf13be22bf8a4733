"""Typed settings: defaults, file, environment, flags."""
