"""`dxfctl status`: the daemon, the queue and its jobs; the verb that runs when none is given."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import click

from dxfctl import exits
from dxfctl.client import Client
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, Verb, option
from dxfctl.render import jobs, output
from dxfd.contract.messages import Status, StatusReply
from dxfd.contract.states import JobState


@click.command("status", cls=Verb)
@option(
    "--state",
    "states",
    envvar="DXFCTL_STATUS_STATE",
    metavar="STATE",
    type=click.Choice([s.value for s in JobState]),
    multiple=True,
    help=f"Only such jobs: {', '.join(JobState)}.",
)
@option(
    "--limit", metavar="N", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many jobs."
)
@option(
    "--after", metavar="JOB", type=click.IntRange(0), default=0, help="Go on below this job number (the next page)."
)
@option("--watch", is_flag=True, help="Show it again and again until Ctrl-C.")
@option("--interval", type=Duration(), default=1.0, metavar="TIME", help="Time between two looks of --watch (1s).")
@click.pass_obj
def command(
    invocation: Invocation, states: tuple[str, ...], limit: int, after: int, *, watch: bool, interval: float
) -> int:
    """Show the daemon, the queue and its jobs.

    The exit code is 0 whatever the jobs' states are. With --watch and --json: one document a line.
    """
    request = Status(states=[JobState(s) for s in states], limit=limit, after_id=after)
    with invocation.client() as client:
        if watch:
            _watch(invocation, client, request, max(0.1, interval))
        else:
            _print(invocation, client.status(request))
    return exits.DONE


def _print(invocation: Invocation, reply: StatusReply) -> None:
    if invocation.json:
        output.document(invocation, reply)
    else:
        output.say(invocation, "\n".join(_lines(invocation, reply)))


def _lines(invocation: Invocation, reply: StatusReply) -> list[str]:
    view = jobs.View(
        now=datetime.now(UTC), utc=invocation.utc, width=output.width(), color=invocation.colored(sys.stdout)
    )
    return jobs.status_lines(reply, view)


def _watch(invocation: Invocation, client: Client, request: Status, interval_s: float) -> None:
    """Show the status until Ctrl-C: in place on a terminal, one after another elsewhere."""
    if invocation.json or not sys.stdout.isatty():
        while True:
            _print(invocation, client.status(request))
            time.sleep(interval_s)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            live.update(Text.from_ansi("\n".join(_lines(invocation, client.status(request)))), refresh=True)
            time.sleep(interval_s)
