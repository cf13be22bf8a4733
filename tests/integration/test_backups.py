"""The listing of copies, and the daemon that makes and rotates them on a schedule."""

from __future__ import annotations

from dxfd.contract.messages import Backups
from tests.support.daemon import daemon
from tests.support.polling import wait_for


def test_without_copies_the_listing_is_empty(dxfd):
    assert dxfd.call("backups", Backups()).backups == []
    assert dxfd.call("backups", Backups(verify=True)).backups == []


def test_copies_are_made_on_a_schedule_when_something_changed_and_rotated(small):
    with daemon(backup_interval_s="100ms", backup_keep=2) as dxfd:
        dxfd.ref("pause")
        made: set[str] = set()
        for number in range(4):
            dxfd.submit(small, dxfd.folder / f"{number}.db")
            wait_for(lambda number=number: len(names(dxfd, made)) > number)
        assert len(dxfd.call("backups", Backups()).backups) == 2
        assert dxfd.log_lines("backups_removed")


def names(dxfd, made: set[str]) -> set[str]:
    made.update(view.name for view in dxfd.call("backups", Backups()).backups)
    return made
