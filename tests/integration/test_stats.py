"""Sums per day through a running daemon."""

from __future__ import annotations

from dxfd.contract.messages import Clean, History, Stats
from dxfd.contract.states import JobState


def test_sums_of_a_day_are_those_of_its_jobs_by_outcome_and_survive_cleaning(dxfd, small):
    for number in range(2):
        dxfd.wait_final(dxfd.submit(small, dxfd.folder / f"{number}.db").id)
    empty = dxfd.folder / "empty.dxf"
    empty.write_bytes(b"no drawing")
    dxfd.wait_final(dxfd.submit(empty, dxfd.folder / "no.db").id)
    ended = dxfd.call("history", History()).jobs
    days = dxfd.call("stats", Stats()).days
    for state, jobs in ((JobState.SUCCEEDED, 2), (JobState.FAILED, 1)):
        mine = [past for past in ended if past.state is state]
        sums = [day for day in days if day.state is state]  # two days where midnight lies between the jobs
        assert sum(day.jobs for day in sums) == len(mine) == jobs
        assert sum(day.entities for day in sums) == sum(past.entities for past in mine)
        assert sum(day.output_bytes for day in sums) == sum(past.output_bytes for past in mine)
    dxfd.call("clean", Clean())
    assert dxfd.call("stats", Stats()).days == days
