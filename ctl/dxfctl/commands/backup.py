"""`dxfctl backup`: copies of the queue database: make, list, verify, restore.

With a daemon these are its verbs. Without one the files are worked on here, under the queue's lock, so that no daemon
begins meanwhile; a restore is only ever done so.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb
from dxfctl.render import output
from dxfctl.render.table import Column, layout
from dxfctl.socket_facts import check_listening
from dxfd.contract.human import clock, count, safe, size
from dxfd.contract.messages import Backups, BackupsReply, BackupView
from dxfd.errors import AlreadyRunningError, BackupError, DxfdError, UnreachableError, UsageError

_COLUMNS: Final = (
    Column(title="Copy"),
    Column(title="Made"),
    Column(title="Why", drop=2),
    Column(title="Size", right=True, drop=1),
    Column(title="Jobs", right=True, drop=3),
    Column(title="State", floor=12),
)


def _names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the copies that begin so, newest first; none if they cannot be listed."""
    if ctx.params.get("action") not in {"verify", "restore"}:
        return []
    invocation = ctx.find_object(Invocation) or Invocation()
    try:
        found = _listed(invocation, Backups(), timeout_s=0.5).backups
    except (DxfdError, OSError):
        return []  # completion has no place for an error; the command itself will say it
    return [
        CompletionItem(view.name, help=f"{view.at} {view.reason}") for view in found if view.name.startswith(incomplete)
    ]


@click.command("backup", cls=Verb)
@click.argument("action", type=click.Choice(["create", "list", "verify", "restore"]))
@click.argument("name", required=False, metavar="[NAME]", shell_complete=_names)
@click.pass_obj
def command(invocation: Invocation, action: str, name: str | None) -> int:
    """Make, list, verify and restore copies of the queue database.

    \b
    create          make a copy now and check it; it is kept until you remove it
    list            show the copies there are
    verify [NAME]   read the copies, or one, as a whole; exit code 78 if one is damaged
    restore [NAME]  put a copy (a name, a path, or else the newest sound one) in the place
                    of the queue database; what was there is kept beside it

    The daemon makes copies too, as the settings backup_interval_s and backup_keep say. To restore, the daemon must
    be stopped; all the rest works with and without one.
    """  # noqa: D301  (\b is click's mark for a paragraph that is not rewrapped)
    if name and action in {"create", "list"}:
        raise UsageError(f"backup {action} takes no name", hint="dxfctl backup --help")
    if action == "create":
        return _create(invocation)
    if action == "restore":
        return _restore(invocation, name)
    return _show(invocation, Backups(verify=action == "verify", name=name or ""))


def _create(invocation: Invocation) -> int:
    if _daemon_runs(invocation):
        with invocation.client(timeout_s=max(invocation.timeout_s, 120.0)) as client:
            reply = client.backup()
        made, folder = reply.backup, reply.folder
    else:
        from dxfd import backups

        with _alone(invocation) as (database, directory):
            made, folder = backups.make(database, directory, backups.Reason.ASKED, time.time()), str(directory)
    if invocation.json:
        output.document(invocation, {"backup": made, "folder": folder})
    else:
        output.say(invocation, f"{folder}/{made.name}  ({size(made.size_bytes)}, {count(made.jobs)} jobs)")
    return exits.DONE


def _show(invocation: Invocation, request: Backups) -> int:
    reply = _listed(invocation, request, timeout_s=max(invocation.timeout_s, 120.0))
    damaged = [view for view in reply.backups if view.problem]
    code = BackupError.exit_code if damaged else exits.DONE
    if invocation.json:
        output.document(invocation, reply, ok=code == exits.DONE)
    elif not reply.backups:
        output.note(invocation, f"no copies in {reply.folder}; make one with  dxfctl backup create")
    else:
        rows = [_row(view, utc=invocation.utc) for view in reply.backups]
        colored = invocation.colored(sys.stdout)
        output.say(invocation, "\n".join(layout(_COLUMNS, rows, width=output.width(), color=colored)))
        output.note(invocation, f"in {reply.folder}")
    return code


def _listed(invocation: Invocation, request: Backups, *, timeout_s: float) -> BackupsReply:
    if _daemon_runs(invocation) and "/" not in request.name:
        with invocation.client(timeout_s=timeout_s) as client:
            return client.backups(request)
    return _look(invocation, request)


def _look(invocation: Invocation, request: Backups) -> BackupsReply:
    from dxfd import backups

    folder = _folders(invocation)[1]
    if request.name:
        return BackupsReply(backups=[backups.verify(backups.find(folder, request.name))], folder=str(folder))
    found = backups.listed(folder)
    if request.verify:
        found = [backups.verify(folder / view.name) for view in found]
    return BackupsReply(backups=found, folder=str(folder))


def _restore(invocation: Invocation, name: str | None) -> int:
    from dxfd import backups

    with _alone(invocation) as (database, folder):
        path = backups.find(folder, name) if name else folder / backups.newest_sound(folder).name
        restored = backups.verify(path)
        kept = backups.restore(path, database, time.time())
    if invocation.json:
        output.document(invocation, {"restored": restored, "database": str(database), "kept": str(kept or "")})
        return exits.DONE
    output.say(invocation, f"{database} is {restored.name} now: {count(restored.jobs)} jobs, as of {restored.at}")
    if kept is not None:
        output.note(invocation, f"what was there is kept as {kept}")
    output.note(invocation, "go on with  dxfctl start")
    return exits.DONE


@contextlib.contextmanager
def _alone(invocation: Invocation) -> Iterator[tuple[Path, Path]]:
    """Hold the queue's lock and give the database's path and the backup folder.

    Raises:
        AlreadyRunningError: a daemon runs.
    """
    from dxfd import pidfile
    from dxfd.paths import QUEUE_LOCK_NAME

    database, folder = _folders(invocation)
    if not database.parent.is_dir():
        raise BackupError(f"there is no queue in {database.parent}", hint="--config names the daemon's settings file")
    try:
        lock = pidfile.acquire(database.parent / QUEUE_LOCK_NAME)
    except AlreadyRunningError as error:
        raise AlreadyRunningError(error.message, hint="stop it first:  dxfctl stop", **error.details) from error
    with lock:
        yield database, folder


def _folders(invocation: Invocation) -> tuple[Path, Path]:
    """Return the path of the queue database and the backup folder, by the settings a daemon would start with."""
    from dxfd.config.load import load
    from dxfd.paths import QUEUE_NAME

    settings = load(config=invocation.config).settings
    return Path(settings.state_dir) / QUEUE_NAME, Path(settings.backup_dir)


def _daemon_runs(invocation: Invocation) -> bool:
    try:
        check_listening(invocation.address())
    except UnreachableError:
        return False
    return True


def _row(view: BackupView, *, utc: bool) -> list[str]:
    state = "" if not view.checked else safe(f"damaged: {view.problem}") if view.problem else "in order"
    return [
        view.name,
        clock(view.at, now=datetime.now(UTC), utc=utc),
        view.reason,
        size(view.size_bytes),
        count(view.jobs) if view.checked and not view.problem else "",
        state,
    ]
