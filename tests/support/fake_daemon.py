"""A ROUTER that answers as it is told: for the client's own tests of silence, garbage, other versions, refusals.

Everything that a real daemon can do is tested with the real one (tests/support/daemon.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec
import zmq

from dxfd.contract.codec import decode_request, encode_error, encode_reply
from dxfd.contract.messages import Header, JobView, ReplyHeader
from dxfd.contract.states import JobState
from dxfd.contract.version import PROTOCOL
from dxfd.errors import DxfdError

Answer = msgspec.Struct | DxfdError | list[bytes] | None
"""A reply's body, an error, raw frames, or no answer at all."""


class FakeDaemon:
    """Answers requests with `answer(header, body)` from a thread until closed; keeps the requests it got."""

    def __init__(self, folder: Path, answer: Callable[[Header, msgspec.Struct], Answer]) -> None:
        self.path = folder / "control.sock"
        self.endpoint = f"ipc://{self.path}"
        self.requests: list[tuple[str, msgspec.Struct]] = []
        self._answer = answer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._bound = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._bound.wait(5)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self.path.unlink(missing_ok=True)

    def _serve(self) -> None:
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            router.setsockopt(zmq.LINGER, 0)
            router.bind(self.endpoint)
            self._bound.set()
            while not self._stop.is_set():
                if router.poll(20):
                    identity, *frames = router.recv_multipart()
                    for reply in self._replies(frames):
                        router.send_multipart([identity, *reply])
            router.unbind(self.endpoint)  # else its file is removed some time later, perhaps the next one's

    def _replies(self, frames: list[bytes]) -> list[list[bytes]]:
        header, body = decode_request(frames)
        self.requests.append((header.verb, body))
        answer = self._answer(header, body)
        if answer is None:
            return []
        if isinstance(answer, list):
            return [answer]
        if isinstance(answer, DxfdError):
            return [encode_error(header.id, answer)]
        return [encode_reply(ReplyHeader(v=PROTOCOL, id=header.id, ok=True), answer)]


def job(job_id: int = 1, state: JobState = JobState.QUEUED, **fields: object) -> JobView:
    """Return a job's view."""
    base = {"id": job_id, "state": state, "source": f"/drawings/hall{job_id}.dxf", "output": f"/out/hall{job_id}.db"}
    return msgspec.convert({**base, **fields}, JobView, strict=False)
