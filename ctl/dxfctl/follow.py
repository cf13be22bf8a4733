"""Waiting for jobs: many at once over one connection, through restarts of the daemon, until all are final.

Keeps up to WINDOW held `wait` requests in flight, newest revision of each job known; a reply to one is a change worth
telling. A daemon that goes away (stop, crash, restart by systemd) is waited for: the queue is on disk, so the job
numbers stay good. Prints nothing; tells changes to a callback.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from dxfctl.client import HOLD_GRACE_S, Client
from dxfctl.socket_facts import silent
from dxfd.contract.human import duration
from dxfd.contract.messages import JobView, Wait, WaitReply
from dxfd.errors import DxfdError, NoSuchJobError, ShuttingDownError, UnreachableError, WaitTimeoutError

WINDOW: Final = 32
"""Held requests at a time. Jobs are taken in the order given, which is about the order they run in."""
HOLD_S: Final = 10.0
LOOK_S: Final = 1.0
"""How often a silent connection is checked for a listener: a held reply dies with its daemon without a word."""
AWAY_S: Final = 30.0
"""How long a daemon that went away may take to come back."""

OnChange = Callable[[JobView | None, JobView], None]
OnNote = Callable[[str], None]
Result = JobView | DxfdError


class Follower:
    """Follows some jobs to their ends.

    Args:
        client: the connection; nothing else may be asked over it meanwhile.
        on_change: called with the job's former and present view, at first with None.
        on_note: called with remarks about the daemon.
    """

    def __init__(self, client: Client, on_change: OnChange, on_note: OnNote) -> None:
        self._client = client
        self._on_change = on_change
        self._on_note = on_note
        self._views: dict[int, JobView] = {}
        self._flying: dict[str, int] = {}
        self._waiting: deque[int] = deque()
        self._heard_at = 0.0

    def run(self, job_ids: Sequence[int], *, timeout_s: float | None = None) -> dict[int, Result]:
        """Return each job's final view, or the error it gave (no such job), in the order given.

        Raises:
            WaitTimeoutError: timeout_s passed before all were final.
            UnreachableError: no daemon answers, or it went away and did not come back within AWAY_S.
        """
        deadline = time.monotonic() + timeout_s if timeout_s is not None else None
        results: dict[int, Result] = {}
        self._waiting = deque(dict.fromkeys(job_ids))
        self._heard_at = time.monotonic()
        while self._waiting or self._flying:
            try:
                self._post(deadline)
                taken = self._client.take(self._patience_s(deadline))
                if taken is None:
                    self._look(deadline)
                    continue
                self._heard_at = time.monotonic()
                self._receive(taken[0], taken[1], results)
            except (UnreachableError, ShuttingDownError) as error:
                if not self._client.answered:
                    raise  # there never was a daemon to come back
                self._await_return(error, deadline)
        return {job_id: results[job_id] for job_id in dict.fromkeys(job_ids)}

    def _post(self, deadline: float | None) -> None:
        while self._waiting and len(self._flying) < WINDOW:
            job_id = self._waiting[0]
            view = self._views.get(job_id)
            hold_s = HOLD_S if deadline is None else max(0.1, min(HOLD_S, deadline - time.monotonic()))
            request = Wait(job_id=job_id, rev=view.rev if view else -1, timeout_s=hold_s)
            self._flying[self._client.post("wait", request, deadline_s=hold_s + HOLD_GRACE_S)] = job_id
            self._waiting.popleft()

    def _receive(self, request_id: str, reply: object, results: dict[int, Result]) -> None:
        job_id = self._flying.pop(request_id, None)
        if job_id is None:
            return
        if isinstance(reply, NoSuchJobError):
            results[job_id] = reply
            return
        if isinstance(reply, DxfdError):
            self._waiting.append(job_id)
            raise reply
        if not isinstance(reply, WaitReply):
            return
        former = self._views.get(job_id)
        self._views[job_id] = reply.job
        if former is None or former.rev != reply.job.rev:
            self._on_change(former, reply.job)
        if reply.final:
            results[job_id] = reply.job
        else:
            self._waiting.append(job_id)

    def _patience_s(self, deadline: float | None) -> float:
        return LOOK_S if deadline is None else max(0.0, min(LOOK_S, deadline - time.monotonic()))

    def _look(self, deadline: float | None) -> None:
        """Raise if the time is over or nobody can be listening any more."""
        self._check_time(deadline)
        self._client.check_peer()
        silent_s = time.monotonic() - self._heard_at
        if silent_s > HOLD_S + HOLD_GRACE_S:
            raise silent(self._client.endpoint, round(silent_s))

    def _check_time(self, deadline: float | None) -> None:
        if deadline is None or time.monotonic() < deadline:
            return
        left = [self._flying[r] for r in self._flying] + list(self._waiting)
        first = self._views.get(left[0])
        what = f"job {left[0]} is {first.state.value}" if first else f"job {left[0]} is not finished"
        more = f", {len(left) - 1} more are not finished" if len(left) > 1 else ""
        raise WaitTimeoutError(f"{what}{more}; the time to wait is over", hint="they go on in the daemon", job=left[0])

    def _await_return(self, error: DxfdError, deadline: float | None) -> None:
        """Begin anew on a fresh connection once somebody listens; raise the error if nobody does for AWAY_S."""
        self._client.drop()
        self._waiting.extendleft(reversed(self._flying.values()))
        self._flying.clear()
        self._on_note(f"the daemon went away; waiting up to {duration(AWAY_S)} for it to come back")
        wait_for_return(self._client, error, deadline=deadline, check_time=self._check_time)
        self._heard_at = time.monotonic()
        self._on_note("the daemon is back")


def wait_for_return(
    client: Client,
    error: DxfdError,
    *,
    deadline: float | None = None,
    check_time: Callable[[float | None], None] = lambda _deadline: None,
) -> None:
    """Return once the daemon answers again.

    Raises:
        DxfdError: `error`, if it does not within AWAY_S.
    """
    give_up = time.monotonic() + AWAY_S
    while True:
        check_time(deadline)
        try:
            client.ping()
        except (UnreachableError, ShuttingDownError):
            if time.monotonic() > give_up:
                raise error from None
            time.sleep(0.2)
        else:
            return
