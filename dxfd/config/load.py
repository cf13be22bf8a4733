"""Settings from their four layers: defaults < settings file < environment (DXFD_*) < flags.

Owns precedence, the refusal of unknown keys, and the note of where each value came from. Creates nothing on disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from dxfd.config.model import FIELDS, Field, Kind, Settings
from dxfd.config.units import parse_amount, parse_bytes, parse_seconds, parse_share
from dxfd.errors import ConfigError
from dxfd.paths import BACKUPS_NAME, check_endpoint, config_file, default_dirs, endpoint_of, read_toml

_NOT_SETTINGS = frozenset({"DXFD_CONFIG"})


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force and where each came from (default, environment, flag, or the file's path)."""

    settings: Settings
    origins: dict[str, str]
    file: Path | None = None


def load(
    *, config: Path | None = None, flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Return the settings in force; a flag that is None counts as not given.

    Raises:
        ConfigError: unreadable file, unknown key, or a value that does not fit; the message names key and origin.
    """
    env = os.environ if environ is None else environ
    dirs = default_dirs(env)
    values: dict[str, Any] = {"state_dir": str(dirs.state), "run_dir": str(dirs.run), "log_dir": str(dirs.log)}
    origins = dict.fromkeys(FIELDS, "default")
    file = config_file(config, env)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        (str(file), read_toml(file) if file is not None else {}),
        ("environment", _from_environment(env)),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]
    for origin, layer in layers:
        for key, raw in layer.items():
            values[key] = parse(key, raw, origin)
            origins[key] = origin
    values.setdefault("backup_dir", f"{values['state_dir']}/{BACKUPS_NAME}")
    if not values.get("socket"):
        values["socket"] = endpoint_of(Path(values["run_dir"]))
    values["socket"] = check_endpoint(values["socket"])
    return Loaded(settings=Settings(**values), origins=origins, file=file)


def parse(key: str, raw: Any, origin: str) -> Any:
    """Return the value of one setting.

    Raises:
        ConfigError: unknown key or wrong value.
    """
    field = FIELDS.get(key)
    if field is None:
        near = get_close_matches(key, FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "etc/dxfd.toml lists every setting"
        raise ConfigError(f"unknown setting {key!r} ({origin})", hint=hint, key=key)
    try:
        value = _value(field, raw)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error.message} ({origin})", hint=error.hint, key=key) from error
    if isinstance(value, int | float) and value < field.least:
        raise ConfigError(f"{key}: {raw!r} is too small, the least is {field.least:g} ({origin})", key=key)
    if isinstance(value, int | float) and value > field.most:
        raise ConfigError(f"{key}: {raw!r} is too large, the most is {field.most:g} ({origin})", key=key)
    return value


def _from_environment(env: Mapping[str, str]) -> dict[str, str]:
    prefix = "DXFD_"
    return {
        k.removeprefix(prefix).lower(): v for k, v in env.items() if k.startswith(prefix) and k not in _NOT_SETTINGS
    }


def _value(field: Field, raw: Any) -> Any:
    match field.kind:
        case Kind.BYTES:
            return parse_bytes(raw)
        case Kind.AMOUNT:
            return parse_amount(raw)
        case Kind.SHARE:
            return parse_share(raw)
        case Kind.SECONDS:
            return parse_seconds(raw)
        case Kind.COUNT:
            return _count(raw)
        case Kind.FLAG:
            return _flag(raw)
        case Kind.CHOICE:
            if raw not in field.choices:
                raise ConfigError(f"{raw!r} is none of {', '.join(field.choices)}")
            return raw
        case Kind.PATH:
            return _path(raw)
        case Kind.TEXT:
            return _text(raw)


def _count(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        return raw
    if isinstance(raw, str) and raw.strip().isdecimal():
        return int(raw)
    raise ConfigError(f"{raw!r} is not a whole number of at least 0")


def _flag(raw: Any) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if str(raw).lower() not in words:
        raise ConfigError(f"{raw!r} is neither true nor false")
    return words[str(raw).lower()]


def _text(raw: Any) -> str:
    if not isinstance(raw, str) or "\0" in raw:
        raise ConfigError(f"{raw!r} is not text")
    return raw


def _path(raw: Any) -> str:
    text = os.path.expanduser(_text(raw))  # noqa: PTH111  (a string stays a string in the settings)
    if not text.startswith("/"):
        raise ConfigError(f"{raw!r} is not an absolute path")
    return text
