"""`dxfctl history`: how jobs ended, long after they are gone from the listing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import click

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, JobNumber, Verb, option
from dxfctl.render import output, past
from dxfctl.render.jobs import View
from dxfd.contract.messages import History
from dxfd.contract.states import FINAL, JobState
from dxfd.contract.times import iso

ENDS = [state.value for state in JobState if state in FINAL]


@click.command("history", cls=Verb)
@click.argument("text", required=False, default="", metavar="[TEXT]")
@option(
    "--state",
    "states",
    envvar="DXFCTL_HISTORY_STATE",
    metavar="STATE",
    type=click.Choice(ENDS),
    multiple=True,
    help=f"Only jobs that ended so: {', '.join(ENDS)}.",
)
@option("--last", metavar="TIME", type=Duration(), help="Only what ended within this time, as 12h or 7d.")
@option("--like", metavar="JOB", type=JobNumber(), help="Only jobs of the same drawing as JOB, whatever its name.")
@option(
    "--limit", metavar="N", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many jobs."
)
@option(
    "--after", metavar="JOB", type=click.IntRange(0), default=0, help="Go on below this job number (the next page)."
)
@click.pass_obj
def command(
    invocation: Invocation, /, text: str, states: tuple[str, ...], last: float | None, like: int | None, **page: int
) -> int:
    """Show how jobs ended, newest first.

    TEXT is looked for in the drawings' paths and in the labels. Jobs that were cleaned away are here too. "The same
    drawing" has the same size and the same content in 17 places of 64 KB, whatever its name and time.
    """
    now = datetime.now(UTC)
    request = History(
        states=[JobState(s) for s in states],
        limit=page["limit"],
        after_id=page["after"],
        since=iso((now - timedelta(seconds=last)).timestamp()) if last else "",
        like_job=like or 0,
        text=text,
    )
    with invocation.client() as client:
        reply = client.history(request)
    if invocation.json:
        output.document(invocation, reply)
        return exits.DONE
    view = View(now=now, utc=invocation.utc, width=output.width(), color=invocation.colored(sys.stdout))
    if reply.jobs:
        output.say(invocation, "\n".join(past.history_lines(reply.jobs, view)))
    else:
        output.note(invocation, "no ended jobs")
    if reply.next_after_id:
        output.note(invocation, f"more:  dxfctl history --after {reply.next_after_id}")
    return exits.DONE
