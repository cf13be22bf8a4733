"""`dxfctl retry`: run jobs again that failed, were cancelled or are quarantined."""

from __future__ import annotations

import click

from dxfctl.each import change_each
from dxfctl.invocation import Invocation
from dxfctl.options import Verb, jobs_argument, option
from dxfd.contract.messages import JobRef, JobReply


@click.command("retry", cls=Verb)
@jobs_argument(required=True)
@option(
    "--from",
    "origin",
    envvar="DXFCTL_RETRY_FROM",
    type=click.Choice(["checkpoint", "scratch"]),
    default="checkpoint",
    show_default=True,
    help="Where to begin.",
)
@click.pass_obj
def command(invocation: Invocation, jobs: tuple[int, ...], origin: str) -> int:
    """Run jobs again that did not succeed.

    Takes jobs that failed, were cancelled or are quarantined; they keep their numbers.
    """
    with invocation.client() as client:

        def again(ref: JobRef) -> JobReply:
            return client.retry(JobRef(job_id=ref.job_id, restart=origin == "scratch"))

        return change_each(invocation, jobs, again, already="in the queue already")
