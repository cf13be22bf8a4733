"""`dxfctl cancel`: end jobs for good."""

from __future__ import annotations

import click

from dxfctl.each import change_each
from dxfctl.invocation import Invocation
from dxfctl.options import Verb, jobs_argument


@click.command("cancel", cls=Verb)
@jobs_argument(required=True)
@click.pass_obj
def command(invocation: Invocation, jobs: tuple[int, ...]) -> int:
    """Cancel jobs; nothing of them is published.

    A job that runs ends at its next checkpoint. What it has done is kept until the drawing is converted again:
    dxfctl retry JOB goes on from there.
    """
    with invocation.client() as client:
        return change_each(invocation, jobs, client.cancel, already="cancelled already")
