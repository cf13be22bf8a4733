"""`dxfctl clean`: finished jobs out of the listing."""

from __future__ import annotations

import click

from dxfctl import exits
from dxfctl.commands.history import ENDS
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, Verb, option
from dxfctl.render import output
from dxfd.contract.human import counted
from dxfd.contract.messages import Clean
from dxfd.contract.states import JobState


@click.command("clean", cls=Verb)
@option("--older", metavar="TIME", type=Duration(), default=0.0, help="Only what ended longer ago, as 12h or 7d (0s).")
@option(
    "--state",
    "states",
    envvar="DXFCTL_CLEAN_STATE",
    metavar="STATE",
    type=click.Choice(ENDS),
    multiple=True,
    help=f"Only such jobs: {', '.join(ENDS)}.",
)
@option("--dry-run", is_flag=True, help="Show how many it would be.")
@click.pass_obj
def command(invocation: Invocation, older: float, states: tuple[str, ...], *, dry_run: bool) -> int:
    """Take finished jobs out of the listing.

    Their databases stay where they are, and history keeps how they ended. The daemon does the same by itself after
    keep_finished_s.
    """
    request = Clean(older_s=older, states=[JobState(s) for s in states], dry_run=dry_run)
    with invocation.client(timeout_s=max(invocation.timeout_s, 60.0)) as client:
        reply = client.clean(request)
    if invocation.json:
        output.document(invocation, {"jobs": reply.jobs, "dry_run": dry_run})
    else:
        would = "would be " if dry_run else ""
        output.say(invocation, f"{counted(reply.jobs, 'job')} {would}cleaned away")
    return exits.DONE
