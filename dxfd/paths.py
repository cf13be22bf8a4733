"""Where things lie: state, run and log folders, the settings file, and the control socket.

Owns the path rules that daemon and client must agree on. Makes no folder and opens no socket; reads the settings file
for `socket` and `run_dir` only. Imported by both sides, so it imports the error tree and the standard library only.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from dxfd.errors import ConfigError

SYSTEM_CONFIG: Final = Path("/etc/dxfd/dxfd.toml")
SYSTEM_RUN: Final = Path("/run/dxfd")
SOCKET_NAME: Final = "control.sock"
PID_NAME: Final = "dxfd.pid"
QUEUE_NAME: Final = "queue.db"
BACKUPS_NAME: Final = "backups"
QUEUE_LOCK_NAME: Final = "queue.lock"
LOG_NAME: Final = "dxfd.jsonl"

MAX_IPC_PATH: Final = 107
"""Bytes of a Unix socket's path, less the closing zero: sun_path is 108 bytes on Linux."""


class Dirs(Struct, frozen=True):
    """The daemon's three folders."""

    state: Path
    run: Path
    log: Path


def default_dirs(environ: Mapping[str, str] | None = None, uid: int | None = None) -> Dirs:
    """Return the folders used when no setting names them.

    systemd's $STATE_DIRECTORY, $RUNTIME_DIRECTORY and $LOGS_DIRECTORY win (the first of several); then root gets the
    system's folders and everybody else the XDG ones.
    """
    env = os.environ if environ is None else environ
    if (os.geteuid() if uid is None else uid) == 0:
        base = Dirs(Path("/var/lib/dxfd"), SYSTEM_RUN, Path("/var/log/dxfd"))
    else:
        state = Path(env.get("XDG_STATE_HOME") or Path(env.get("HOME") or Path.home(), ".local/state"), "dxfd")
        runtime = env.get("XDG_RUNTIME_DIR")
        base = Dirs(state, Path(runtime, "dxfd") if runtime else state / "run", state / "logs")
    return Dirs(
        _systemd_dir(env, "STATE_DIRECTORY") or base.state,
        _systemd_dir(env, "RUNTIME_DIRECTORY") or base.run,
        _systemd_dir(env, "LOGS_DIRECTORY") or base.log,
    )


def _systemd_dir(env: Mapping[str, str], name: str) -> Path | None:
    first = env.get(name, "").split(":")[0]
    return Path(first) if first else None


def config_file(flag: Path | None = None, environ: Mapping[str, str] | None = None) -> Path | None:
    """Return the settings file: the flag, else $DXFD_CONFIG, else /etc/dxfd/dxfd.toml where it exists, else None."""
    env = os.environ if environ is None else environ
    if flag is not None:
        return flag
    if env.get("DXFD_CONFIG"):
        return Path(env["DXFD_CONFIG"])
    return SYSTEM_CONFIG if SYSTEM_CONFIG.exists() else None


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings file as it stands.

    Raises:
        ConfigError: it is missing, unreadable or no TOML; the message names the place.
    """
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise ConfigError(f"there is no settings file {path}") from None
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} is not TOML: {error}") from error


def endpoint_of(run_dir: Path) -> str:
    """Return the default endpoint in a run folder."""
    return f"ipc://{run_dir / SOCKET_NAME}"


def check_endpoint(endpoint: str) -> str:
    """Return the endpoint if it can be one; a bare path means `ipc://` and that path.

    Raises:
        ConfigError: not ipc, not absolute, or longer than a Unix socket's path may be.
    """
    text = endpoint if "://" in endpoint else f"ipc://{endpoint}"
    if not text.startswith("ipc://"):
        raise ConfigError(f"socket {endpoint!r} is not an ipc:// endpoint", hint="the control socket is local only")
    path = text.removeprefix("ipc://")
    if not path.startswith("/"):
        raise ConfigError(f"socket {endpoint!r} is not an absolute path")
    size = len(os.fsencode(path))
    if size > MAX_IPC_PATH:
        raise ConfigError(
            f"socket path has {size} bytes, a Unix socket takes {MAX_IPC_PATH}: {path}",
            hint="set a shorter run_dir or socket",
        )
    return text


def socket_path(endpoint: str) -> Path:
    """Return the file of an ipc endpoint."""
    return Path(endpoint.removeprefix("ipc://"))


def find_socket(
    flag: str | None = None,
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    uid: int | None = None,
) -> str:
    """Return the endpoint a client is to use.

    The flag, else $DXFD_SOCKET, else $DXFD_RUN_DIR, else `socket` or `run_dir` of the settings file, else the default
    of this user; where that is absent and a system daemon's socket exists, the system's.

    Raises:
        ConfigError: the settings file or the path is wrong.
    """
    env = os.environ if environ is None else environ
    if flag or env.get("DXFD_SOCKET"):
        return check_endpoint(flag or env["DXFD_SOCKET"])
    if env.get("DXFD_RUN_DIR"):
        return check_endpoint(endpoint_of(Path(env["DXFD_RUN_DIR"])))
    file = config_file(config, env)
    # A system settings file that this user may not read is the system daemon's business, not an error of theirs.
    if file is not None and (file != SYSTEM_CONFIG or os.access(file, os.R_OK)):
        values = read_toml(file)
        if isinstance(values.get("socket"), str) and values["socket"]:
            return check_endpoint(values["socket"])
        if isinstance(values.get("run_dir"), str) and values["run_dir"]:
            return check_endpoint(endpoint_of(Path(values["run_dir"])))
    mine = default_dirs(env, uid).run
    if not (mine / SOCKET_NAME).exists() and (SYSTEM_RUN / SOCKET_NAME).exists():
        return endpoint_of(SYSTEM_RUN)
    return check_endpoint(endpoint_of(mine))


def is_drawing(name: str) -> bool:
    """Return whether a file's name says DXF, plain or compressed."""
    return name.lower().endswith((".dxf", ".dxf.gz"))


def is_dwg(name: str) -> bool:
    """Return whether a file's name says DWG."""
    return name.lower().endswith(".dwg")


def database_of(drawing: Path) -> Path:
    """Return where a drawing's database goes by default: beside it, `plan.dxf` and `plan.dxf.gz` to `plan.db`."""
    plain = drawing.with_suffix("") if drawing.name.lower().endswith(".dxf.gz") else drawing
    return plain.with_suffix(".db")
