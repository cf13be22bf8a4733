"""`dxfctl logs`: the daemon's log, its last lines and what comes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from dxfctl import exits
from dxfctl.client import Client
from dxfctl.follow import wait_for_return
from dxfctl.invocation import Invocation
from dxfctl.options import JobNumber, Verb, option
from dxfctl.render import output
from dxfd.contract.human import clock, safe
from dxfd.contract.messages import Logs, LogsReply
from dxfd.errors import ShuttingDownError, UnreachableError

HOLD_S: Final = 10.0


@click.command("logs", cls=Verb)
@option("--follow", "-f", is_flag=True, help="Go on with new lines until Ctrl-C.")
@option(
    "--lines",
    "-n",
    metavar="N",
    type=click.IntRange(0, 10_000),
    default=20,
    show_default=True,
    help="Begin so many back.",
)
@option("--job", type=JobNumber(), metavar="JOB", help="Only lines of this job.")
@click.pass_obj
def command(invocation: Invocation, *, follow: bool, lines: int, job: int | None) -> int:
    """Show the daemon's log.

    With --json the lines come as they are logged: one JSON object a line, ready for jq.
    """
    with invocation.client() as client:
        reply = client.logs(Logs(lines=lines, job_id=job or 0))
        _print(invocation, reply)
        while follow:
            reply = _more(invocation, client, reply, job or 0)
            _print(invocation, reply)
    return exits.DONE


def _more(invocation: Invocation, client: Client, last: LogsReply, job_id: int) -> LogsReply:
    """Return the next lines; a daemon that restarts is waited for, its log goes on in the same file."""
    while True:
        try:
            return client.logs(Logs(offset=last.offset, inode=last.inode, job_id=job_id, timeout_s=HOLD_S))
        except (UnreachableError, ShuttingDownError) as error:
            output.note(invocation, "the daemon went away; waiting for it to come back")
            wait_for_return(client, error)


def _print(invocation: Invocation, reply: LogsReply) -> None:
    for line in reply.lines:
        output.say(invocation, line if invocation.json else readable(line, utc=invocation.utc))


def readable(line: str, *, utc: bool) -> str:
    """Return a log line for people: time, level, event, then the rest as key=value; anything else as it is."""
    try:
        fields = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return safe(line)
    if not isinstance(fields, dict):
        return safe(line)
    stamp = str(fields.pop("timestamp", fields.pop("ts", "")))
    level = str(fields.pop("level", ""))
    event = str(fields.pop("event", ""))
    rest = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    at = clock(stamp, now=datetime.now(UTC), utc=utc) or stamp
    return safe(f"{at} {level:<7} {event}  {rest}".rstrip())


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f'"{text}"' if " " in text or not text else text
