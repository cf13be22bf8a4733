"""Cleaning through a running daemon: on request, and by itself."""

from __future__ import annotations

import pytest

from dxfd.contract.messages import Clean, History, Submit, Wait
from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused
from tests.support.polling import wait_for


def test_a_cleaned_job_is_still_shown_waited_for_and_known_by_its_key(dxfd, small):
    submit = Submit(source=str(small), output=str(dxfd.folder / "a.db"), idempotency_key="once")
    job = dxfd.call("submit", submit).job
    dxfd.wait_final(job.id)
    assert dxfd.call("clean", Clean(older_s=3600)).jobs == 0
    assert dxfd.call("clean", Clean(dry_run=True)).jobs == 1
    assert dxfd.call("clean", Clean()).jobs == 1
    assert dxfd.status().jobs == []
    shown = dxfd.show(job.id)
    assert (shown.job.state, shown.attempts, shown.past is not None) == (JobState.SUCCEEDED, [], True)
    assert dxfd.call("wait", Wait(job_id=job.id)).final is True
    again = dxfd.call("submit", submit)
    assert (again.job.id, again.duplicate) == (job.id, True)
    assert refused(dxfd.show, job.id + 1).code == "E_NO_SUCH_JOB"
    assert refused(dxfd.change, "retry", job.id).code == "E_NO_SUCH_JOB"


def test_the_daemon_cleans_by_itself_what_is_beyond_the_bounds(small):
    with daemon(backup_interval_s="100ms", keep_finished=2) as dxfd:
        jobs = [dxfd.wait_final(dxfd.submit(small, dxfd.folder / f"{n}.db").id).id for n in range(4)]
        wait_for(lambda: [job.id for job in dxfd.status().jobs] == jobs[:1:-1])
        assert len(dxfd.call("history", History()).jobs) == 4


@pytest.mark.parametrize("body", [Clean(states=[JobState.RUNNING]), Clean(older_s=-1.0), Clean(older_s=1e300)])
def test_what_makes_no_sense_to_clean_is_refused(shared, body):
    assert refused(shared.call, "clean", body).code == "E_USAGE"
