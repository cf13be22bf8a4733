"""What changes when the settings are read again while the daemon runs. Pure: app.py reads and applies."""

from __future__ import annotations

import msgspec

from dxfd.config.model import FIELDS, Settings, written


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The settings from now on, and what is to be told about them."""

    settings: Settings
    applied: dict[str, str]
    """Key -> "old -> new" of what is in force from now on."""
    at_restart: list[str]
    """Keys that have changed and count from the next start on."""


def change(now: Settings, read: Settings) -> Change:
    """Return what comes of settings that were read while others are in force."""
    values, applied, at_restart = msgspec.structs.asdict(now), {}, []
    for name, field in FIELDS.items():
        old, new = getattr(now, name), getattr(read, name)
        if old == new:
            continue
        if field.restart:
            at_restart.append(name)
        else:
            values[name] = new
            applied[name] = f"{written(field, old)} -> {written(field, new)}"
    return Change(settings=Settings(**values), applied=applied, at_restart=at_restart)
