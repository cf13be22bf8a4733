"""The synchronous client of the control protocol: one method a verb, typed structs in and out.

Owns the DEALER socket, the matching of replies to requests, time-outs, and the words for a daemon that is silent.
Runs in the dxfctl process and in tests. It neither prints nor exits. A call that fails drops the socket, so that the
next one begins on a fresh connection and never meets a late reply.
"""

from __future__ import annotations

import os
import time
import uuid
from types import TracebackType
from typing import Self, TypeVar

import msgspec
import zmq

from dxfctl import __version__, socket_facts
from dxfd.contract import messages as m
from dxfd.contract.codec import decode_reply, encode_request
from dxfd.contract.version import MAX_FRAME_BYTES, PROTOCOL
from dxfd.errors import ControlError, DxfdError, ProtocolError, UnreachableError, VersionError
from dxfd.paths import socket_path

_R = TypeVar("_R", bound=msgspec.Struct)

HOLD_GRACE_S = 3.0
"""How much longer than the daemon may hold a reply the client waits for it."""


class Client:
    """A connection to one daemon; usable as a context manager.

    Args:
        endpoint: ZeroMQ address, `ipc:///path`.
        timeout_s: how long a call waits for its reply.
    """

    def __init__(self, endpoint: str, *, timeout_s: float = 5.0) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._sent: dict[str, str] = {}
        self._identity: tuple[int, int] | None = None
        self.answered = False
        """Whether the daemon has answered anything yet: whether its absence is news."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close socket and context; unsent messages are dropped. The client may be used again."""
        self.drop()
        if self._context is not None:
            self._context.term()
            self._context = None

    def drop(self) -> None:
        """Forget the connection and every request on it."""
        self._sent.clear()
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def check_peer(self) -> None:
        """Return if the daemon that was connected to still listens. Held requests die with their daemon, silently.

        Raises:
            UnreachableError: nobody listens, or another daemon has taken the place.
        """
        socket_facts.check_listening(self.endpoint)
        if self._socket is not None and socket_facts.identity(self.endpoint) != self._identity:
            raise UnreachableError(f"the daemon at {socket_path(self.endpoint)} was restarted")

    # --- verbs ------------------------------------------------------------------------------------------------

    def hello(self) -> m.HelloReply:
        """Ask who the daemon is."""
        return self._call("hello", m.Hello(), m.HelloReply)

    def ping(self) -> m.PingReply:
        """Ask whether the daemon is there."""
        return self._call("ping", m.Ping(), m.PingReply)

    def status(self, request: m.Status) -> m.StatusReply:
        """Ask for daemon, queue and a page of jobs."""
        return self._call("status", request, m.StatusReply)

    def submit(self, request: m.Submit) -> m.SubmitReply:
        """Queue one drawing. Sending it again is safe: the same conversion is one job."""
        return self._call("submit", request, m.SubmitReply)

    def pause(self, request: m.JobRef) -> m.JobReply:
        """Pause a job at its next checkpoint; job 0 holds the queue."""
        return self._call("pause", request, m.JobReply)

    def resume(self, request: m.JobRef) -> m.JobReply:
        """Let a paused job go on; job 0 releases the queue."""
        return self._call("resume", request, m.JobReply)

    def cancel(self, request: m.JobRef) -> m.JobReply:
        """Cancel a job."""
        return self._call("cancel", request, m.JobReply)

    def retry(self, request: m.JobRef) -> m.JobReply:
        """Queue a job again that failed, was cancelled or is quarantined."""
        return self._call("retry", request, m.JobReply)

    def show(self, request: m.JobRef) -> m.ShowReply:
        """Ask for everything about one job."""
        return self._call("show", request, m.ShowReply)

    def wait(self, request: m.Wait) -> m.WaitReply:
        """Wait until the job's rev is above the given one, or it is final, or the request's time-out has passed."""
        return self._call("wait", request, m.WaitReply, hold_s=request.timeout_s)

    def logs(self, request: m.Logs) -> m.LogsReply:
        """Ask for log lines; the daemon holds the reply for the request's time-out if there are none yet."""
        return self._call("logs", request, m.LogsReply, hold_s=request.timeout_s)

    def history(self, request: m.History) -> m.HistoryReply:
        """Ask how jobs ended."""
        return self._call("history", request, m.HistoryReply)

    def stats(self, request: m.Stats) -> m.StatsReply:
        """Ask for the sums per day."""
        return self._call("stats", request, m.StatsReply)

    def clean(self, request: m.Clean) -> m.CleanReply:
        """Take finished jobs out of the listing."""
        return self._call("clean", request, m.CleanReply)

    def backup(self) -> m.BackupReply:
        """Copy the queue database now."""
        return self._call("backup", m.Backup(), m.BackupReply)

    def backups(self, request: m.Backups) -> m.BackupsReply:
        """Ask for the copies of the queue database."""
        return self._call("backups", request, m.BackupsReply)

    def stop(self) -> m.StopReply:
        """Ask the daemon to checkpoint its jobs and end."""
        return self._call("stop", m.Stop(), m.StopReply)

    # --- requests and replies as they fly ------------------------------------------------------------------------

    def post(self, verb: str, body: msgspec.Struct, *, deadline_s: float) -> str:
        """Send a request without waiting for its reply; return its id.

        Raises:
            UnreachableError: nobody listens at the endpoint.
            PermissionDeniedError: this user may not connect to it.
        """
        socket = self._connected()
        request_id = uuid.uuid4().hex
        header = m.Header(
            v=PROTOCOL, id=request_id, verb=verb, client=f"dxfctl/{__version__}", deadline_ms=int(deadline_s * 1000)
        )
        try:
            socket.send_multipart(encode_request(header, body), flags=zmq.DONTWAIT)
        except zmq.Again:
            self.drop()
            raise UnreachableError(f"the daemon at {self.endpoint} takes no more messages") from None
        self._sent[request_id] = verb
        return request_id

    def take(self, timeout_s: float) -> tuple[str, msgspec.Struct | DxfdError] | None:
        """Return the next reply as (request id, body or the daemon's error), or None after timeout_s.

        Raises:
            VersionError: the daemon speaks another major version.
            ProtocolError: what came back is no reply.
        """
        socket = self._connected()
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            if not socket.poll(int(left_s * 1000)):
                return None
            taken = self._decode(socket.recv_multipart())
            if taken is not None:
                return taken

    def _call(self, verb: str, body: msgspec.Struct, kind: type[_R], *, hold_s: float = 0.0) -> _R:
        patience_s = max(self.timeout_s, hold_s + HOLD_GRACE_S) if hold_s else self.timeout_s
        deadline = time.monotonic() + patience_s
        try:
            request_id = self.post(verb, body, deadline_s=patience_s)
            taken = self.take(patience_s)
            while taken is not None and taken[0] != request_id:  # a reply to something posted earlier
                taken = self.take(max(0.0, deadline - time.monotonic()))
        except ControlError:
            self.drop()
            raise
        if taken is None:
            self.drop()
            raise socket_facts.silent(self.endpoint, patience_s)
        if isinstance(taken[1], DxfdError):
            raise taken[1]
        if not isinstance(taken[1], kind):  # the codec decodes by verb, so this is a fault of the table
            raise ProtocolError(f"the daemon answered {verb} with {type(taken[1]).__name__}")
        return taken[1]

    def _connected(self) -> zmq.Socket[bytes]:
        if self._socket is not None:
            return self._socket
        socket_facts.check_listening(self.endpoint)
        self._identity = socket_facts.identity(self.endpoint)
        if self._context is None:
            self._context = zmq.Context()
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        socket.setsockopt(zmq.ROUTING_ID, f"dxfctl-{os.getpid()}-{uuid.uuid4().hex[:12]}".encode())
        try:
            socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise UnreachableError(f"{self.endpoint!r} is no address of a daemon: {error}") from error
        self._socket = socket
        return socket

    def _decode(self, frames: list[bytes]) -> tuple[str, msgspec.Struct | DxfdError] | None:
        """Return (request id, body or error); None for a reply to nothing we asked."""
        self.answered = True
        request_id = _reply_id(frames)
        verb = self._sent.pop(request_id, None)
        if verb is None and request_id:
            return None
        try:
            _, body = decode_reply(frames, verb or "ping")
        except VersionError as error:
            raise _by_name(error) from error
        except DxfdError as error:
            if verb is None:
                raise
            return request_id, error
        return request_id, body


class _ReplyId(msgspec.Struct, frozen=True):
    """The one field that tells whose reply it is, whatever is wrong with the rest."""

    id: str = ""


def _reply_id(frames: list[bytes]) -> str:
    try:
        return msgspec.json.decode(frames[1], type=_ReplyId).id
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError):
        return ""


def _by_name(error: VersionError) -> VersionError:
    """Return the error with both sides named, whichever of them found the mismatch."""
    theirs, ours = error.details.get("theirs"), error.details.get("ours")
    daemon = theirs if theirs != PROTOCOL[0] else ours
    return VersionError(
        f"the daemon speaks protocol {daemon}, this dxfctl {__version__} speaks {PROTOCOL[0]}",
        daemon=daemon,
        client=PROTOCOL[0],
    )
