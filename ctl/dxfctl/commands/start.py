"""`dxfctl start`: a daemon that runs, and a queue that is open."""

from __future__ import annotations

import time

import click

from dxfctl import exits, launch
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, Verb, option
from dxfctl.render import output
from dxfctl.socket_facts import check_listening
from dxfd.contract.messages import HelloReply, JobRef
from dxfd.errors import UnreachableError


@click.command("start", cls=Verb)
@option(
    "--timeout",
    "start_s",
    envvar="DXFCTL_START_TIMEOUT",
    type=Duration(),
    default=20.0,
    metavar="TIME",
    help="How long the daemon may take (20s).",
)
@click.pass_obj
def command(invocation: Invocation, start_s: float) -> int:
    """Start the daemon if none runs, and open the queue.

    Through systemd where dxfd.service is installed and neither --endpoint nor --config means another daemon; else as a
    background process of this user.
    """
    deadline = time.monotonic() + start_s
    with invocation.client() as client:
        through = None
        if not _listening(client.endpoint):
            through = launch.way(invocation)
            launch.start(invocation, through, timeout_s=start_s)
            hello = launch.await_answer(client, deadline=deadline)
        else:
            hello = client.hello()
        opened = client.resume(JobRef()).changed
    _tell(invocation, hello, through, opened=opened)
    return exits.DONE


def _listening(endpoint: str) -> bool:
    try:
        check_listening(endpoint)
    except UnreachableError:
        return False
    return True


def _tell(invocation: Invocation, hello: HelloReply, through: launch.Through | None, *, opened: bool) -> None:
    if invocation.json:
        fields = {"started": through is not None, "through": through, "queue_opened": opened, "daemon": hello}
        output.document(invocation, fields)
        return
    how = f"started as a {through}" if through is launch.Through.BACKGROUND else "started through systemd"
    word = how if through is not None else "runs already"
    output.say(invocation, f"dxfd {hello.daemon_version} {word} (pid {hello.pid})")
    if opened:
        output.say(invocation, "queue open")
