"""The closed table of verbs: the role each needs, whether it changes anything, and its handler.

Owns the check of the role and the audit line of each change. Nothing outside the table is ever called, and no name is
looked up on an object. The table's keys are those of the contract; a test compares them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec

from dxfd import logs
from dxfd.control.auth import Role
from dxfd.control.handlers import (
    backup,
    backups,
    cancel,
    clean,
    hello,
    history,
    pause,
    ping,
    resume,
    retry,
    show,
    stats,
    status,
    stop,
    submit,
    wait,
)
from dxfd.control.handlers import logs as logs_handler
from dxfd.control.services import Call, Services
from dxfd.errors import DxfdError, PermissionDeniedError, ProtocolError

log = logs.get_logger()

Handler = Callable[[Services, Call, Any], Awaitable[msgspec.Struct]]


class Verb(NamedTuple):
    """How one verb is handled."""

    role: Role
    changes: bool
    handle: Handler


TABLE: Final[dict[str, Verb]] = {
    "hello": Verb(Role.VIEWER, False, hello.handle),
    "ping": Verb(Role.VIEWER, False, ping.handle),
    "status": Verb(Role.VIEWER, False, status.handle),
    "submit": Verb(Role.ADMIN, True, submit.handle),
    "pause": Verb(Role.ADMIN, True, pause.handle),
    "resume": Verb(Role.ADMIN, True, resume.handle),
    "cancel": Verb(Role.ADMIN, True, cancel.handle),
    "retry": Verb(Role.ADMIN, True, retry.handle),
    "show": Verb(Role.VIEWER, False, show.handle),
    "wait": Verb(Role.VIEWER, False, wait.handle),
    "logs": Verb(Role.VIEWER, False, logs_handler.handle),
    "history": Verb(Role.VIEWER, False, history.handle),
    "stats": Verb(Role.VIEWER, False, stats.handle),
    "clean": Verb(Role.ADMIN, True, clean.handle),
    "backup": Verb(Role.ADMIN, True, backup.handle),
    "backups": Verb(Role.VIEWER, False, backups.handle),
    "stop": Verb(Role.ADMIN, True, stop.handle),
}


async def dispatch(services: Services, verb: str, call: Call, body: msgspec.Struct) -> msgspec.Struct:
    """Check the role, run the handler, and note every change in the log.

    Raises:
        PermissionDeniedError: the peer's role is too low.
        DxfdError: what the handler refuses.
    """
    entry = TABLE.get(verb)
    if entry is None:
        raise ProtocolError(f"the verb {verb!r} is not handled")
    if call.role < entry.role:
        log.warning("call_refused", verb=verb, uid=call.peer.uid, pid=call.peer.pid)
        raise PermissionDeniedError(
            f"user {call.peer.name} may not {verb}", hint="ask as root or as the user the daemon runs as"
        )
    outcome = "ok"
    try:
        return await entry.handle(services, call, body)
    except DxfdError as error:
        outcome = error.code
        raise
    finally:
        if entry.changes:
            job_id = getattr(body, "job_id", None)
            source = getattr(body, "source", None)
            log.info(
                "call", verb=verb, uid=call.peer.uid, pid=call.peer.pid, outcome=outcome, job=job_id, source=source
            )
