"""`dxfctl wait`: until jobs are finished, with their result as the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import click

from dxfctl import exits
from dxfctl.client import Client
from dxfctl.follow import Follower, Result
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, Verb, jobs_argument, option
from dxfctl.render import output
from dxfctl.render.jobs import job_line
from dxfctl.render.progress import display_for
from dxfd.errors import DxfdError


@click.command("wait", cls=Verb)
@jobs_argument(required=True)
@option(
    "--timeout",
    "wait_s",
    envvar="DXFCTL_WAIT_TIMEOUT",
    type=Duration(),
    metavar="TIME",
    help="Give up after this time (exit code 124).",
)
@click.pass_obj
def command(invocation: Invocation, jobs: tuple[int, ...], wait_s: float | None) -> int:
    """Wait until jobs are finished.

    The exit code tells how they ended: 0 succeeded, 1 failed, 11 cancelled, 12 quarantined, 8 if they differ. A daemon
    that restarts meanwhile is waited for.
    """
    with invocation.client() as client:
        results = follow_jobs(invocation, client, jobs, timeout_s=wait_s)
    code = code_of(results.values())
    if invocation.json:
        output.document(invocation, {"jobs": [_fields(i, r) for i, r in results.items()]}, ok=code == exits.DONE)
    elif len(results) == 1 and isinstance(only := next(iter(results.values())), DxfdError):
        raise only
    else:
        tell(invocation, results.values())
    return code


def follow_jobs(
    invocation: Invocation, client: Client, job_ids: Sequence[int], *, timeout_s: float | None = None
) -> dict[int, Result]:
    """Follow jobs to their ends with the display that fits; return their last views."""
    with display_for(invocation, len(set(job_ids))) as display:
        return Follower(client, display.change, display.note).run(job_ids, timeout_s=timeout_s)


def code_of(results: Iterable[Result]) -> int:
    """Return the exit code of results."""
    return exits.combine(r.exit_code if isinstance(r, DxfdError) else exits.of_state(r.state) for r in results)


def tell(invocation: Invocation, results: Iterable[Result]) -> None:
    """Write a line for each ended job to stdout, and where to look on when one did not succeed."""
    failed = 0
    for result in results:
        if isinstance(result, DxfdError):
            output.fail(invocation, result)
            continue
        output.say(invocation, job_line(result, color=invocation.colored(sys.stdout)))
        if exits.of_state(result.state) != exits.DONE:
            failed = failed or result.id
            if result.error_hint:
                output.note(invocation, f"  hint: {result.error_hint}")
    if failed:
        output.note(invocation, f"  more: dxfctl show {failed}")


def _fields(job_id: int, result: Result) -> dict[str, object]:
    if isinstance(result, DxfdError):
        return {"id": job_id, "ok": False, "error": output.error_fields(result)}
    return {"id": job_id, "ok": exits.of_state(result.state) == exits.DONE, "job": result}
