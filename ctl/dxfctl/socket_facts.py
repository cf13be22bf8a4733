"""What can be known about a control socket without speaking ZeroMQ: is it there, whose is it, does anybody listen.

ZeroMQ connects in the background and is silent about a missing or stale socket file, so a plain connect comes first: it
takes 0.1 ms and turns five seconds of waiting into a sentence. Endpoints are ipc:// only. No state.
"""

from __future__ import annotations

import errno
import pwd
import socket
import stat
from pathlib import Path

from dxfd.errors import PermissionDeniedError, UnreachableError
from dxfd.paths import socket_path

_SEE_UNIT = "see what it does:  systemctl status dxfd,  dxfctl logs"


def check_listening(endpoint: str) -> None:
    """Return if somebody listens at the endpoint.

    Raises:
        UnreachableError: no socket, a stale one, or a file that is none.
        PermissionDeniedError: this user may not reach it.
    """
    path = socket_path(endpoint)
    try:
        facts = path.stat()
    except FileNotFoundError:
        raise UnreachableError(f"no daemon runs at {path} (there is no such socket)") from None
    except PermissionError:
        raise PermissionDeniedError(f"the folder of {path} may not be entered by this user") from None
    except OSError as error:
        raise UnreachableError(f"no daemon runs at {path} ({error.strerror})") from error
    if not stat.S_ISSOCK(facts.st_mode):
        raise UnreachableError(f"{path} is not a socket", hint="check --endpoint")
    _connect(path)


def identity(endpoint: str) -> tuple[int, int] | None:
    """Return what tells this socket file from one made later at the same path (inode, time of change), or None."""
    try:
        facts = socket_path(endpoint).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_ctime_ns


def silent(endpoint: str, waited_s: float) -> UnreachableError:
    """Return the error for a daemon that accepts connections but did not answer."""
    path = socket_path(endpoint)
    return UnreachableError(
        f"the daemon at {path} (owner {owner(path)}) did not answer within {waited_s:g} s", hint=_SEE_UNIT
    )


def owner(path: Path) -> str:
    """Return the user name of the file's owner, its number if it has no name, `?` if it is gone."""
    try:
        uid = path.stat().st_uid
    except OSError:
        return "?"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except PermissionError:
            raise PermissionDeniedError(
                f"user may not connect to {path} (owner {owner(path)})",
                hint=f"run it as {owner(path)}, or ask to be let into the group of the socket",
            ) from None
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                raise UnreachableError(
                    f"no daemon runs at {path} (the socket file is left over from one that ended; owner {owner(path)})"
                ) from None
            if error.errno == errno.EAGAIN or isinstance(error, TimeoutError):
                return  # its backlog is full: somebody is there, and the request's own time-out decides
            raise UnreachableError(f"no daemon answers at {path} ({error.strerror or error})") from error
