"""Random walks over a real queue database, compared with the contract's table of transitions and a small model."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Progress
from dxfd.contract.states import FINAL, OWNED, TRANSITIONS, JobEvent, JobState, next_state
from dxfd.contract.times import iso
from dxfd.errors import DependencyError, IllegalTransitionError, NoSuchJobError, StaleAttemptError
from dxfd.store.queue import open_queue
from dxfd.store.rows import Ending, NewJob

S = JobState
USER = (JobEvent.PAUSE, JobEvent.RESUME, JobEvent.CANCEL, JobEvent.RETRY, JobEvent.DUE)
ENDS = (
    JobEvent.FINISH, JobEvent.FAIL, JobEvent.LOSE, JobEvent.EXHAUST, JobEvent.QUARANTINE, JobEvent.YIELD,
    JobEvent.CUT_OFF, JobEvent.HOLD,
)  # fmt: skip
STEP_S = 60.0


@dataclass
class Model:
    """What a job must be."""

    state: JobState
    token: str | None = None
    after: list[int] = field(default_factory=list)
    after_any: bool = False
    blockers: set[int] = field(default_factory=set)
    start_s: float = 0.0
    ends: int = 0
    """How often it has ended: each is counted on its day."""
    cleaned: bool = False


class Walk(RuleBasedStateMachine):
    """The store against the model."""

    jobs = Bundle("jobs")
    stale = Bundle("stale")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dxfd-"))
        self.now = 1_800_000_000.0
        self.queue = self.open()
        self.models: dict[int, Model] = {}
        self.number = 0

    def open(self):
        return open_queue(self.folder / "queue.db", durable=False, clock=lambda: self.now)

    def teardown(self) -> None:
        self.queue.close()
        shutil.rmtree(self.folder)

    def fresh(self) -> int:
        self.number += 1
        return self.number

    # --- the model ------------------------------------------------------------------------------------------------

    def rest(self, model: Model, state: JobState) -> JobState:
        """Where a job goes that could be queued."""
        held = bool(model.blockers) or model.start_s > self.now
        return S.WAITING if state is S.QUEUED and held else state

    def blockers(self, after: list[int], *, after_any: bool) -> set[int] | None:
        """Return which of them have not ended; None: one has failed."""
        if not after_any and any(self.models[a].state in FINAL - {S.SUCCEEDED} for a in after):
            return None
        return {a for a in after if self.models[a].state not in FINAL}

    def moved(self, job: int, state: JobState) -> None:
        """Put a job into a state, with what that means for those after it."""
        model = self.models[job]
        model.state = state
        if state not in FINAL:
            return
        model.ends += 1
        model.blockers = set()
        for later, other in self.models.items():
            if job not in other.blockers:
                continue
            other.blockers.discard(job)
            if state is not S.SUCCEEDED and not other.after_any:
                self.moved(later, S.FAILED)
            elif other.state is S.WAITING:
                other.state = self.rest(other, S.QUEUED)

    # --- what can be done -----------------------------------------------------------------------------------------

    @rule(
        target=jobs,
        after=st.lists(st.integers(1, 12), max_size=3),
        after_any=st.booleans(),
        delay_s=st.sampled_from([0.0, 0.0, STEP_S, -STEP_S]),
    )
    def submit(self, after, after_any, delay_s):
        number = self.fresh()
        start_s = self.now + delay_s if delay_s else 0.0
        after = list(dict.fromkeys(after)) if number % 2 else []
        new = NewJob(
            source=f"/{number}", output=f"/{number}.db", converter="bim", options=JobOptions(), priority=0, label="",
            max_attempts=3, owner_uid=0, owner="root", after=after, after_any=after_any,
            start_at=iso(start_s) if start_s else None,
        )  # fmt: skip
        known = all(a in self.models for a in after)
        blockers = self.blockers(after, after_any=after_any) if known else None
        if blockers is None:
            with pytest.raises((NoSuchJobError, DependencyError)):
                self.queue.jobs.submit(new)
            new = NewJob(**{**{n: getattr(new, n) for n in NewJob.__struct_fields__}, "after": [], "start_at": None})
            after, blockers, start_s = [], set(), 0.0
        job = self.queue.jobs.submit(new)[0]
        model = Model(S.QUEUED, after=after, after_any=after_any, blockers=blockers, start_s=start_s)
        model.state = self.rest(model, S.QUEUED)
        self.models[job.id] = model
        return job.id

    @rule(target=stale, job=jobs)
    def claim(self, job):
        token, model = f"token-{self.fresh()}", self.models[job]
        if model.state is S.QUEUED and not model.cleaned:
            self.queue.jobs.claim(job, token)
            model.state, model.token = S.RUNNING, token
        else:
            with pytest.raises((IllegalTransitionError, NoSuchJobError)):
                self.queue.jobs.claim(job, token)
        return job, token

    @rule(job=jobs, event=st.sampled_from(USER), restart=st.booleans())
    def ask(self, job, event, restart):
        model = self.models[job]
        was = model.state
        if model.cleaned:
            with pytest.raises(NoSuchJobError):
                self.queue.jobs.ask(job, event)
            return
        if (was, event) not in TRANSITIONS:
            with pytest.raises(IllegalTransitionError):
                self.queue.jobs.ask(job, event)
            return
        state = next_state(was, event)
        if event is JobEvent.RETRY:
            blockers = self.blockers(model.after, after_any=model.after_any)
            if blockers is None:
                with pytest.raises(DependencyError):
                    self.queue.jobs.ask(job, event)
                return
            model.blockers = blockers
        if was is S.WAITING and state is S.QUEUED:
            model.blockers, model.start_s = set(), 0.0
        self.queue.jobs.ask(job, event, restart=restart)
        self.moved(job, self.rest(model, state))

    @rule(job=jobs, event=st.sampled_from(ENDS), progressed=st.booleans())
    def end(self, job, event, progressed):
        model = self.models[job]
        token, model.token = model.token, None
        if token is None:
            return
        ending = Ending(
            cause="failed", charged=True, progressed=progressed, not_before="2030-01-01T00:00:00.000Z",
            report=b"{}", progress=Progress(batch=1),
        )  # fmt: skip
        self.queue.jobs.end_attempt(job, token, event, ending)
        self.moved(job, next_state(model.state, event))

    @rule(pair=consumes(stale), event=st.sampled_from(ENDS))
    def late(self, pair, event):
        job, token = pair
        model = self.models[job]
        if model.token != token and not model.cleaned:
            with pytest.raises(StaleAttemptError):
                self.queue.jobs.end_attempt(job, token, event, Ending(cause="finished"))
            assert not self.queue.jobs.set_progress(job, token, Progress())

    @rule()
    def time_passes(self):
        self.now += STEP_S
        for job in self.queue.listing.due():
            self.queue.jobs.ask(job, JobEvent.DUE)
        for model in self.models.values():
            if model.state is S.WAITING and not model.blockers and model.start_s <= self.now:
                model.state, model.start_s = S.QUEUED, 0.0

    @rule()
    def clean(self):
        ended = {job for job, model in self.models.items() if model.state in FINAL and not model.cleaned}
        assert self.queue.jobs.clean("9999", [], 1000) == len(ended)
        for job in ended:
            self.models[job].cleaned = True

    @rule()
    def restart(self):
        self.queue.close()
        self.queue = self.open()

    # --- what always holds ----------------------------------------------------------------------------------------

    @invariant()
    def the_store_agrees(self):
        for job, model in self.models.items():
            past = self.queue.history.get(job)
            assert (past is not None) == (model.state in FINAL)
            assert past is None or past.state is model.state
            if model.cleaned:
                continue
            row = self.queue.jobs.get(job)
            assert row.state is model.state
            assert (row.attempt_token is not None) == (model.state in OWNED)
            assert (row.finished_at is not None) == (model.state in FINAL)
            assert row.attempt_token == model.token
            assert row.blockers == len(model.blockers)

    @invariant()
    def the_counts_add_up(self):
        counts = self.queue.listing.counts()
        listed = [model.state for model in self.models.values() if not model.cleaned]
        for state in JobState:
            assert counts[state.value] == listed.count(state)
        assert sum(day.jobs for day in self.queue.history.days(9)) == sum(m.ends for m in self.models.values())


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


def test_every_state_can_be_left_or_is_final_and_every_state_can_be_reached():
    reached = {JobState.QUEUED, *TRANSITIONS.values()}
    left = {state for state, _ in TRANSITIONS}
    assert reached == set(JobState)
    assert set(JobState) - left == {JobState.SUCCEEDED}


def test_a_worker_can_end_in_every_way_from_every_state_in_which_it_owns_the_job():
    for state in OWNED:
        for event in ENDS:
            assert (state, event) in TRANSITIONS
