"""`dxfctl pause`: hold jobs at their next checkpoint, or the queue."""

from __future__ import annotations

import click

from dxfctl.each import change_each, change_queue
from dxfctl.invocation import Invocation
from dxfctl.options import Verb, jobs_argument


@click.command("pause", cls=Verb)
@jobs_argument(required=False)
@click.pass_obj
def command(invocation: Invocation, jobs: tuple[int, ...]) -> int:
    """Pause jobs, or the whole queue.

    A running job is paused at its next checkpoint: its worker leaves and its memory is free. Without JOB the queue is
    held: running jobs go on, no new one starts.
    """
    with invocation.client() as client:
        if not jobs:
            return change_queue(invocation, client.pause, now="paused: running jobs go on, no new one starts")
        return change_each(invocation, jobs, client.pause, already="paused already")
