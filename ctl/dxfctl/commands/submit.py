"""`dxfctl submit`: drawings into the queue, and with --wait their conversion watched to the end."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from dxfctl import exits
from dxfctl.client import Client
from dxfctl.commands.wait import code_of, follow_jobs, tell
from dxfctl.conversion import conversion_options, job_options
from dxfctl.drawings import Drawing, Plan, plan
from dxfctl.follow import Result
from dxfctl.invocation import Invocation
from dxfctl.options import Duration, JobNumber, Moment, Verb, option
from dxfctl.render import output
from dxfctl.render.jobs import job_line
from dxfd.contract.human import safe
from dxfd.contract.messages import Submit, SubmitReply
from dxfd.contract.times import iso
from dxfd.errors import (
    ControlError,
    DxfdError,
    OutputNotWritableError,
    PermissionDeniedError,
    UsageError,
)

Sent = tuple[str, SubmitReply | DxfdError]


@click.command("submit", cls=Verb)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@option("--output", "-O", metavar="PATH", help="The database (one drawing) or the folder for all; default: beside.")
@option("--priority", metavar="N", type=click.IntRange(-1_000_000, 1_000_000), default=0, help="Higher goes first (0).")
@option("--label", default="", metavar="TEXT", help="A word to find the jobs by.")
@option("--dwg", is_flag=True, help="Take *.dwg of folders too, where no *.dxf of the same name stands beside.")
@option("--max-attempts", type=click.IntRange(1, 100), metavar="N", help="Failed attempts before the job fails.")
@option(
    "--in", "delay", envvar="DXFCTL_SUBMIT_IN", metavar="TIME", type=Duration(), help="Not before so long from now."
)
@option("--at", metavar="TIME", type=Moment(), help="Not before this time: 18:00, 2030-01-31T06:00, with Z for UTC.")
@option(
    "--after",
    envvar="DXFCTL_SUBMIT_AFTER",
    metavar="JOB",
    type=JobNumber(),
    multiple=True,
    help="After this job has succeeded; may be given several times. If it does not, this one fails.",
)
@option("--after-any", is_flag=True, help="After the jobs of --after have ended, however.")
@option("--key", default="", metavar="TEXT", help="The same key gives the same job back, for ever (one drawing).")
@option("--print-id", is_flag=True, help="Print the job numbers only.")
@option("--dry-run", is_flag=True, help="Show what would be submitted.")
@option("--wait", "-w", is_flag=True, help="Wait until the jobs are finished; their result is the exit code.")
@conversion_options
@click.pass_obj
def command(
    invocation: Invocation, /, files: tuple[str, ...], print_id: bool, dry_run: bool, wait: bool, **given: Any
) -> int:
    """Put drawings into the queue.

    FILE is a drawing (DXF, or DWG where the daemon has a converter for it), a folder (searched for *.dxf and
    *.dxf.gz, in any case; with --dwg for *.dwg too) or a quoted glob. Each drawing becomes one job and one database,
    beside the drawing unless -O says where. A conversion that is in the queue already is the same job: submitting
    again is safe.
    """
    planned = plan(files, given["output"], cwd=Path.cwd(), dwg=given["dwg"])
    requests = _requests(planned, given)
    if dry_run:
        return _dry_run(invocation, planned)
    sent: list[Sent] = [(name, error) for name, error in planned.problems]
    with invocation.client() as client:
        if planned.drawings:
            _make_folders(planned, explicit=given["output"] is not None)
            sent += _send(client, requests)
        if not print_id or not invocation.json:
            _tell_sent(invocation, sent, print_id=print_id)
        results: dict[int, Result] = {}
        if wait:
            ids = [reply.job.id for _, reply in sent if isinstance(reply, SubmitReply)]
            results = follow_jobs(invocation, client, ids) if ids else {}
    return _finish(invocation, sent, results, print_id=print_id)


def _requests(planned: Plan, given: dict[str, Any]) -> list[Submit]:
    if given["key"] and len(planned.drawings) > 1:
        raise UsageError("--key names one job, and there are several drawings", hint="submit them one by one")
    if given["after_any"] and not given["after"]:
        raise UsageError("--after-any says how to take --after JOB")
    options = job_options(given)
    return [
        Submit(
            source=str(drawing.source),
            output=str(drawing.output),
            priority=given["priority"],
            label=given["label"],
            max_attempts=given["max_attempts"] or 0,
            options=options,
            source_bytes=_size(drawing.source),
            idempotency_key=given["key"],
            not_before=_not_before(given),
            after=list(given["after"]),
            after_any=given["after_any"],
        )
        for drawing in planned.drawings
    ]


def _not_before(given: dict[str, Any]) -> str:
    """Return the time of --at or --in, the later one if both are given; empty for none."""
    moments = [given["at"]] if given["at"] is not None else []
    if given["delay"]:
        moments.append(time.time() + given["delay"])
    return iso(max(moments)) if moments else ""


def _size(path: Path) -> int:
    """Return the size of a file; 0 when it cannot be told, which the daemon then finds out."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _make_folders(planned: Plan, *, explicit: bool) -> None:
    """Make the output folders that -O asks for; without -O they are there already."""
    for folder in {d.output.parent for d in planned.drawings} if explicit else ():
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputNotWritableError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _send(client: Client, requests: list[Submit]) -> list[Sent]:
    """Send all; a refusal is that drawing's, a daemon that is gone ends the sending."""
    sent: list[Sent] = []
    for request in requests:
        try:
            sent.append((request.source, client.submit(request)))
        except (PermissionDeniedError, ControlError) as error:
            if not sent or isinstance(error, PermissionDeniedError):
                raise
            sent.append((request.source, error))
            break
        except DxfdError as error:
            sent.append((request.source, error))
    return sent


def _tell_sent(invocation: Invocation, sent: list[Sent], *, print_id: bool) -> None:
    if invocation.json:
        return
    held = False
    for _, reply in sent:
        if isinstance(reply, DxfdError):
            output.fail(invocation, reply)
        elif print_id:
            output.say(invocation, str(reply.job.id))
        else:
            line = job_line(reply.job, color=invocation.colored(sys.stdout))
            output.say(invocation, f"{line}  (in the queue already)" if reply.duplicate else line)
        held = held or (isinstance(reply, SubmitReply) and reply.queue_paused)
    if held:
        output.note(invocation, "the queue is paused; it goes on with  dxfctl resume")


def _finish(invocation: Invocation, sent: list[Sent], results: dict[int, Result], *, print_id: bool) -> int:
    codes = [reply.exit_code if isinstance(reply, DxfdError) else exits.DONE for _, reply in sent]
    if results:
        codes = [reply.exit_code for _, reply in sent if isinstance(reply, DxfdError)] + [
            code_of([result]) for result in results.values()
        ]
    code = exits.combine(codes)
    if invocation.json:
        held = any(isinstance(r, SubmitReply) and r.queue_paused for _, r in sent)
        fields = {"jobs": [_fields(name, reply, results) for name, reply in sent], "queue_paused": held}
        output.document(invocation, fields, ok=code == exits.DONE)
    elif results and not print_id:
        tell(invocation, results.values())
    return code


def _fields(name: str, reply: SubmitReply | DxfdError, results: dict[int, Result]) -> dict[str, Any]:
    if isinstance(reply, DxfdError):
        return {"ok": False, "source": safe(name), "error": output.error_fields(reply)}
    last = results.get(reply.job.id, reply.job)
    if isinstance(last, DxfdError):
        return {"ok": False, "source": name, "error": output.error_fields(last)}
    ok = exits.of_state(last.state) == exits.DONE
    return {"ok": ok, "source": name, "job": last, "duplicate": reply.duplicate}


def _dry_run(invocation: Invocation, planned: Plan) -> int:
    code = exits.combine([error.exit_code for _, error in planned.problems] + [exits.DONE for _ in planned.drawings])
    if invocation.json:
        fields = {
            "dry_run": True,
            "jobs": [{"ok": True, "source": str(d.source), "output": str(d.output)} for d in planned.drawings]
            + [{"ok": False, "source": safe(n), "error": output.error_fields(e)} for n, e in planned.problems],
        }
        output.document(invocation, fields, ok=code == exits.DONE)
        return code
    for _, error in planned.problems:
        output.fail(invocation, error)
    for drawing in planned.drawings:
        output.say(invocation, _pair(drawing))
    return code


def _pair(drawing: Drawing) -> str:
    return f"{safe(str(drawing.source))} → {safe(str(drawing.output))}"
