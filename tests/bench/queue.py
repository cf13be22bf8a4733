"""The daemon under load: `python -m tests.bench.queue JOBS DRAWING` prints one JSON document.

Latency of submit, status and claim in a queue of few and of many jobs, in the store and over the socket; recovery after
a kill; the idle daemon's memory, CPU and start; ping while all cores convert.
"""

from __future__ import annotations

import itertools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import zmq

from dxfd import backups
from dxfd.contract.codec import decode_reply, encode_request
from dxfd.contract.messages import Header, JobOptions, Ping, Status, Submit
from dxfd.contract.states import JobEvent, JobState
from dxfd.contract.version import PROTOCOL
from dxfd.store.queue import Queue, open_queue
from dxfd.store.rows import Ending, NewJob, WorkerProcess
from tests.bench.measure import percentile
from tests.support.daemon import Daemon, daemon
from tests.support.polling import wait_for

IDLE_S = 5.0
CONVERTING_S = 15.0


def spread(call: Callable[[], object], times: int, pause_s: float = 0.0) -> dict[str, float]:
    """Return p50, p99 and the most of so many calls, in ms."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
        if pause_s:
            time.sleep(pause_s)
    return {"p50_ms": percentile(taken, 0.5), "p99_ms": percentile(taken, 0.99), "max_ms": max(taken)}


def store(path: Path, jobs: int) -> dict[str, Any]:
    """Fill a queue and measure it."""
    numbers = itertools.count()

    def submit(queue: Queue) -> int:
        number = next(numbers)
        job = NewJob(
            source=f"/in/{number}.dxf", output=f"/out/{number}.db", converter="bim", options=JobOptions(),
            priority=number % 5, label="", max_attempts=3, owner_uid=0, owner="bench",
        )  # fmt: skip
        return queue.jobs.submit(job)[0].id

    queue = open_queue(path, durable=False)
    queue.jobs.set_paused(True)
    began = time.monotonic()
    for _ in range(jobs):
        submit(queue)
    fill_s = time.monotonic() - began
    queue.close()
    queue = open_queue(path, durable=True)
    states = [JobState.QUEUED]
    found = {
        "jobs": jobs,
        "fill_per_s": jobs / fill_s,
        "submit": spread(lambda: submit(queue), 1000),
        "page": spread(lambda: queue.listing.page([], 50), 300),
        "page_of_a_state": spread(lambda: queue.listing.page(states, 50), 300),
        "counts": spread(queue.listing.counts, 300),
        "runnable": spread(lambda: queue.listing.runnable(64), 300),
    }
    rows = iter(queue.listing.runnable(300))
    tokens = itertools.count()
    found["claim"] = spread(lambda: queue.jobs.claim(next(rows).id, f"token{next(tokens)}"), 300)
    owned = iter(queue.listing.owned())
    done = Ending(cause="finished", report=b'{"entities_read": 1000, "elements_written": 900}', peak_rss_bytes=1 << 28)

    def finish() -> None:
        row = next(owned)
        queue.jobs.end_attempt(row.id, row.attempt_token or "", JobEvent.FINISH, done)

    found["finish"] = spread(finish, 300)
    found["due"] = spread(queue.listing.due, 300)
    found["history"] = spread(lambda: queue.history.page(50, states=[]), 300)
    found["stats"] = spread(lambda: queue.history.days(365), 300)
    began = time.monotonic()
    made = backups.make(path, path.parent / "backups", backups.Reason.ASKED, time.time())
    found |= {"backup_s": time.monotonic() - began, "backup_bytes": made.size_bytes}
    queue.close()
    return found


def recovery(folder: Path, jobs: int, running: int) -> dict[str, float]:
    """Measure a daemon that finds so many jobs queued, and some running that a killed daemon left."""
    with daemon(start=False) as dxfd:
        dxfd.state_dir.mkdir(parents=True, mode=0o700)
        store(folder / "recovery.db", jobs)
        shutil.copy(folder / "recovery.db", dxfd.queue_path)
        queue = open_queue(dxfd.queue_path)
        for number, row in enumerate(queue.listing.runnable(running)):
            queue.jobs.claim(row.id, f"lost{number}")
            queue.jobs.set_process(f"lost{number}", WorkerProcess(pid=2**22 - 1, pid_start=1, boot_id="gone"))
        queue.close()
        began = time.monotonic()
        dxfd.start()
        start_s = time.monotonic() - began
        wait_for(lambda: not dxfd.status().counts["running"], 60, "all jobs put back")
        return {"jobs": jobs, "running": running, "start_s": start_s, "recovered_s": time.monotonic() - began}


class Line:
    """One connection to the control socket that stays open."""

    def __init__(self, dxfd: Daemon, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(dxfd.endpoint)
        self._numbers = itertools.count()

    def call(self, verb: str, body: msgspec.Struct) -> object:
        """Ask and wait for the answer."""
        number = str(next(self._numbers))
        header = Header(v=PROTOCOL, id=number, verb=verb, client="bench", deadline_ms=10_000)
        self._socket.send_multipart(encode_request(header, body))
        if not self._socket.poll(10_000):
            raise TimeoutError(verb)
        return decode_reply(self._socket.recv_multipart(), verb)[1]

    def close(self) -> None:
        """Let go."""
        self._socket.close()


def over_the_socket(filled: Path, drawing: Path) -> dict[str, Any]:
    """Measure a daemon on a full, held queue."""
    with daemon(start=False) as dxfd, zmq.Context() as context:
        dxfd.state_dir.mkdir(parents=True, mode=0o700)
        shutil.copy(filled, dxfd.queue_path)
        began = time.monotonic()
        dxfd.start()
        start_s = time.monotonic() - began
        line, numbers = Line(dxfd, context), itertools.count()
        line.call("ping", Ping())

        def submit() -> object:
            return line.call("submit", Submit(source=str(drawing), output=str(dxfd.folder / f"{next(numbers)}.db")))

        found = {
            "start_s": start_s,
            "ping": spread(lambda: line.call("ping", Ping()), 2000),
            "submit": spread(submit, 1000),
            "status": spread(lambda: line.call("status", Status()), 200),
        }
        line.close()
        found |= idle(dxfd)
    return found


def idle(dxfd: Daemon) -> dict[str, float]:
    """Return memory and CPU of a daemon that has nothing to do."""
    process = psutil.Process(dxfd.pid)
    before = process.cpu_times()
    time.sleep(IDLE_S)
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {"rss_bytes": float(process.memory_info().rss), "cpu_percent": 100 * used / IDLE_S}


def fresh() -> dict[str, float]:
    """Return start time, memory and CPU of a daemon with an empty queue and the default tick."""
    with daemon(start=False, tick_s="500ms") as dxfd:
        began = time.monotonic()
        dxfd.start()
        start_s = time.monotonic() - began
        return {"start_s": start_s, **idle(dxfd)}


def while_converting(drawing: Path) -> dict[str, float]:
    """Measure ping while every core converts."""
    with daemon(max_workers=psutil.cpu_count() or 2) as dxfd, zmq.Context() as context:
        line = Line(dxfd, context)
        jobs = [dxfd.submit(drawing, dxfd.folder / f"{k}.db").id for k in range(2 * (psutil.cpu_count() or 2))]
        dxfd.wait_batch(jobs[0], 1, deadline_s=120)
        until = time.monotonic() + CONVERTING_S
        taken: list[float] = []
        while time.monotonic() < until and len(dxfd.status(states=[JobState.RUNNING]).jobs) > 1:
            taken.append(spread(lambda: line.call("ping", Ping()), 1)["max_ms"])
            time.sleep(0.002)
        line.close()
        for job in jobs:
            if dxfd.job(job).state in {JobState.QUEUED, JobState.RUNNING}:
                dxfd.change("cancel", job)
        return {"p50_ms": percentile(taken, 0.5), "p99_ms": percentile(taken, 0.99), "max_ms": max(taken),
                "pings": len(taken)}  # fmt: skip


def main() -> None:
    """Measure and print."""
    jobs, drawing = int(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="dxfd-bench-") as name:
        filled = Path(name) / "queue.db"
        small = store(Path(name) / "small.db", max(1000, jobs // 100))
        found = {"small": small, "store": store(filled, jobs), "socket": over_the_socket(filled, drawing)}
        found["recovery"] = recovery(Path(name), 10_000, 20)
    print(json.dumps({**found, "fresh": fresh(), "converting": while_converting(drawing)}))


if __name__ == "__main__":
    main()
