"""Copies of a running daemon's queue, and a daemon on a restored one."""

from __future__ import annotations

from dxfd import backups
from dxfd.contract.messages import Backup, Backups
from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused
from tests.support.polling import wait_for


def test_a_copy_is_made_listed_and_checked_while_the_daemon_works(dxfd, small):
    dxfd.ref("pause")
    dxfd.submit(small, dxfd.folder / "a.db")
    made = dxfd.call("backup", Backup())
    assert (made.backup.reason, made.backup.problem, made.backup.jobs) == ("asked", "", 1)
    plain = dxfd.call("backups", Backups())
    assert [(view.name, view.checked) for view in plain.backups] == [(made.backup.name, False)]
    assert dxfd.call("backups", Backups(verify=True)).backups == [made.backup]
    assert dxfd.call("backups", Backups(name=made.backup.name)).backups == [made.backup]
    assert refused(dxfd.call, "backups", Backups(name="none.db")).code == "E_BACKUP"
    assert refused(dxfd.call, "backups", Backups(name="../queue.db")).code == "E_USAGE"


def test_a_copy_that_cannot_be_made_is_told_and_the_daemon_goes_on(small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with daemon(backup_interval_s="50ms", backup_dir=str(tmp_path / "file" / "b")) as dxfd:
        wait_for(lambda: dxfd.log_lines("backup_failed"))
        assert refused(dxfd.call, "backup", Backup()).code == "E_BACKUP"
        assert dxfd.wait_final(dxfd.submit(small, dxfd.folder / "a.db").id).state is JobState.SUCCEEDED


def test_a_daemon_on_a_damaged_queue_does_not_start_and_names_the_way_back(dxfd, small):
    dxfd.ref("pause")
    job = dxfd.submit(small, dxfd.folder / "a.db")
    made = dxfd.call("backup", Backup())
    dxfd.submit(small, dxfd.folder / "b.db")
    assert dxfd.stop() == 0
    data = bytearray(dxfd.queue_path.read_bytes())
    for at in range(8192, len(data), 4096):
        data[at : at + 64] = b"\xff" * 64
    dxfd.queue_path.write_bytes(data)
    dxfd.start(wait=False)
    assert dxfd.wait_ended() == 78
    assert "dxfctl backup restore" in dxfd.stderr()
    assert dxfd.queue_path.read_bytes() == data
    kept = backups.restore(dxfd.state_dir / "backups" / made.backup.name, dxfd.queue_path, 0.0)
    assert kept is not None
    assert kept.read_bytes() == data
    dxfd.start()
    assert dxfd.status().counts["queued"] == 1
    dxfd.ref("resume")
    assert dxfd.wait_final(job.id).state is JobState.SUCCEEDED
