"""A daemon whose queue lies on a disk that fills up and is freed again; run in a mount namespace of its own.

`unshare --mount --propagation private python -m tests.support.full_disk`; ends with 0 when everything was as promised.
"""

from __future__ import annotations

import os
import signal
import subprocess

from dxfd.contract.states import JobState
from tests.support.daemon import daemon, refused
from tests.support.drawing import write_drawing
from tests.support.polling import wait_for


def main() -> None:
    with daemon(start=False, disk_reserve=0) as dxfd:
        dxfd.state_dir.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(dxfd.state_dir)], check=True)
        dxfd.start()
        output = dxfd.folder / "a.db"
        job = dxfd.submit(write_drawing(dxfd.folder / "a.dxf", 2000), output)
        wait_for(lambda: dxfd.job(job.id).pid)
        filler = dxfd.state_dir / "filler"
        fill(filler)
        assert refused(dxfd.submit, "/b.dxf", "/b.db").code == "E_DISK_FULL"
        wait_for(output.exists)
        wait_for(lambda: dxfd.log_lines("queue_not_writable"))
        assert dxfd.job(job.id).state is JobState.RUNNING  # its end cannot be written yet, and is not forgotten
        filler.unlink()
        view = dxfd.wait_final(job.id)
        assert (view.state, view.attempt) == (JobState.SUCCEEDED, 1)
        assert dxfd.kill(signal.SIGTERM) == 0
        subprocess.run(["umount", str(dxfd.state_dir)], check=True)


def fill(path: os.PathLike[str]) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        while os.write(descriptor, b"x" * 4096):
            pass
    except OSError:
        pass
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
