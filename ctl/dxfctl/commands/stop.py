"""`dxfctl stop`: the daemon gone, its running jobs at a checkpoint."""

from __future__ import annotations

import time

import click

from dxfctl import exits, launch
from dxfctl.client import Client
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, Verb, option
from dxfctl.render import output
from dxfctl.socket_facts import check_listening
from dxfd.errors import ShuttingDownError, UnreachableError, WaitTimeoutError


@click.command("stop", cls=Verb)
@option(
    "--timeout",
    "stop_s",
    envvar="DXFCTL_STOP_TIMEOUT",
    type=Duration(),
    default=90.0,
    metavar="TIME",
    help="How long the running jobs may take to reach a checkpoint (90s).",
)
@click.pass_obj
def command(invocation: Invocation, stop_s: float) -> int:
    """Stop the daemon; its jobs keep what they did.

    Running jobs go to a checkpoint and continue with the next start. Returns when the process is gone. A daemon that
    does not run is no error.
    """
    with invocation.client() as client:
        try:
            check_listening(client.endpoint)
        except UnreachableError as error:
            _tell(invocation, f"not running: {error.message}", stopped=False, pid=None)
            return exits.DONE
        pid, workers = _ask(client)
    if workers:
        output.note(invocation, f"{workers} running job{'s' if workers > 1 else ''} asked to go to a checkpoint")
    if not launch.await_gone(pid, deadline=time.monotonic() + stop_s):
        raise WaitTimeoutError(
            f"the daemon (pid {pid}) still runs after {stop_s:g} s", hint="it ends when its workers have left", pid=pid
        )
    _tell(invocation, f"stopped (pid {pid})", stopped=True, pid=pid)
    return exits.DONE


def _ask(client: Client) -> tuple[int, int]:
    """Return the pid to wait for and how many workers it still has."""
    try:
        reply = client.stop()
    except ShuttingDownError:  # somebody asked before us
        return client.hello().pid, 0
    return reply.pid, reply.workers_running


def _tell(invocation: Invocation, text: str, *, stopped: bool, pid: int | None) -> None:
    if invocation.json:
        output.document(invocation, {"stopped": stopped, "pid": pid})
    else:
        output.say(invocation, text)
