"""Random walks over a real queue database, compared with the contract's table of transitions."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Progress
from dxfd.contract.states import FINAL, OWNED, TRANSITIONS, JobEvent, JobState, next_state
from dxfd.errors import IllegalTransitionError, StaleAttemptError
from dxfd.store.queue import open_queue
from dxfd.store.rows import Ending, NewJob

USER = (JobEvent.PAUSE, JobEvent.RESUME, JobEvent.CANCEL, JobEvent.RETRY, JobEvent.DUE)
ENDS = (
    JobEvent.FINISH, JobEvent.FAIL, JobEvent.LOSE, JobEvent.EXHAUST, JobEvent.QUARANTINE, JobEvent.YIELD,
    JobEvent.CUT_OFF,
)  # fmt: skip


class Walk(RuleBasedStateMachine):
    """The store against a model: state and token of each job."""

    jobs = Bundle("jobs")
    stale = Bundle("stale")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dxfd-"))
        self.queue = open_queue(self.folder / "queue.db", durable=False)
        self.states: dict[int, JobState] = {}
        self.tokens: dict[int, str] = {}
        self.number = 0

    def teardown(self) -> None:
        self.queue.close()
        shutil.rmtree(self.folder)

    def fresh(self) -> int:
        self.number += 1
        return self.number

    @rule(target=jobs)
    def submit(self):
        number = self.fresh()
        new = NewJob(
            source=f"/{number}", output=f"/{number}.db", converter="bim", options=JobOptions(), priority=0, label="",
            max_attempts=3, owner_uid=0, owner="root",
        )  # fmt: skip
        job = self.queue.jobs.submit(new)[0]
        self.states[job.id] = job.state
        return job.id

    @rule(target=stale, job=jobs)
    def claim(self, job):
        token = f"token-{self.fresh()}"
        if self.states[job] is JobState.QUEUED:
            self.queue.jobs.claim(job, token)
            self.states[job], self.tokens[job] = JobState.RUNNING, token
        else:
            with pytest.raises(IllegalTransitionError):
                self.queue.jobs.claim(job, token)
        return job, token

    @rule(job=jobs, event=st.sampled_from(USER), restart=st.booleans())
    def ask(self, job, event, restart):
        was = self.states[job]
        if (was, event) in TRANSITIONS:
            self.queue.jobs.ask(job, event, restart=restart)
            self.states[job] = next_state(was, event)
        else:
            with pytest.raises(IllegalTransitionError):
                self.queue.jobs.ask(job, event)

    @rule(job=jobs, event=st.sampled_from(ENDS), progressed=st.booleans())
    def end(self, job, event, progressed):
        token = self.tokens.pop(job, None)
        if token is None:
            return
        ending = Ending(
            cause="failed", charged=True, progressed=progressed, not_before="2030-01-01T00:00:00.000Z",
            report=b"{}", progress=Progress(batch=1),
        )  # fmt: skip
        self.queue.jobs.end_attempt(job, token, event, ending)
        self.states[job] = next_state(self.states[job], event)

    @rule(pair=consumes(stale), event=st.sampled_from(ENDS))
    def late(self, pair, event):
        job, token = pair
        if self.tokens.get(job) != token:
            with pytest.raises(StaleAttemptError):
                self.queue.jobs.end_attempt(job, token, event, Ending(cause="finished"))
            assert not self.queue.jobs.set_progress(job, token, Progress())

    @rule()
    def restart(self):
        self.queue.close()
        self.queue = open_queue(self.folder / "queue.db", durable=False)

    @invariant()
    def the_store_agrees(self):
        for job, state in self.states.items():
            row = self.queue.jobs.get(job)
            assert row.state is state
            assert (row.attempt_token is not None) == (state in OWNED)
            assert (row.finished_at is not None) == (state in FINAL)
            assert row.attempt_token == self.tokens.get(job)

    @invariant()
    def the_counts_add_up(self):
        counts = self.queue.listing.counts()
        assert sum(counts.values()) == len(self.states)
        for state in JobState:
            assert counts[state.value] == sum(1 for s in self.states.values() if s is state)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_every_state_can_be_left_or_is_final_and_every_state_can_be_reached():
    reached = {JobState.QUEUED, *TRANSITIONS.values()}
    left = {state for state, _ in TRANSITIONS}
    assert reached == set(JobState)
    assert set(JobState) - left == {JobState.SUCCEEDED}


def test_a_worker_can_end_in_every_way_from_every_state_in_which_it_owns_the_job():
    for state in OWNED:
        for event in ENDS:
            assert (state, event) in TRANSITIONS
