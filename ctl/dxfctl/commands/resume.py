"""`dxfctl resume`: let paused jobs go on, or release the queue."""

from __future__ import annotations

import click

from dxfctl.each import change_each, change_queue
from dxfctl.invocation import Invocation
from dxfctl.options import Verb, jobs_argument


@click.command("resume", cls=Verb)
@jobs_argument(required=False)
@click.pass_obj
def command(invocation: Invocation, jobs: tuple[int, ...]) -> int:
    """Let paused jobs go on, or release the queue.

    A job goes on from its checkpoint. Without JOB the queue that was held by pause is released.
    """
    with invocation.client() as client:
        if not jobs:
            return change_queue(invocation, client.resume, now="open")
        return change_each(invocation, jobs, client.resume, already="not paused")
