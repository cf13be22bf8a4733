"""`dxfctl stats`: what was converted, day by day."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb, option
from dxfctl.render import output, past
from dxfctl.render.jobs import View
from dxfd.contract.messages import Stats


@click.command("stats", cls=Verb)
@option("--days", metavar="N", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many days back.")
@click.pass_obj
def command(invocation: Invocation, days: int) -> int:
    """Show what was converted, day by day (UTC).

    Every end of a job counts on its day: a job that failed and was retried the next day counts twice. Cleaning takes
    nothing away.
    """
    with invocation.client() as client:
        reply = client.stats(Stats(days=days))
    if invocation.json:
        output.document(invocation, reply)
        return exits.DONE
    view = View(now=datetime.now(UTC), width=output.width(), color=invocation.colored(sys.stdout))
    if reply.days:
        output.say(invocation, "\n".join(past.stats_lines(reply.days, view)))
    else:
        output.note(invocation, f"nothing ended in the last {days} days")
    return exits.DONE
