"""`dxfctl backup` with a daemon and without one."""

from __future__ import annotations

from tests.support.ctl import drawing


def test_backup_is_made_listed_verified_and_restored(sandbox):
    path = drawing(sandbox.folder / "hall.dxf", 5)
    sandbox("start")
    job = sandbox.submit(path)
    sandbox("wait", job)
    made = sandbox.json("backup", "create")["backup"]
    assert (made["reason"], made["problem"], made["jobs"]) == ("asked", "", 1)
    assert made["name"] in sandbox("backup", "list").stdout
    assert "in order" in sandbox("backup", "verify").stdout
    done = sandbox("backup", "restore", code=75)
    assert "dxfctl stop" in done.stderr
    later = sandbox.submit(path, "-O", "later.db")
    sandbox("wait", later)
    sandbox("stop")
    assert "in order" in sandbox("backup", "verify", made["name"]).stdout
    assert sandbox.json("backup", "create")["backup"]["jobs"] == 2
    done = sandbox("backup", "restore", made["name"])
    assert "1 jobs" in done.stdout
    assert "kept as" in done.stderr
    sandbox("start")
    assert sandbox.json("status")["counts"]["succeeded"] == 1
    sandbox("show", later, code=3)


def test_damaged_copies_give_code_78_and_are_not_restored(sandbox):
    sandbox("start")
    made = sandbox.json("backup", "create")
    file = sandbox.folder / "state/backups" / made["backup"]["name"]
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xff" * 64 + data[4160:])
    assert "damaged" in sandbox("backup", "verify", code=78).stdout
    assert sandbox.json("backup", "verify", code=78)["ok"] is False
    sandbox("stop")
    assert "E_BACKUP" in sandbox("backup", "restore", code=78).stderr
    assert "E_BACKUP" in sandbox("backup", "restore", "none.db", code=78).stderr
    assert "takes no name" in sandbox("backup", "list", "x", code=2).stderr


def test_without_a_queue_there_is_nothing_to_copy(sandbox):
    assert "no copies" in sandbox("backup", "list").stderr
    assert "there is no queue" in sandbox("backup", "create", code=78).stderr


def test_names_of_copies_are_completed_with_a_daemon_and_without(sandbox):
    def completed(*words: str) -> list[str]:
        words = ("dxfctl", "backup", *words)
        asked = {"_DXFCTL_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
        lines = sandbox.run("dxfctl", environ=asked).stdout.splitlines()
        return [line.partition(",")[2] for line in lines if line]

    sandbox("start")
    name = sandbox.json("backup", "create")["backup"]["name"]
    for _ in ("with a daemon", "without one"):
        assert name in completed("restore", "")
        assert completed("verify", name[:-4]) == [name]
        assert completed("verify", "x") == completed("create", "") == []
        sandbox("stop")
    assert "restore" in completed("res")
