"""Job states, the events that change them, and the one table of legal transitions.

Owns the truth that the store's CHECKs, the handlers and the diagram in ARCHITECTURE.md repeat. Pure; no I/O.
Each pair that is absent from TRANSITIONS is illegal.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from dxfd.errors import IllegalTransitionError


class JobState(StrEnum):
    """Where a job stands; the comment says who moves it on."""

    QUEUED = "queued"  # the scheduler claims it when a worker and memory are free
    WAITING = "waiting"  # waits for its start time or for jobs it comes after; DUE or their ends release it
    RUNNING = "running"  # a worker process owns it
    PAUSING = "pausing"  # its worker was told to leave at the next checkpoint
    PAUSED = "paused"  # a user resumes it (error_message says why when it was not a user who paused it)
    CANCELLING = "cancelling"  # its worker was told to leave
    RETRY_WAIT = "retry_wait"  # waits for its not_before time
    SUCCEEDED = "succeeded"  # final
    FAILED = "failed"  # final until a user retries
    CANCELLED = "cancelled"  # final until a user retries
    QUARANTINED = "quarantined"  # killed its workers too often; a user retries


class JobEvent(StrEnum):
    """What happens to a job."""

    CLAIM = "claim"  # the scheduler starts an attempt
    FINISH = "finish"  # the worker published the output
    FAIL = "fail"  # permanent failure
    LOSE = "lose"  # retryable failure, attempts left
    EXHAUST = "exhaust"  # retryable failure, no attempts left
    QUARANTINE = "quarantine"  # too many deaths by signal or memory
    YIELD = "yield"  # the worker left at a checkpoint because it was asked to; not charged
    CUT_OFF = "cut_off"  # daemon shutdown or crash took the worker; not charged
    PAUSE = "pause"  # user
    RESUME = "resume"  # user
    CANCEL = "cancel"  # user
    RETRY = "retry"  # user
    DUE = "due"  # what it waited for is there: the retry delay is over, the time has come, the jobs before it ended
    WAIT = "wait"  # it could run, but its time or the jobs it comes after are not there yet
    DEP_FAIL = "dep_fail"  # a job that it comes after did not succeed
    HOLD = "hold"  # nothing but a person can help: the job is paused with the reason


_S, _E = JobState, JobEvent

TRANSITIONS: Final[Mapping[tuple[JobState, JobEvent], JobState]] = MappingProxyType(
    {
        (_S.QUEUED, _E.CLAIM): _S.RUNNING,
        (_S.QUEUED, _E.WAIT): _S.WAITING,
        (_S.QUEUED, _E.PAUSE): _S.PAUSED,
        (_S.QUEUED, _E.CANCEL): _S.CANCELLED,
        (_S.WAITING, _E.DUE): _S.QUEUED,
        (_S.WAITING, _E.RESUME): _S.QUEUED,  # a user: now, whatever it waited for
        (_S.WAITING, _E.DEP_FAIL): _S.FAILED,
        (_S.WAITING, _E.PAUSE): _S.PAUSED,
        (_S.WAITING, _E.CANCEL): _S.CANCELLED,
        (_S.RUNNING, _E.FINISH): _S.SUCCEEDED,
        (_S.RUNNING, _E.FAIL): _S.FAILED,
        (_S.RUNNING, _E.LOSE): _S.RETRY_WAIT,
        (_S.RUNNING, _E.EXHAUST): _S.FAILED,
        (_S.RUNNING, _E.QUARANTINE): _S.QUARANTINED,
        (_S.RUNNING, _E.YIELD): _S.QUEUED,
        (_S.RUNNING, _E.CUT_OFF): _S.QUEUED,
        (_S.RUNNING, _E.HOLD): _S.PAUSED,
        (_S.RUNNING, _E.PAUSE): _S.PAUSING,
        (_S.RUNNING, _E.CANCEL): _S.CANCELLING,
        (_S.PAUSING, _E.FINISH): _S.SUCCEEDED,
        (_S.PAUSING, _E.FAIL): _S.FAILED,
        (_S.PAUSING, _E.LOSE): _S.PAUSED,
        (_S.PAUSING, _E.EXHAUST): _S.FAILED,
        (_S.PAUSING, _E.QUARANTINE): _S.QUARANTINED,
        (_S.PAUSING, _E.YIELD): _S.PAUSED,
        (_S.PAUSING, _E.CUT_OFF): _S.PAUSED,
        (_S.PAUSING, _E.HOLD): _S.PAUSED,
        (_S.PAUSING, _E.RESUME): _S.RUNNING,  # its worker still leaves; YIELD then queues the job
        (_S.PAUSING, _E.CANCEL): _S.CANCELLING,
        (_S.PAUSED, _E.RESUME): _S.QUEUED,
        (_S.PAUSED, _E.DEP_FAIL): _S.FAILED,
        (_S.PAUSED, _E.CANCEL): _S.CANCELLED,
        (_S.CANCELLING, _E.FINISH): _S.SUCCEEDED,  # it was faster than the cancel
        (_S.CANCELLING, _E.FAIL): _S.CANCELLED,
        (_S.CANCELLING, _E.LOSE): _S.CANCELLED,
        (_S.CANCELLING, _E.EXHAUST): _S.CANCELLED,
        (_S.CANCELLING, _E.QUARANTINE): _S.CANCELLED,
        (_S.CANCELLING, _E.YIELD): _S.CANCELLED,
        (_S.CANCELLING, _E.CUT_OFF): _S.CANCELLED,
        (_S.CANCELLING, _E.HOLD): _S.CANCELLED,
        (_S.RETRY_WAIT, _E.DUE): _S.QUEUED,
        (_S.RETRY_WAIT, _E.RETRY): _S.QUEUED,
        (_S.RETRY_WAIT, _E.PAUSE): _S.PAUSED,
        (_S.RETRY_WAIT, _E.CANCEL): _S.CANCELLED,
        (_S.FAILED, _E.RETRY): _S.QUEUED,
        (_S.CANCELLED, _E.RETRY): _S.QUEUED,
        (_S.QUARANTINED, _E.RETRY): _S.QUEUED,
    }
)

FINAL: Final = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.QUARANTINED})
"""States that end a wait."""

OWNED: Final = frozenset({_S.RUNNING, _S.PAUSING, _S.CANCELLING})
"""States in which a worker process owns the job and an attempt token is set."""

_WORDS: Final = {
    _E.PAUSE: ("pause", "paused"),
    _E.RESUME: ("resume", "resumed"),
    _E.CANCEL: ("cancel", "cancelled"),
    _E.RETRY: ("retry", "retried"),
}


def next_state(state: JobState, event: JobEvent, *, job_id: int | None = None) -> JobState:
    """Return the state after the event.

    Raises:
        IllegalTransitionError: the table has no such pair; the message names job, state and what was asked.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        verb = _WORDS.get(event, (event.value, ""))[0]
        raise IllegalTransitionError(
            f"job {job_id if job_id is not None else '?'} is {state.value}, cannot {verb} it",
            hint=_hint(state, event, job_id),
            state=state.value,
            event=event.value,
        ) from None


def _hint(state: JobState, event: JobEvent, job_id: int | None) -> str:
    if state in {_S.FAILED, _S.CANCELLED, _S.QUARANTINED}:
        return f"to run it again:  dxfctl retry {job_id}"
    if state is _S.SUCCEEDED:
        return "it is finished; submit the drawing again to convert it anew"
    if event is _E.RETRY:
        return f"it is not finished; see  dxfctl show {job_id}"
    return ""
