"""A real daemon in a folder of its own, and a small synchronous way to talk to it.

The folder's path is short: a Unix socket's path takes 107 bytes. `with daemon() as d:` starts it and, at the end, stops
it and fails when it does not end cleanly; `d.kill()` and `d.start()` in between are for crash tests.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import zmq

from dxfd.contract.codec import decode_reply, encode_request
from dxfd.contract.messages import (
    Header,
    JobRef,
    JobReply,
    JobView,
    Ping,
    ShowReply,
    Status,
    StatusReply,
    Stop,
    Submit,
    SubmitReply,
)
from dxfd.contract.states import FINAL, JobState
from dxfd.contract.version import PROTOCOL
from dxfd.errors import DxfdError, UnreachableError
from tests.support.polling import wait_for

FAST: dict[str, str | int] = {
    "tick_s": "50ms", "retry_base_s": "50ms", "stop_timeout_s": "20s", "max_workers": 2, "memory_limit": "512M",
    "memory_budget": "4G",
}  # fmt: skip
ARMED = Path(__file__).parent / "armed"
_ids = itertools.count(1)


class Daemon:
    """A daemon process and its folder."""

    def __init__(self, folder: Path, settings: dict[str, str | int]) -> None:
        self.folder = folder
        self.state_dir, self.run_dir, self.log_dir = folder / "s", folder / "r", folder / "l"
        self.queue_path = self.state_dir / "queue.db"
        self.log_path = self.log_dir / "dxfd.jsonl"
        self.pid_path = self.run_dir / "dxfd.pid"
        self.config = folder / "dxfd.toml"
        self.settings: dict[str, str | int] = {
            "state_dir": str(self.state_dir),
            "run_dir": str(self.run_dir),
            "log_dir": str(self.log_dir),
            **FAST,
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.deadline_ms = 10_000
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    @property
    def endpoint(self) -> str:
        """The control socket."""
        return f"ipc://{self.run_dir}/control.sock"

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        assert self.process is not None
        return self.process.pid

    @property
    def stderr_path(self) -> Path:
        """What the daemon wrote to stderr, over all its starts."""
        return self.folder / "stderr"

    # --- the process ------------------------------------------------------------------------------------------

    def arm(self, faults: str) -> dict[str, str]:
        """Return the environment that arms fault points (see tests/support/armed) in a daemon and its workers."""
        marks = self.folder / "marks"
        marks.mkdir(exist_ok=True)
        path = os.pathsep.join(filter(None, [str(ARMED), os.environ.get("PYTHONPATH", "")]))
        return {"TESTS_FAULTS": faults, "TESTS_FAULTS_DIR": str(marks), "PYTHONPATH": path}

    def environ(self) -> dict[str, str]:
        """The environment a daemon or client is started with: this one less everything of dxfd's and systemd's."""
        gone = ("DXFD_", "DXFCTL_", "NOTIFY_", "WATCHDOG_", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "LOGS_DIRECTORY")
        return {k: v for k, v in os.environ.items() if not k.startswith(gone)}

    def write_config(self) -> None:
        """Write the settings file that the daemon is started with."""
        self.config.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in self.settings.items()))

    def start(self, *, wait: bool = True, env: dict[str, str] | None = None) -> None:
        """Start the process, and wait until its socket answers."""
        self.write_config()
        argv = [sys.executable, "-m", "dxfd", "run", "--config", str(self.config)]
        with self.stderr_path.open("ab") as stderr:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                env=self.environ() | (env or {}), start_new_session=True,
            )  # fmt: skip
        if wait:
            wait_for(self.answers, 20, f"an answer of the daemon; its stderr is {self.stderr_path}")

    def answers(self) -> bool:
        """Whether the socket answers; fails when the process has ended."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"daemon ended with {self.process.returncode}:\n{self.stderr()[-2000:]}")
        try:
            self.call("ping", Ping(), deadline_ms=500)
        except UnreachableError:
            return False
        return True

    def stderr(self) -> str:
        """Return what the daemon wrote to stderr."""
        return self.stderr_path.read_text() if self.stderr_path.exists() else ""

    def kill(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, wait for the end, and return the exit status (negative: the signal)."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait_ended()

    def wait_ended(self, deadline_s: float = 30.0) -> int:
        """Wait for the process to end and return its exit status."""
        assert self.process is not None
        return self.process.wait(deadline_s)

    def running(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """End what still runs and let go of the context."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._context.destroy(linger=0)

    # --- the socket -------------------------------------------------------------------------------------------

    def call(self, verb: str, body: msgspec.Struct, *, deadline_ms: int = 0) -> Any:
        """Send a request and return the reply's body; raises the daemon's error, or UnreachableError on silence."""
        deadline_ms = deadline_ms or self.deadline_ms
        header = Header(v=PROTOCOL, id=str(next(_ids)), verb=verb, client="tests", deadline_ms=deadline_ms)
        return decode_reply(self.exchange(encode_request(header, body), deadline_ms), verb)[1]

    def exchange(self, frames: list[bytes], deadline_ms: int = 5000) -> list[bytes]:
        """Send raw frames and return the raw reply."""
        with self._context.socket(zmq.DEALER) as dealer:
            dealer.linger = 0
            dealer.connect(self.endpoint)
            dealer.send_multipart(frames)
            if not dealer.poll(deadline_ms):
                raise UnreachableError(f"no answer within {deadline_ms} ms")
            return dealer.recv_multipart()

    def submit(self, source: Path | str, output: Path | str, **fields: Any) -> JobView:
        """Submit a drawing and return the job."""
        reply: SubmitReply = self.call("submit", Submit(source=str(source), output=str(output), **fields))
        return reply.job

    def status(self, **fields: Any) -> StatusReply:
        """Return the status."""
        reply: StatusReply = self.call("status", Status(**fields))
        return reply

    def ref(self, verb: str, job_id: int = 0, **fields: Any) -> JobReply:
        """pause, resume, cancel or retry."""
        reply: JobReply = self.call(verb, JobRef(job_id=job_id, **fields))
        return reply

    def change(self, verb: str, job_id: int, **fields: Any) -> JobView:
        """pause, resume, cancel or retry a job and return it."""
        view = self.ref(verb, job_id, **fields).job
        assert view is not None
        return view

    def show(self, job_id: int) -> ShowReply:
        """Return everything about a job."""
        reply: ShowReply = self.call("show", JobRef(job_id=job_id))
        return reply

    def job(self, job_id: int) -> JobView:
        """Return a job."""
        return self.show(job_id).job

    def wait_state(self, job_id: int, *states: JobState, deadline_s: float = 30.0) -> JobView:
        """Wait until a job is in one of the states; fails at once when it ends in another."""

        def there() -> JobView | None:
            view = self.job(job_id)
            if view.state not in states and view.state in FINAL:
                raise AssertionError(f"job ended as {view.state.value}: {view.error_code} {view.error_message}")
            return view if view.state in states else None

        view = wait_for(there, deadline_s, f"job {job_id} in {[s.value for s in states]}")
        assert view is not None
        return view

    def wait_final(self, job_id: int, deadline_s: float = 60.0) -> JobView:
        """Wait until a job has ended."""
        return self.wait_state(job_id, *FINAL, deadline_s=deadline_s)

    def wait_batch(self, job_id: int, batch: int, deadline_s: float = 30.0) -> JobView:
        """Wait until a running job has a worker and has committed a batch; fails when it ends before."""

        def there() -> JobView | None:
            view = self.job(job_id)
            assert view.state not in FINAL, f"ended before batch {batch}: {view.state.value} {view.error_message}"
            far = view.progress is not None and view.progress.batch >= batch
            return view if view.state is JobState.RUNNING and view.pid and far else None

        view = wait_for(there, deadline_s, f"batch {batch} of job {job_id}")
        assert view is not None
        return view

    def stop(self) -> int:
        """Ask the daemon to stop and return its exit status."""
        self.call("stop", Stop())
        return self.wait_ended()

    # --- what it left -----------------------------------------------------------------------------------------

    def log_lines(self, event: str = "") -> list[dict[str, Any]]:
        """Return the log's lines, of one event if named."""
        text = self.log_path.read_text() if self.log_path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if not event or line["event"] == event]


@contextmanager
def daemon(*, start: bool = True, faults: str = "", **settings: str | int) -> Iterator[Daemon]:
    """A running daemon in a fresh folder; keyword arguments are settings. It must end cleanly."""
    folder = Path(tempfile.mkdtemp(prefix="dxfd-", dir="/tmp"))
    made = Daemon(folder, settings)
    try:
        if start:
            made.start(env=made.arm(faults) if faults else None)
        yield made
        if made.running():
            assert made.kill(signal.SIGTERM) == 0, made.stderr()[-3000:]
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def refused(call: Any, *arguments: Any, **named: Any) -> DxfdError:
    """Return the error that a call raises."""
    try:
        call(*arguments, **named)
    except DxfdError as error:
        return error
    raise AssertionError("it was not refused")
