"""From how a worker ended to what that means for its job. Pure: one table in the form of a function.

| how it ended                                    | cause    | event                     | charged | death |
|-------------------------------------------------|----------|---------------------------|---------|-------|
| said `done`                                     | finished | FINISH                    |         |       |
| said `left` because it was asked                | yielded  | YIELD                     |         |       |
| said `left` because its memory limit was near   | memory   | LOSE, EXHAUST, QUARANTINE | yes     | yes   |
| said `failed`, permanent                        | failed   | FAIL                      | yes     |       |
| said `failed`, retryable                        | failed   | LOSE, EXHAUST             | yes     |       |
| said `failed`, E_DISK_FULL                      | disk_full | LOSE                     |         |       |
| said `failed`, E_IO_TIMEOUT                     | timeout  | LOSE                      |         |       |
| said `failed`, E_OUTPUT_BUSY                    | locked   | LOSE, then HOLD           |         |       |
| said `failed`, E_MEMORY                         | memory   | LOSE, EXHAUST, QUARANTINE | yes     | yes   |
| killed by us: told to leave and did not         | cut_off  | CUT_OFF                   |         |       |
| killed by us: past the memory wall              | memory   | LOSE, EXHAUST, QUARANTINE | yes     | yes   |
| killed by us: silent for too long               | hung     | LOSE, EXHAUST             | yes     |       |
| killed by the kernel: past its cgroup's limit   | memory   | LOSE, EXHAUST, QUARANTINE | yes     | yes   |
| any other signal                                | signal   | LOSE, EXHAUST, QUARANTINE | yes     | yes   |
| any other exit, or it could not be started      | failed   | LOSE, EXHAUST             | yes     |       |

An attempt that committed a batch no attempt before had sets charges and deaths back: such a job gets on, so it ends.
Not so a crash of the worker's own (E_INTERNAL, a fatal signal of its own code, an exit without a word): that comes
again at the next batch too, and a job of a thousand batches would crash a thousand times.
"""

from __future__ import annotations

import signal
from enum import StrEnum
from typing import Final

import msgspec

from dxfd.config.units import format_bytes, format_seconds
from dxfd.contract.progress import Done, Failed, Left, Progress
from dxfd.contract.states import JobEvent
from dxfd.contract.times import iso
from dxfd.errors import (
    DiskFullError,
    DxfdError,
    FailureClass,
    IoTimeoutError,
    MemoryLimitError,
    OutputBusyError,
    WorkerHungError,
    WorkerLostError,
)
from dxfd.store.rows import Ending, JobRow
from dxfd.supervise.backoff import delay_s

DISK_FULL_DELAY_S: Final = 30.0
LOCK_TRIES: Final = 5
"""So often a locked output is tried, with delays of 1, 2, 4 and 8 s (retry_base_s) between; then the job is held."""
_OWN_SIGNALS: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})
"""What a process gets for its own fault; SIGKILL and the like come from outside (a person, a host out of memory)."""


class Killed(StrEnum):
    """Why the daemon killed a worker."""

    NOT = ""
    STUBBORN = "stubborn"  # told to leave, and the deadline passed
    MEMORY = "memory"
    HUNG = "hung"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say about failures."""

    retry_base_s: float
    retry_cap_s: float
    quarantine_after: int
    worker_timeout_s: float


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended."""

    status: int | None
    """Exit status, minus the signal's number, or None: it could not be started."""
    last: Done | Left | Failed | None = None
    killed: Killed = Killed.NOT
    note: str = ""
    """Why it could not be started."""
    progress: Progress | None = None
    batch: int = 0
    """Last batch it committed."""
    batch_before: int = 0
    """Last batch known before this attempt."""
    peak_rss_bytes: int = 0
    limit_bytes: int = 0
    out_of_memory: bool = False
    """The kernel ended it for its cgroup's limit."""


class _Loss(msgspec.Struct, frozen=True, kw_only=True):
    cause: str
    code: str
    message: str
    hint: str = ""
    death: bool = False
    crash: bool = False
    """The worker's own fault, which no progress excuses."""


def judge(ended: Ended, job: JobRow, policy: Policy, now_s: float) -> tuple[JobEvent, Ending]:
    """Return the event to apply and what is to be written with it; now_s is seconds since the epoch."""
    base = Ending(
        cause="finished",
        exit_status=ended.status,
        peak_rss_bytes=ended.peak_rss_bytes,
        progress=ended.progress,
        progressed=ended.batch > ended.batch_before,
    )
    # What the worker said goes before how it died: a published output stays published.
    match ended.last:
        case Done(report=report):
            return JobEvent.FINISH, msgspec.structs.replace(base, report=bytes(report))
        case Left(cause=cause, batch=batch) if cause != "memory":
            return JobEvent.YIELD, msgspec.structs.replace(
                base, cause="yielded", detail=f"left at batch {batch}: {cause}"
            )
        case Failed(failure_class=FailureClass.PERMANENT.value) as failed:
            return JobEvent.FAIL, msgspec.structs.replace(
                base,
                cause="failed",
                detail=f"{failed.error_code}: {failed.message}",
                charged=True,
                error_code=failed.error_code,
                error_message=failed.message,
                error_hint=failed.hint,
            )
    if ended.last is None and ended.killed is Killed.STUBBORN:
        return JobEvent.CUT_OFF, msgspec.structs.replace(
            base, cause="cut_off", detail="did not reach a checkpoint in time and was killed"
        )
    return _lost(base, _loss(ended, policy), job, policy, now_s)


def _loss(ended: Ended, policy: Policy) -> _Loss:
    memory = MemoryLimitError
    if isinstance(ended.last, Left):
        words = (
            f"the conversion left at batch {ended.last.batch}: {format_bytes(ended.limit_bytes)} is too little for it"
        )
        return _Loss(cause="memory", code=memory.code, message=words, hint=memory.default_hint, death=True)
    if isinstance(ended.last, Failed):
        is_memory = ended.last.error_code == memory.code
        return _Loss(
            cause="memory" if is_memory else "failed",
            code=ended.last.error_code,
            message=ended.last.message,
            hint=ended.last.hint,
            death=is_memory,
            crash=ended.last.error_code == DxfdError.code,
        )
    if ended.killed is Killed.MEMORY or ended.out_of_memory:
        words = f"the worker grew far past its limit of {format_bytes(ended.limit_bytes)} and was ended"
        return _Loss(cause="memory", code=memory.code, message=words, hint=memory.default_hint, death=True)
    if ended.killed is Killed.HUNG:
        words = f"the worker made no progress for {format_seconds(policy.worker_timeout_s)} and was ended"
        return _Loss(cause="hung", code=WorkerHungError.code, message=words)
    if ended.status is None:
        return _Loss(cause="failed", code=WorkerLostError.code, message=f"no worker could be started: {ended.note}")
    if ended.status < 0:
        words = f"the worker was killed by {_signal_name(-ended.status)}"
        crash = -ended.status in _OWN_SIGNALS
        return _Loss(cause="signal", code=WorkerLostError.code, message=words, death=True, crash=crash)
    words = f"the worker ended with status {ended.status} and no result"
    hint = "the log has what it said on stderr"
    return _Loss(cause="failed", code=WorkerLostError.code, message=words, hint=hint, crash=True)


def _lost(base: Ending, loss: _Loss, job: JobRow, policy: Policy, now_s: float) -> tuple[JobEvent, Ending]:
    if loss.code == OutputBusyError.code:
        return _locked(base, loss, job, policy, now_s)
    if loss.code in {DiskFullError.code, IoTimeoutError.code}:
        # Not the job's fault, and no number of tries makes room or brings a share back: it waits, uncharged, and looks.
        delay = min(policy.retry_cap_s, max(policy.retry_base_s, DISK_FULL_DELAY_S))
        return JobEvent.LOSE, msgspec.structs.replace(
            base,
            cause="disk_full" if loss.code == DiskFullError.code else "timeout",
            detail=loss.message,
            error_code=loss.code,
            error_message=loss.message,
            error_hint=loss.hint,
            not_before=iso(now_s + delay),
        )
    progressed = base.progressed and not loss.crash
    charged = (0 if progressed else job.attempts_charged) + 1
    deaths = (0 if progressed else job.deaths) + loss.death
    ending = msgspec.structs.replace(
        base,
        progressed=progressed,
        cause=loss.cause,
        detail=loss.message,
        charged=True,
        death=loss.death,
        halve=loss.cause == "memory",
        error_code=loss.code,
        error_message=loss.message,
        error_hint=loss.hint,
    )
    if loss.death and deaths >= policy.quarantine_after:
        return JobEvent.QUARANTINE, ending
    if charged >= job.max_attempts:
        return JobEvent.EXHAUST, ending
    delay = delay_s(charged, base_s=policy.retry_base_s, cap_s=policy.retry_cap_s)
    return JobEvent.LOSE, msgspec.structs.replace(ending, not_before=iso(now_s + delay))


def _locked(base: Ending, loss: _Loss, job: JobRow, policy: Policy, now_s: float) -> tuple[JobEvent, Ending]:
    """Try a locked output again after growing delays; then only a person can say who holds it and why.

    Such attempts have a counter of their own: what they found says nothing about the job.
    """
    tries = job.lock_tries + 1
    ending = msgspec.structs.replace(
        base, cause="locked", detail=loss.message, error_code=loss.code, error_message=loss.message,
        error_hint=loss.hint,
    )  # fmt: skip
    if tries < LOCK_TRIES:
        delay = delay_s(tries, base_s=policy.retry_base_s, cap_s=policy.retry_cap_s)
        return JobEvent.LOSE, msgspec.structs.replace(ending, locked=True, not_before=iso(now_s + delay))
    return JobEvent.HOLD, msgspec.structs.replace(  # whoever resumes it begins to count anew
        ending,
        error_message=f"{loss.message}, still after {tries} tries",
        error_hint=f"end the other program, then  dxfctl resume {job.id}",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
