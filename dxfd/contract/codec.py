"""Bytes to typed messages and back, for both ends of the control socket. No sockets here."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from dxfd.contract.messages import VERBS, Empty, Header, ReplyHeader, WireError
from dxfd.contract.version import MAGIC, MAX_FRAME_BYTES, PROTOCOL
from dxfd.errors import DxfdError, MessageTooLargeError, ProtocolError, VersionError, error_from_wire

_T = TypeVar("_T")


def encode_request(header: Header, body: msgspec.Struct) -> list[bytes]:
    """Return the frames of a request."""
    return [MAGIC, msgspec.json.encode(header), msgspec.json.encode(body)]


def encode_reply(header: ReplyHeader, body: msgspec.Struct) -> list[bytes]:
    """Return the frames of a reply."""
    return [MAGIC, msgspec.json.encode(header), msgspec.json.encode(body)]


def encode_error(request_id: str, error: DxfdError) -> list[bytes]:
    """Return the frames of an error reply; details that are not plain values are dropped."""
    plain = {k: v for k, v in error.details.items() if isinstance(v, str | int | float | bool | None)}
    wire = WireError(code=error.code, message=error.message, hint=error.hint, details=plain)
    return encode_reply(ReplyHeader(v=PROTOCOL, id=request_id, ok=False, error=wire), Empty())


def decode_request(frames: list[bytes]) -> tuple[Header, msgspec.Struct]:
    """Return header and body of a request.

    Raises:
        ProtocolError: wrong frames, unknown verb, a body that does not fit.
        VersionError: another major version.
        MessageTooLargeError: a frame over MAX_FRAME_BYTES.
    """
    head = _decode(frames, Header)
    _check_version(head.v)
    types = VERBS.get(head.verb)
    if types is None:
        raise ProtocolError(f"there is no verb {head.verb[:40]!r}", hint="verbs: " + ", ".join(VERBS))
    return head, _decode_body(frames[2], types[0])


def decode_reply(frames: list[bytes], verb: str) -> tuple[ReplyHeader, msgspec.Struct]:
    """Return header and body of a reply to `verb`; raises the error that the daemon reported."""
    head = _decode(frames, ReplyHeader)
    if head.error is not None:
        raise error_from_wire(head.error.code, head.error.message, head.error.hint, dict(head.error.details))
    _check_version(head.v)
    return head, _decode_body(frames[2], VERBS[verb][1])


def _decode(frames: list[bytes], kind: type[_T]) -> _T:
    if any(len(f) > MAX_FRAME_BYTES for f in frames):
        raise MessageTooLargeError(f"a frame is larger than {MAX_FRAME_BYTES} bytes")
    if len(frames) != 3 or frames[0] != MAGIC:
        raise ProtocolError("the message does not begin as dxf-ctl/1")
    try:
        return msgspec.json.decode(frames[1], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"the message's header is not understood: {error}") from error


def _decode_body(frame: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(frame, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"the message's body is not understood: {error}") from error


def _check_version(version: tuple[int, int]) -> None:
    if version[0] != PROTOCOL[0]:
        raise VersionError(
            f"the peer speaks protocol {version[0]}.{version[1]}, this side {PROTOCOL[0]}.{PROTOCOL[1]}",
            theirs=version[0],
            ours=PROTOCOL[0],
        )
