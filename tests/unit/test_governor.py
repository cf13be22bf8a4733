"""What is decided about memory, disks and clocks, with readings passed in."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.config.units import Amount
from dxfd.convert import memory as worker_memory
from dxfd.convert.memory import Governor, Step
from dxfd.store.rows import Peak
from dxfd.supervise import meter
from dxfd.supervise.aside import MOST_STUCK
from dxfd.supervise.budget import Bounds, Host, budget_bytes, estimate_bytes, grant_bytes, reserve_bytes, worker_count
from dxfd.supervise.clocks import Clocks
from dxfd.supervise.memory import Action, Sample, decide
from dxfd.supervise.pressure import Bounds as GateBounds
from dxfd.supervise.pressure import Gate, Readings, gate
from dxfd.supervise.probe import Found, Prober, look_at
from dxfd.supervise.scheduler import Wish, pick
from tests.support.polling import wait_for

MIB, GIB = 1 << 20, 1 << 30
SHARE = Amount(share=0.6)


# --- what there is to share out ---------------------------------------------------------------------------------


def test_the_budget_is_a_share_of_the_own_cgroup_else_of_the_machine():
    assert budget_bytes(SHARE, Host(physical_bytes=100 * GIB)) == 60 * GIB
    assert budget_bytes(SHARE, Host(physical_bytes=100 * GIB, cgroup_bytes=10 * GIB)) == 6 * GIB
    assert budget_bytes(SHARE, Host(physical_bytes=4 * GIB, cgroup_bytes=64 * GIB)) == int(0.6 * 4 * GIB)


def test_room_for_the_system_and_the_daemon_is_left_whatever_was_asked_for():
    all_of_it = Amount(share=1.0)
    assert budget_bytes(all_of_it, Host(physical_bytes=32 * GIB)) == 32 * GIB - reserve_bytes(32 * GIB)
    assert budget_bytes(Amount(size_bytes=64 * GIB), Host(physical_bytes=2 * GIB)) == 2 * GIB - 512 * MIB
    assert budget_bytes(all_of_it, Host(physical_bytes=32 * GIB, cgroup_bytes=GIB)) == GIB - 64 * MIB
    assert budget_bytes(all_of_it, Host(physical_bytes=256 * MIB)) == 128 * MIB


def test_many_cores_with_little_memory_do_not_start_more_than_fits():
    host = Host(physical_bytes=32 * GIB, cores=48)
    budget = budget_bytes(SHARE, host)
    workers = worker_count(0, cores=host.cores, budget=budget, floor=192 * MIB)
    large = [Wish(n, 2 * GIB) for n in range(100)]
    started = pick(large, [], max_workers=workers, budget_bytes=budget)
    assert len(started) == 9  # of 2 GB each: 18 GB of the 19.2 GB there are, where 44 would take 88 GB


def test_the_worker_count_leaves_a_core_to_the_system_and_is_at_least_one():
    assert worker_count(0, cores=8, budget=100 * GIB, floor=192 * MIB) == 7
    assert worker_count(0, cores=2, budget=100 * GIB, floor=192 * MIB) == 2
    assert worker_count(0, cores=8, budget=GIB, floor=256 * MIB) == 4
    assert worker_count(0, cores=8, budget=10 * MIB, floor=192 * MIB) == 1
    assert worker_count(5, cores=1, budget=10 * MIB, floor=192 * MIB) == 5


# --- what a job is given ----------------------------------------------------------------------------------------

BOUNDS = Bounds(floor_bytes=192 * MIB, limit_bytes=512 * MIB, budget_bytes=4 * GIB)


def test_an_estimate_grows_with_the_drawing_until_batches_are_full():
    sizes = [1, 4 * MIB, 20 * MIB, 200 * MIB, 2 * GIB]
    found = [estimate_bytes("/a", size, []) for size in sizes]
    assert found == sorted(found)
    assert found[-1] == found[-2] == estimate_bytes("/a", 0, [])


def test_what_the_same_drawing_took_counts_most_then_drawings_of_its_size():
    peaks = [Peak(source="/b", source_bytes=MIB, peak_rss_bytes=300 * MIB)]
    assert estimate_bytes("/a", MIB, peaks) == 300 * MIB
    peaks.append(Peak(source="/a", source_bytes=MIB, peak_rss_bytes=150 * MIB))
    assert estimate_bytes("/a", MIB, peaks) == 150 * MIB
    assert estimate_bytes("/a", 3 * MIB, peaks) == estimate_bytes("/a", 3 * MIB, [])  # it has grown since


def test_a_grant_lies_between_floor_and_limit_and_within_the_budget():
    assert grant_bytes(0, MIB, BOUNDS, had_trouble=False) == 192 * MIB
    assert grant_bytes(0, 200 * MIB, BOUNDS, had_trouble=False) == 300 * MIB
    assert grant_bytes(0, 9 * GIB, BOUNDS, had_trouble=False) == 512 * MIB
    assert grant_bytes(0, MIB, BOUNDS, had_trouble=True) == 512 * MIB
    assert grant_bytes(GIB, MIB, BOUNDS, had_trouble=False) == GIB
    assert grant_bytes(9 * GIB, MIB, BOUNDS, had_trouble=False) == 4 * GIB


# --- the wall ---------------------------------------------------------------------------------------------------


def samples(*used: int, limit: int = 100) -> list[Sample]:
    return [Sample(job_id=n, used_bytes=bytes_, limit_bytes=limit) for n, bytes_ in enumerate(used, start=1)]


def test_a_worker_is_ended_past_its_wall_only():
    assert decide(samples(150, 0), (), wall=1.5, budget_bytes=1000) == {}
    assert decide(samples(151, 0), (), wall=1.5, budget_bytes=1000) == {1: Action.END}


def test_past_the_budget_the_one_furthest_over_its_limit_is_asked_to_leave_once():
    over = samples(101, 110, 92)
    assert decide(over, (), wall=1.5, budget_bytes=300) == {2: Action.LEAVE}
    assert decide(over, {2}, wall=1.5, budget_bytes=300) == {}
    assert decide(samples(101, 120, 100), {2}, wall=1.5, budget_bytes=300) == {2: Action.END}


@given(st.lists(st.integers(0, 400), max_size=8), st.integers(1, 1000))
def test_within_the_budget_and_the_walls_nobody_is_touched(used, budget):
    found = decide(samples(*used), (), wall=1.5, budget_bytes=budget)
    if sum(used) <= budget and all(u <= 150 for u in used):
        assert not found
    assert len([a for a in found.values() if a is Action.LEAVE]) <= 1


# --- the worker's ladder ----------------------------------------------------------------------------------------


def test_a_step_is_kept_until_usage_is_well_below_where_it_began():
    assert worker_memory.decide(69, 100) is Step.NONE
    assert worker_memory.decide(70, 100) is Step.SHRINK
    assert worker_memory.decide(65, 100, Step.SHRINK) is Step.SHRINK
    assert worker_memory.decide(59, 100, Step.SHRINK) is Step.NONE
    assert worker_memory.decide(72, 100, Step.TRIM) is Step.TRIM
    assert worker_memory.decide(69, 100, Step.TRIM) is Step.SHRINK
    assert worker_memory.decide(97, 100) is Step.LEAVE
    assert worker_memory.decide(90, 100, Step.LEAVE) is Step.TRIM
    assert worker_memory.decide(500, None) is Step.NONE


def test_chunks_and_batches_shrink_while_there_is_trouble_and_grow_again_when_it_is_over():
    governor = Governor(100, 2 * MIB, 20_000)
    given_back: list[int] = []
    for used in [75] * 30:
        governor.look(lambda used=used: used, lambda: given_back.append(1))
    assert (governor.chunk_bytes, governor.batch_entities) == (512 << 10, 5000), "mild: a quarter, not the least"
    assert not given_back
    for _ in range(30):
        governor.look(lambda: 85, lambda: given_back.append(1))
    assert (governor.chunk_bytes, governor.batch_entities) == (128 << 10, 1000)
    assert given_back
    for _ in range(200):
        governor.look(lambda: 10, lambda: None)
    assert (governor.chunk_bytes, governor.batch_entities, governor.step) == (2 * MIB, 20_000, Step.NONE)


def test_leaving_is_the_last_step_when_giving_back_does_not_help():
    used = [98]
    governor = Governor(100, 2 * MIB, 20_000)
    assert governor.look(lambda: used[0], lambda: used.append(used.pop() - 30)) is Step.SHRINK
    used[0] = 99
    assert governor.look(lambda: used[0], lambda: None) is Step.LEAVE


def test_batches_that_take_long_are_committed_early_and_smaller_chunks_are_read():
    governor = Governor(None, 2 * MIB, 20_000)
    governor.took(0.1)
    assert (governor.is_full(7_500), governor.chunk_bytes) == (False, 2 * MIB)
    for _ in range(8):
        governor.took(worker_memory.LONG_CHUNK_S + 1)
    assert governor.chunk_bytes == worker_memory.LEAST_CHUNK_BYTES
    assert governor.is_full(1)
    assert not governor.is_full(1), "the time of the next batch begins"
    for _ in range(200):
        governor.took(0.01)
        governor.look(lambda: 0, lambda: None)
    assert governor.chunk_bytes == 2 * MIB
    assert governor.is_full(20_000)


def test_a_batch_that_was_asked_for_smaller_than_the_least_stays_so():
    governor = Governor(100, 4096, 50)
    governor.look(lambda: 85, lambda: None)
    assert (governor.chunk_bytes, governor.batch_entities) == (4096, 50)


# --- the host ---------------------------------------------------------------------------------------------------

GATE = GateBounds(pressure=0.2, disk_reserve_bytes=100)


def test_memory_pressure_closes_the_gate_and_half_of_it_opens_it_again():
    closed = gate(Readings(pressure=0.2), GATE, Gate())
    assert "short of memory" in closed.reason
    assert gate(Readings(pressure=0.11), GATE, closed).reason
    assert not gate(Readings(pressure=0.09), GATE, closed).reason
    assert not gate(Readings(pressure=0.15), GATE, Gate()).reason


def test_a_low_disk_closes_the_gate_until_there_is_a_quarter_more_than_the_reserve():
    closed = gate(Readings(free_bytes={"/q": 99, "/l": 500}), GATE, Gate())
    assert closed.reason.startswith("little room on the disk of /q")
    assert gate(Readings(free_bytes={"/q": 120, "/l": 500}), GATE, closed).reason
    assert not gate(Readings(free_bytes={"/q": 125, "/l": 500}), GATE, closed).reason


def test_what_the_system_does_not_say_closes_nothing():
    assert not gate(Readings(pressure=None, free_bytes={"/q": None}), GATE, Gate()).reason
    off = GateBounds(pressure=0, disk_reserve_bytes=0)
    assert not gate(Readings(pressure=1.0, free_bytes={"/q": 0}), off, Gate()).reason


def test_pressure_is_read_from_the_own_group_else_from_the_host(tmp_path):
    proc, groups = tmp_path / "proc", tmp_path / "cg"
    (proc / "self").mkdir(parents=True)
    (proc / "pressure").mkdir()
    (proc / "self/cgroup").write_text("0::/box\n")
    (proc / "pressure/memory").write_text("some avg10=12.50 avg60=1.00 avg300=0.00 total=9\nfull avg10=0.00\n")
    assert meter.memory_pressure(proc, groups) == pytest.approx(0.125)
    (groups / "box").mkdir(parents=True)
    (groups / "box/memory.pressure").write_text("some avg10=40.00 avg60=1.00 avg300=0.00 total=9\n")
    assert meter.memory_pressure(proc, groups) == pytest.approx(0.4)
    assert meter.memory_pressure(tmp_path, groups) is None


# --- clocks -----------------------------------------------------------------------------------------------------


def test_a_process_that_stood_still_and_a_clock_that_was_set_are_told_apart():
    clocks = Clocks()
    assert clocks.look(100.0, 5000.0, tick_s=0.5) == (0.0, 0.0)
    assert clocks.look(100.6, 5000.6, tick_s=0.5) == (0.0, 0.0)
    assert clocks.look(160.6, 5060.6, tick_s=0.5) == (pytest.approx(60.0), 0.0)
    assert clocks.look(161.0, 1461.0, tick_s=0.5) == (0.0, pytest.approx(-3600.0))
    assert clocks.look(161.5, 1461.5, tick_s=0.5) == (0.0, 0.0)


# --- looking at files -------------------------------------------------------------------------------------------


def test_a_look_tells_size_and_room_without_waiting(tmp_path):
    (tmp_path / "a.dxf").write_bytes(b"x" * 77)
    told = threading.Event()
    prober = Prober(told.set, timeout_s=5)
    assert prober.found(1, str(tmp_path / "a.dxf"), str(tmp_path / "a.db")) is None
    assert told.wait(10)
    found = prober.found(1, str(tmp_path / "a.dxf"), str(tmp_path / "a.db"))
    assert found is not None
    assert (found.source_bytes, found.hung) == (77, "")
    assert found.free_bytes
    prober.close()


def test_a_disk_that_has_no_room_by_nature_holds_nothing_back():
    assert look_at(lambda _path: None, "/proc/self/stat", "/proc/a.db").free_bytes is None


def test_a_path_that_does_not_answer_is_given_up_and_others_are_looked_at():
    answer = threading.Event()
    now = [0.0]

    def look(at, source, _output):
        at(source)
        if source.startswith("/dead"):
            answer.wait()
        return Found(source_bytes=5)

    prober = Prober(lambda: None, timeout_s=5, clock=lambda: now[0], look=look)
    assert prober.found(1, "/dead/a", "/o") is None
    wait_for(lambda: prober.aside.looking(1))
    now[0] = 6.0
    assert prober.found(1, "/dead/a", "/o") == Found(hung="/dead/a")
    assert wait_for(lambda: prober.found(2, "/alive", "/o")) == Found(source_bytes=5)
    for job in range(3, 3 + MOST_STUCK):
        prober.found(job, "/dead/b", "/o")
        wait_for(lambda job=job: prober.aside.looking(job) or prober.aside.stuck == MOST_STUCK)
        now[0] += 6.0
        prober.found(job, "/dead/b", "/o")
    assert prober.found(99, "/alive", "/o") == Found(hung="/alive")  # nobody is left to look
    answer.set()
    wait_for(lambda: prober.found(100, "/alive", "/o") == Found(source_bytes=5))
    prober.close()
