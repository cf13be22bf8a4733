"""Walls that are drawn as two lines: pairs found, joined where they meet, opened where a door or window stands."""
