"""`dxfctl show`: everything about one job."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click
import msgspec

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import JobNumber, Verb
from dxfctl.render import jobs, output
from dxfd.contract.messages import JobRef


@click.command("show", cls=Verb)
@click.argument("job", type=JobNumber())
@click.pass_obj
def command(invocation: Invocation, job: int) -> int:
    """Show everything about one job.

    Its state, options, progress, attempts, story and result, and earlier jobs of the same drawing.
    """
    with invocation.client() as client:
        shown = client.show(JobRef(job_id=job))
    report = msgspec.json.decode(shown.report)
    if invocation.json:
        fields = msgspec.structs.asdict(shown)
        output.document(invocation, {**fields, "report": report})
        return exits.DONE
    view = jobs.View(
        now=datetime.now(UTC), utc=invocation.utc, width=output.width(), color=invocation.colored(sys.stdout)
    )
    output.say(invocation, "\n".join(jobs.show_lines(shown, report if isinstance(report, dict) else None, view)))
    return exits.DONE
