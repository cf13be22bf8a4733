"""The control socket: a ROUTER on ipc that only its owner may open, and one short task per request.

Owns the socket's file, the frames, and the promise that nothing a peer sends ends the daemon: what is malformed is
answered with an error or dropped. What a verb does is in handlers/. Holds the event loop for no longer than a decode.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import stat

import msgspec
import zmq
import zmq.asyncio

from dxfd import logs
from dxfd.contract.codec import decode_request, encode_error, encode_reply
from dxfd.contract.messages import Header, ReplyHeader
from dxfd.contract.version import MAX_FRAME_BYTES, PROTOCOL
from dxfd.control.auth import peer_of, role_of
from dxfd.control.dispatch import dispatch
from dxfd.control.services import DEADLINE_MARGIN_S, Call, Services
from dxfd.errors import CannotCreateError, DxfdError, ProtocolError, QueueFullError
from dxfd.paths import socket_path

MOST_PENDING = 4096
"""Requests being answered at a time; beyond it new ones are refused."""
LONGEST_HOLD_S = 300.0
_BACKLOG = 128
_MOST_FRAMES = 8

log = logs.get_logger()


class _Id(msgspec.Struct):
    """What is needed to answer a request that is not understood."""

    id: str = ""


class ControlServer:
    """Answers requests until its task is cancelled."""

    def __init__(self, endpoint: str, services: Services) -> None:
        self._endpoint = endpoint
        self._services = services
        self._context = zmq.asyncio.Context()
        self._socket: zmq.asyncio.Socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 500  # the last replies (of `stop`) get this many ms to leave
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        self._tasks: set[asyncio.Task[None]] = set()
        self._inode = 0

    def bind(self) -> None:
        """Make the socket's file, mode 0600, and listen. The caller holds the instance lock: a file there is stale.

        Raises:
            CannotCreateError: the file cannot be made, or something that is no socket is in its place.
        """
        path = socket_path(self._endpoint)
        try:
            if path.exists() or path.is_symlink():
                if not stat.S_ISSOCK(path.lstat().st_mode):
                    raise CannotCreateError(f"{path} is in the way of the control socket and is no socket")
                path.unlink()
            # ZeroMQ makes its socket file by the umask, open for a moment. Ours is made private and handed over; it is
            # put in place by rename, so that nobody finds it before it listens.
            fresh = path.with_name(f".{secrets.token_hex(3)}")
            with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
                mask = os.umask(0o177)
                try:
                    listening.bind(str(fresh))
                finally:
                    os.umask(mask)
                listening.listen(_BACKLOG)
                self._socket.setsockopt(zmq.USE_FD, listening.fileno())
                self._socket.bind(self._endpoint)
                listening.detach()  # ZeroMQ owns the descriptor now
            fresh.rename(path)
            self._inode = path.stat().st_ino
        except OSError as error:
            raise CannotCreateError(f"the control socket {path} cannot be made: {error.strerror}") from error

    async def run(self) -> None:
        """Receive and answer until cancelled."""
        while True:
            frames = await self._socket.recv_multipart(copy=False)
            parts = [bytes(frame.buffer) for frame in frames[: _MOST_FRAMES + 1]]
            self._accept(parts[0], parts[1:], _address_of(frames[-1]))

    async def close(self) -> None:
        """Let held replies go for a moment, then close and remove the file if it is still ours."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.close()
        self._context.term()
        path = socket_path(self._endpoint)
        with contextlib.suppress(OSError):
            if path.lstat().st_ino == self._inode:
                path.unlink()

    def _accept(self, identity: bytes, frames: list[bytes], address: str) -> None:
        if len(self._tasks) >= MOST_PENDING:
            error = QueueFullError("the daemon has too many requests at a time")
            task = asyncio.create_task(self._send(identity, encode_error(_id_of(frames), error)))
        else:
            task = asyncio.create_task(self._answer(identity, frames, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, identity: bytes, frames: list[bytes], address: str) -> None:
        request_id = _id_of(frames)
        try:
            header, body = decode_request(frames)
            reply = await dispatch(self._services, header.verb, self._call(header, address), body)
            answer = _fitting(header.id, encode_reply(ReplyHeader(v=PROTOCOL, id=header.id, ok=True), reply))
        except DxfdError as error:
            answer = encode_error(request_id, error)
        except Exception as error:
            error_id = secrets.token_hex(4)
            log.error("request_crashed", error_id=error_id, exc_info=error)  # noqa: TRY400
            words = f"the daemon met an unexpected {type(error).__name__}"
            answer = encode_error(request_id, DxfdError(words, hint=f"error_id {error_id} is in the daemon's log"))
        await self._send(identity, answer)

    async def _send(self, identity: bytes, answer: list[bytes]) -> None:
        # A ROUTER drops what goes to a peer that has left; anything else of ZeroMQ's is worth a line, not the daemon.
        try:
            await self._socket.send_multipart([identity, *answer])
        except zmq.ZMQError as error:
            log.warning("reply_not_sent", text=str(error))

    def _call(self, header: Header, address: str) -> Call:
        peer = peer_of(address)
        wait_s = min(max(header.deadline_ms / 1000 - DEADLINE_MARGIN_S, 0.0), LONGEST_HOLD_S)
        return Call(peer=peer, role=role_of(peer), deadline_s=asyncio.get_running_loop().time() + wait_s)


def _address_of(frame: zmq.Frame) -> str:
    """Return what the kernel said of the peer; "" (no role) when it had left before it could be asked."""
    try:
        return str(frame.get("Peer-Address"))
    except zmq.ZMQError:
        return ""


def _fitting(request_id: str, answer: list[bytes]) -> list[bytes]:
    """Return the answer, or an error in its place if the peer's ZeroMQ would cut the connection over its size."""
    if all(len(frame) <= MAX_FRAME_BYTES for frame in answer):
        return answer
    error = ProtocolError("the reply does not fit in a message", hint="ask for fewer jobs or lines")
    return encode_error(request_id, error)


def _id_of(frames: list[bytes]) -> str:
    """Return the request's id if it can be made out at all."""
    if len(frames) < 2 or len(frames[1]) > MAX_FRAME_BYTES:
        return ""
    try:
        return msgspec.json.decode(frames[1], type=_Id).id[:100]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
