"""Who is calling, by what the kernel says of the peer, and what role that gives.

Owns the reading of ZeroMQ's `Peer-Address` ("localhost:uid:gid:pid", from SO_PEERCRED) and the rule: root and the
daemon's own user may do everything, nobody else may do anything. The socket's mode 0600 says the same; this is the
second lock, and the place where more roles will come.
"""

from __future__ import annotations

import os
import pwd
from enum import IntEnum

import msgspec


class Role(IntEnum):
    """What a peer may do; a higher role may do what the lower ones may."""

    NONE = 0
    VIEWER = 1
    ADMIN = 3


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at the other end; uid -1 when the kernel did not say."""

    uid: int = -1
    gid: int = -1
    pid: int = 0

    @property
    def name(self) -> str:
        """The user's name, or the number where there is no such user."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except (KeyError, OverflowError):
            return str(self.uid)


def peer_of(address: str) -> Peer:
    """Return the peer of a `Peer-Address`; anything else is a peer unknown."""
    parts = address.rsplit(":", 3)
    if len(parts) == 4 and all(part.isdecimal() for part in parts[1:]):
        return Peer(uid=int(parts[1]), gid=int(parts[2]), pid=int(parts[3]))
    return Peer()


def role_of(peer: Peer, own_uid: int | None = None) -> Role:
    """Return a peer's role."""
    me = os.geteuid() if own_uid is None else own_uid
    return Role.ADMIN if peer.uid in {0, me} else Role.NONE
