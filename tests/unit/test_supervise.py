from __future__ import annotations

import os
import signal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Done, Failed, Left
from dxfd.contract.states import JobEvent, JobState
from dxfd.contract.times import seconds_of
from dxfd.store.rows import JobRow
from dxfd.supervise import meter
from dxfd.supervise.backoff import delay_s
from dxfd.supervise.exits import Ended, Killed, Policy, judge
from dxfd.supervise.scheduler import Wish, pick

MIB = 1 << 20
POLICY = Policy(retry_base_s=1, retry_cap_s=60, quarantine_after=3, worker_timeout_s=600)
PERMANENT = Failed(error_code="E_NOT_DXF", message="no DXF", failure_class="permanent")
RETRYABLE = Failed(error_code="E_SOURCE_CHANGED", message="changed", failure_class="retryable")
FULL = Failed(error_code="E_DISK_FULL", message="full", failure_class="retryable")
MEMORY = Failed(error_code="E_MEMORY", message="too little", failure_class="retryable")
DONE = Done(report=msgspec.Raw(b"{}"))
NOW = 1_800_000_000.0


def job(**fields: object) -> JobRow:
    base = {
        "id": 1, "state": JobState.RUNNING, "rev": 1, "converter": "bim", "source": "/a", "output": "/b",
        "options": JobOptions(), "priority": 0, "label": "", "owner_uid": 0, "owner": "root", "max_attempts": 3,
        "attempt": 1, "attempt_token": "t", "attempts_charged": 0, "deaths": 0, "halvings": 0, "restart": False,
        "submitted_at": "", "started_at": None, "finished_at": None, "not_before": None, "progress": None,
        "error_code": "", "error_message": "", "error_hint": "",
    }  # fmt: skip
    return JobRow(**{**base, **fields})


E = JobEvent


@pytest.mark.parametrize(
    ("ended", "event", "cause", "charged", "death"),
    [
        (Ended(status=0, last=DONE), E.FINISH, "finished", False, False),
        (Ended(status=-9, last=DONE, killed=Killed.STUBBORN), E.FINISH, "finished", False, False),
        (Ended(status=3, last=Left(cause="pause")), E.YIELD, "yielded", False, False),
        (Ended(status=3, last=Left(cause="orphaned")), E.YIELD, "yielded", False, False),
        (Ended(status=3, last=Left(cause="memory")), E.LOSE, "memory", True, True),
        (Ended(status=1, last=PERMANENT), E.FAIL, "failed", True, False),
        (Ended(status=1, last=RETRYABLE), E.LOSE, "failed", True, False),
        (Ended(status=1, last=MEMORY), E.LOSE, "memory", True, True),
        (Ended(status=-9, killed=Killed.STUBBORN), E.CUT_OFF, "cut_off", False, False),
        (Ended(status=-9, killed=Killed.MEMORY), E.LOSE, "memory", True, True),
        (Ended(status=-9, killed=Killed.HUNG), E.LOSE, "hung", True, False),
        (Ended(status=-9), E.LOSE, "signal", True, True),
        (Ended(status=-9, out_of_memory=True), E.LOSE, "memory", True, True),
        (Ended(status=3, last=Left(cause="host")), E.YIELD, "yielded", False, False),
        (Ended(status=-11), E.LOSE, "signal", True, True),
        (Ended(status=0), E.LOSE, "failed", True, False),
        (Ended(status=5), E.LOSE, "failed", True, False),
        (Ended(status=None, note="too many processes"), E.LOSE, "failed", True, False),
    ],
)
def test_each_way_to_end_means_one_thing(ended, event, cause, charged, death):
    found, ending = judge(ended, job(), POLICY, NOW)
    assert (found, ending.cause, ending.charged, ending.death) == (event, cause, charged, death)


def test_the_last_attempt_exhausts_the_job():
    event, ending = judge(Ended(status=1, last=RETRYABLE), job(attempts_charged=2), POLICY, NOW)
    assert (event, ending.not_before, ending.error_code) == (E.EXHAUST, None, "E_SOURCE_CHANGED")


def test_a_full_disk_is_waited_for_without_a_charge():
    event, ending = judge(Ended(status=1, last=FULL), job(attempts_charged=2, max_attempts=3), POLICY, NOW)

    assert (event, ending.charged, ending.error_code) == (E.LOSE, False, "E_DISK_FULL")
    assert ending.not_before is not None


def test_a_share_that_does_not_answer_is_waited_for_without_a_charge():
    silent = Failed(error_code="E_IO_TIMEOUT", message="no answer", failure_class="retryable")
    event, ending = judge(Ended(status=1, last=silent), job(attempts_charged=2, max_attempts=3), POLICY, NOW)
    assert (event, ending.cause, ending.charged) == (E.LOSE, "timeout", False)


def test_a_locked_output_is_tried_after_1_2_4_and_8_seconds_then_the_job_is_held_with_the_reason():
    locked = Failed(error_code="E_OUTPUT_BUSY", message="/b is locked by another program", failure_class="retryable")
    delays, tries = [], 0
    while True:
        event, ending = judge(Ended(status=1, last=locked), job(attempts_charged=2, lock_tries=tries), POLICY, NOW)
        assert not ending.charged
        if event is not E.LOSE:
            break
        assert ending.not_before is not None
        assert ending.locked
        delays.append(seconds_of(ending.not_before) - NOW)
        tries += 1
    assert delays == pytest.approx([1, 2, 4, 8])
    assert (event, ending.cause, ending.locked) == (E.HOLD, "locked", False)
    assert ending.error_message == "/b is locked by another program, still after 5 tries"
    assert "dxfctl resume 1" in ending.error_hint


def test_the_last_death_quarantines_the_job_with_its_cause():
    event, ending = judge(Ended(status=-9), job(attempts_charged=2, deaths=2), POLICY, NOW)
    assert (event, ending.error_code) == (E.QUARANTINE, "E_WORKER_LOST")
    assert "SIGKILL" in ending.error_message


def test_a_death_after_a_new_checkpoint_counts_from_one():
    ended = Ended(status=-9, batch=7, batch_before=6)
    event, ending = judge(ended, job(attempts_charged=2, deaths=2), POLICY, NOW)
    assert (event, ending.progressed) == (E.LOSE, True)
    assert ending.not_before is not None
    assert seconds_of(ending.not_before) == pytest.approx(NOW + 1)


CRASH = Failed(error_code="E_INTERNAL", message="unexpected TypeError", hint="", failure_class="retryable")


@pytest.mark.parametrize(
    ("ended", "last"),
    [
        (Ended(status=1, last=CRASH, batch=7, batch_before=6), E.EXHAUST),
        (Ended(status=5, batch=7, batch_before=6), E.EXHAUST),
        (Ended(status=-11, batch=7, batch_before=6), E.QUARANTINE),
    ],
)
def test_a_worker_that_always_crashes_ends_its_job_even_if_each_attempt_gets_a_batch_on(ended, last):
    event, ending = judge(ended, job(), POLICY, NOW)
    assert (event, ending.progressed) == (E.LOSE, False)
    assert judge(ended, job(attempts_charged=2, deaths=2), POLICY, NOW)[0] is last


def test_a_job_with_many_attempts_is_still_quarantined_by_deaths():
    event, _ = judge(Ended(status=-9), job(max_attempts=100, attempts_charged=5, deaths=2), POLICY, NOW)
    assert event is E.QUARANTINE


def test_memory_trouble_halves_the_next_batch():
    assert judge(Ended(status=1, last=MEMORY), job(), POLICY, NOW)[1].halve is True
    assert judge(Ended(status=-9), job(), POLICY, NOW)[1].halve is False


def test_delays_double_up_to_the_cap():
    assert [delay_s(n, base_s=1, cap_s=10) for n in range(7)] == [0, 1, 2, 4, 8, 10, 10]
    assert delay_s(10**9, base_s=1, cap_s=10) == 10


def test_workers_and_memory_bound_what_starts():
    wishes = [Wish(n, 100) for n in range(1, 6)]
    assert pick(wishes, [], max_workers=3, budget_bytes=1000) == [1, 2, 3]
    assert pick(wishes, [100], max_workers=9, budget_bytes=350) == [1, 2]
    assert pick(wishes, [100, 100], max_workers=2, budget_bytes=1000) == []


def test_a_job_that_does_not_fit_is_not_overtaken_by_smaller_ones():
    assert pick([Wish(1, 900), Wish(2, 10)], [200], max_workers=4, budget_bytes=1000) == []


def test_a_job_larger_than_the_budget_runs_alone():
    assert pick([Wish(1, 5000), Wish(2, 10)], [], max_workers=4, budget_bytes=1000) == [1]


@given(
    st.lists(st.integers(1, 2000), max_size=20),
    st.lists(st.integers(1, 500), max_size=5),
    st.integers(1, 8),
    st.integers(1, 2000),
)
def test_what_is_picked_is_a_prefix_within_the_bounds(limits, running, workers, budget):
    chosen = pick([Wish(n, limit) for n, limit in enumerate(limits)], running, max_workers=workers, budget_bytes=budget)
    assert chosen == list(range(len(chosen)))
    if chosen:
        assert len(running) + len(chosen) <= workers
        total = sum(running) + sum(limits[: len(chosen)])
        assert total <= budget or (not running and len(chosen) == 1)


def cgroup_v2(root):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/system.slice/dxfd.service\n")
    group = root / "cg/system.slice/dxfd.service"
    group.mkdir(parents=True)
    return group


def test_the_lowest_limit_of_the_own_group_and_those_above_holds(tmp_path):
    group = cgroup_v2(tmp_path)
    (group / "memory.max").write_text("max\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") is None
    (group.parent / "memory.max").write_text(f"{900 * MIB}\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") == 900 * MIB
    (group / "memory.max").write_text(f"{300 * MIB}\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") == 300 * MIB


def test_the_first_cgroup_version_is_read_too(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("9:name=systemd:/\n4:cpu,memory:/box\n0::/\n")
    (tmp_path / "cg/memory/box").mkdir(parents=True)
    (tmp_path / "cg/memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") is None
    (tmp_path / "cg/memory/box/memory.limit_in_bytes").write_text(f"{MIB}\n")
    assert meter.cgroup_limit_bytes(tmp_path / "proc", tmp_path / "cg") == MIB


def test_without_cgroups_there_is_the_physical_memory(tmp_path):
    assert meter.cgroup_limit_bytes(tmp_path, tmp_path) is None
    assert meter.physical_bytes() > 64 * MIB


def test_a_process_is_known_by_more_than_its_number():
    me = meter.identify(os.getpid())
    assert me is not None
    assert meter.is_alive(me)
    assert not meter.is_alive(msgspec.structs.replace(me, pid_start=me.pid_start - 1))
    assert not meter.is_alive(msgspec.structs.replace(me, boot_id="other"))


def test_a_dead_process_is_nobody_even_before_it_is_reaped():
    pid = os.fork()
    if pid == 0:
        signal.pause()
    try:
        assert meter.identify(pid) is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert meter.identify(pid) is None
    finally:
        os.waitpid(pid, 0)
    assert meter.rss_bytes(pid) == 0
