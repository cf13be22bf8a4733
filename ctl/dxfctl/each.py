"""One change asked for several jobs: send each, tell each result, make one exit code of them.

What pause, resume, cancel and retry have in common. A job that refuses does not keep the others from being asked; a
daemon that is gone does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.render import jobs as job_text
from dxfctl.render import output
from dxfd.contract.messages import JobRef, JobReply
from dxfd.errors import ControlError, DxfdError, PermissionDeniedError

Ask = Callable[[JobRef], JobReply]


def change_each(invocation: Invocation, job_ids: tuple[int, ...], ask: Ask, *, already: str) -> int:
    """Ask for the change of each job and tell the results; return the exit code.

    Raises:
        DxfdError: the only job refused, or the daemon cannot be talked to.
    """
    results: list[tuple[int, JobReply | DxfdError]] = []
    for job_id in dict.fromkeys(job_ids):
        try:
            results.append((job_id, ask(JobRef(job_id=job_id))))
        except DxfdError as error:
            alone = len(job_ids) == 1
            if alone or (isinstance(error, ControlError) and not isinstance(error, PermissionDeniedError)):
                raise
            results.append((job_id, error))
    code = exits.combine(r.exit_code if isinstance(r, DxfdError) else exits.DONE for _, r in results)
    if invocation.json:
        output.document(invocation, {"jobs": [_fields(i, r) for i, r in results]}, ok=code == exits.DONE)
        return code
    for job_id, result in results:
        _tell(invocation, job_id, result, already)
    return code


def change_queue(invocation: Invocation, ask: Ask, *, now: str) -> int:
    """Ask for the change of the queue and tell it; return the exit code."""
    reply = ask(JobRef())
    if invocation.json:
        output.document(invocation, {"changed": reply.changed, "queue_paused": reply.queue_paused})
    else:
        output.say(invocation, f"queue {now}" if reply.changed else f"queue {now.partition(':')[0]} already")
    return exits.DONE


def _tell(invocation: Invocation, job_id: int, result: JobReply | DxfdError, already: str) -> None:
    if isinstance(result, DxfdError):
        output.fail(invocation, result)
    elif result.job is None:
        output.say(invocation, f"job {job_id}")
    else:
        line = job_text.job_line(result.job, color=invocation.colored(sys.stdout))
        output.say(invocation, line if result.changed else f"{line}  ({already})")


def _fields(job_id: int, result: JobReply | DxfdError) -> dict[str, Any]:
    if isinstance(result, DxfdError):
        return {"id": job_id, "ok": False, "error": output.error_fields(result)}
    return {"id": job_id, "ok": True, "changed": result.changed, "job": result.job}
