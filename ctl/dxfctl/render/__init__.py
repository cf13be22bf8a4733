"""Structs to text for people and JSON for programs."""
