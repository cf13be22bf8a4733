"""What a peer may send that is no request: it is answered or dropped, and the daemon goes on."""

from __future__ import annotations

import random
import socket

import msgspec
import pytest
import zmq

from dxfd.contract.codec import decode_reply, encode_request
from dxfd.contract.messages import Header, Ping, Wait
from dxfd.contract.version import MAGIC, MAX_FRAME_BYTES, PROTOCOL
from dxfd.errors import DxfdError, UnreachableError
from tests.support.daemon import Daemon


def header(**fields: object) -> bytes:
    return msgspec.json.encode({"v": list(PROTOCOL), "id": "7", "verb": "ping", "client": "t", **fields})


def error_of(dxfd: Daemon, frames: list[bytes]) -> DxfdError:
    try:
        decode_reply(dxfd.exchange(frames, 3000), "ping")
    except DxfdError as error:
        return error
    raise AssertionError("it was not refused")


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b"HTTP"], "E_PROTOCOL"),
        ([b""], "E_PROTOCOL"),
        ([MAGIC], "E_PROTOCOL"),
        ([MAGIC, b"{}", b"{}"], "E_PROTOCOL"),
        ([MAGIC, b"not json", b"{}"], "E_PROTOCOL"),
        ([MAGIC, b"\xff\xfe", b"{}"], "E_PROTOCOL"),
        ([MAGIC, header(), b"[]"], "E_PROTOCOL"),
        ([MAGIC, header(), b"{}", b"more"], "E_PROTOCOL"),
        ([MAGIC, header(verb="__class__"), b"{}"], "E_PROTOCOL"),
        ([MAGIC, header(verb="show"), b'{"job_id": "one"}'], "E_PROTOCOL"),
        ([MAGIC, header(verb="status"), b'{"states": ["dreaming"]}'], "E_PROTOCOL"),
        ([MAGIC, header(v=[9, 0]), b"{}"], "E_VERSION"),
        ([b"x"] * 5000, "E_PROTOCOL"),
    ],
)
def test_a_malformed_request_is_answered_with_an_error(shared, frames, code):
    assert error_of(shared, frames).code == code
    shared.call("ping", Ping())


def test_the_error_carries_the_requests_id(shared):
    reply = shared.exchange([MAGIC, header(id="my-id", verb="nothing"), b"{}"])
    assert msgspec.json.decode(reply[1])["id"] == "my-id"


def test_unknown_fields_and_a_newer_minor_version_are_ignored(shared):
    frames = [MAGIC, header(v=[PROTOCOL[0], 99], novelty=1), b'{"novelty": [1, 2]}']
    assert decode_reply(shared.exchange(frames), "ping")[0].id == "7"


def test_a_frame_over_the_limit_never_reaches_the_decoder(shared):
    with pytest.raises(UnreachableError):
        shared.exchange([MAGIC, header(), b'"' + b"x" * (MAX_FRAME_BYTES + 1) + b'"'], 500)
    shared.call("ping", Ping())


def test_noise_on_the_socket_ends_nothing(shared):
    rng = random.Random(1)
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(shared.endpoint.removeprefix("ipc://"))
            raw.sendall(rng.randbytes(rng.randrange(1, 2000)))
    shared.call("ping", Ping())


def test_a_thousand_requests_at_a_time_are_answered_one_by_one(shared):
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(shared.endpoint)
        for number in range(1000):
            dealer.send_multipart(encode_request(Header(v=PROTOCOL, id=str(number), verb="ping"), Ping()))
        seen = set()
        while len(seen) < 1000:
            assert dealer.poll(5000)
            seen.add(decode_reply(dealer.recv_multipart(), "ping")[0].id)
        assert seen == {str(number) for number in range(1000)}


def test_a_client_that_leaves_while_waiting_is_forgotten(shared):
    shared.ref("pause")
    job = shared.submit("/wait.dxf", "/tmp/wait.db")
    for _ in range(20):
        frames = encode_request(Header(v=PROTOCOL, id="1", verb="wait", deadline_ms=2000), Wait(job_id=job.id, rev=99))
        with pytest.raises(UnreachableError):
            shared.exchange(frames, 1)
    shared.ref("cancel", job.id)
    shared.ref("resume")
    shared.call("ping", Ping())


def test_the_socket_is_its_owners_alone(shared):
    path = shared.run_dir / "control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert shared.run_dir.stat().st_mode & 0o777 == 0o750
    assert shared.state_dir.stat().st_mode & 0o777 == 0o700


def test_every_change_leaves_an_audit_line(shared):
    shared.ref("pause")
    shared.ref("resume")
    line = shared.log_lines("call")[-1]
    assert (line["verb"], line["outcome"]) == ("resume", "ok")
    assert line["uid"] >= 0
    assert line["pid"] > 0
