"""kill -9 of daemon and workers, and pauses, at random moments: every job succeeds, with the undisturbed databases."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from tests.crash.seeds import seeded
from tests.crash.soak import soak

KILLS = 20
"""Of each kind."""


@pytest.mark.timeout(400)
def test_daemons_and_workers_killed_at_random_moments_change_no_result() -> None:
    totals = soak(KILLS, seeded("daemon and worker kills").randrange(1_000_000))
    print(asdict(totals))
    assert totals.daemon_kills >= KILLS
    assert totals.worker_kills >= KILLS
    assert totals.attempts_cut_off >= KILLS / 2, "too few of the kills hit a running job"
    assert totals.attempts_by_signal >= KILLS / 2, "too few of the kills hit a running job"
    assert totals.attempts_resumed > 0
