"""The client against a peer that misbehaves."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import msgspec
import pytest
from dxfctl.client import Client
from dxfctl.follow import Follower

from dxfd.contract.codec import encode_reply
from dxfd.contract.messages import (
    Hello,
    HelloReply,
    JobRef,
    JobReply,
    Ping,
    PingReply,
    ReplyHeader,
    Status,
    Wait,
    WaitReply,
)
from dxfd.contract.states import JobState
from dxfd.contract.version import MAGIC
from dxfd.errors import (
    IllegalTransitionError,
    NoSuchJobError,
    PermissionDeniedError,
    ProtocolError,
    UnreachableError,
    VersionError,
    WaitTimeoutError,
)
from tests.support.fake_daemon import FakeDaemon, job


def pong(header, body):
    return PingReply(server_time="2025-01-01T00:00:00Z")


def test_call_returns_the_typed_reply(tmp_path):
    with FakeDaemon(tmp_path, pong) as daemon, Client(daemon.endpoint) as client:
        assert client.ping() == PingReply(server_time="2025-01-01T00:00:00Z")
        assert daemon.requests == [("ping", Ping())]


def test_missing_socket_is_told_at_once(tmp_path):
    start = time.monotonic()
    with Client(f"ipc://{tmp_path}/none.sock") as client, pytest.raises(UnreachableError, match="no such socket"):
        client.ping()
    assert time.monotonic() - start < 4  # its time for an answer is 5 s


def test_stale_socket_is_told_at_once_with_its_owner(tmp_path):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    with Client(f"ipc://{path}") as client, pytest.raises(UnreachableError, match=r"left over .* owner") as caught:
        client.ping()
    assert caught.value.hint == "start it with  dxfctl start"


def test_file_in_the_place_of_the_socket_is_named(tmp_path):
    path = tmp_path / "control.sock"
    path.write_text("")
    with Client(f"ipc://{path}") as client, pytest.raises(UnreachableError, match="is not a socket"):
        client.ping()


def test_silent_daemon_times_out_and_the_next_call_works(tmp_path):
    answers = iter([None, PingReply(server_time="now")])
    with FakeDaemon(tmp_path, lambda *_: next(answers)) as daemon, Client(daemon.endpoint, timeout_s=0.1) as client:
        with pytest.raises(UnreachableError, match=r"did not answer within 0.1 s"):
            client.ping()
        client.timeout_s = 5
        assert client.ping().server_time == "now"


def test_late_reply_is_not_taken_for_the_next_one(tmp_path):
    held: list[list[bytes]] = []

    def answer(header, body):
        late = encode_reply(ReplyHeader(v=(1, 0), id=header.id, ok=True), PingReply(server_time=str(len(held))))
        held.append(late)
        return held[0] if len(held) > 1 else None  # answers the second request with the reply to the first

    with FakeDaemon(tmp_path, answer) as daemon, Client(daemon.endpoint, timeout_s=0.2) as client:
        for _ in range(2):
            with pytest.raises(UnreachableError):
                client.ping()


@pytest.mark.parametrize(
    "frames",
    [[b"nonsense"], [MAGIC, b"{", b"{}"], [MAGIC, b"[]", b"{}"], [b"HTTP", b"{}", b"{}"], [MAGIC, b"{}", b"{}", b""]],
)
def test_garbage_is_a_protocol_error(tmp_path, frames):
    with (
        FakeDaemon(tmp_path, lambda *_: frames) as daemon,
        Client(daemon.endpoint) as client,
        pytest.raises(ProtocolError),
    ):
        client.ping()


def test_reply_with_a_foreign_body_is_a_protocol_error(tmp_path):
    with (
        FakeDaemon(tmp_path, lambda *_: Hello()) as daemon,
        Client(daemon.endpoint) as client,
        pytest.raises(ProtocolError, match="body"),
    ):
        client.ping()


def test_unknown_fields_of_a_newer_daemon_are_ignored(tmp_path):
    def answer(header, body):
        head = msgspec.json.encode({"v": [1, 9], "id": header.id, "ok": True, "shard": 4})
        return [MAGIC, head, b'{"server_time": "now", "moon": "full"}']

    with FakeDaemon(tmp_path, answer) as daemon, Client(daemon.endpoint) as client:
        assert client.ping().server_time == "now"


def test_daemon_of_another_major_version_is_refused_by_name(tmp_path):
    def answer(header, body):
        return [MAGIC, msgspec.json.encode({"v": [2, 0], "id": header.id, "ok": True}), b"{}"]

    with (
        FakeDaemon(tmp_path, answer) as daemon,
        Client(daemon.endpoint) as client,
        pytest.raises(VersionError, match=r"the daemon speaks protocol 2, this dxfctl .* speaks 1"),
    ):
        client.ping()


def test_version_refused_by_the_daemon_is_told_in_the_same_words(tmp_path):
    refusal = VersionError("the peer speaks protocol 1.0, this side 2.0", theirs=1, ours=2)
    with (
        FakeDaemon(tmp_path, lambda *_: refusal) as daemon,
        Client(daemon.endpoint) as client,
        pytest.raises(VersionError, match=r"the daemon speaks protocol 2, this dxfctl .* speaks 1"),
    ):
        client.ping()


def test_errors_of_the_daemon_arrive_as_their_class(tmp_path):
    refusal = IllegalTransitionError("job 3 is succeeded, cannot pause it", hint="it is finished")
    with FakeDaemon(tmp_path, lambda *_: refusal) as daemon, Client(daemon.endpoint) as client:
        with pytest.raises(IllegalTransitionError, match="job 3 is succeeded") as caught:
            client.pause(JobRef(job_id=3))
        assert caught.value.hint == "it is finished"


def test_permission_refused_by_the_daemon_keeps_its_exit_code(tmp_path):
    refusal = PermissionDeniedError("user guest may not stop it")
    with (
        FakeDaemon(tmp_path, lambda *_: refusal) as daemon,
        Client(daemon.endpoint) as client,
        pytest.raises(PermissionDeniedError) as caught,
    ):
        client.stop()
    assert caught.value.exit_code == 6


def test_every_verb_has_a_method(tmp_path):
    from dxfd.contract.messages import VERBS

    assert [verb for verb in VERBS if not callable(getattr(Client, verb, None))] == []


def follow(client: Client, ids: list[int], **options: object):
    changes: list[tuple[str, str]] = []
    notes: list[str] = []
    follower = Follower(
        client, lambda old, new: changes.append((old.state.value if old else "", new.state.value)), notes.append
    )
    return follower.run(ids, **options), changes, notes


def test_follower_tells_each_change_and_ends_with_the_final_view(tmp_path):
    story = iter([JobState.QUEUED, JobState.RUNNING, JobState.SUCCEEDED])
    revs = iter(range(3))

    def answer(header, body):
        state = next(story)
        return WaitReply(job=job(1, state, rev=next(revs)), final=state is JobState.SUCCEEDED)

    with FakeDaemon(tmp_path, answer) as daemon, Client(daemon.endpoint) as client:
        results, changes, _ = follow(client, [1])
    assert results[1].state is JobState.SUCCEEDED
    assert changes == [("", "queued"), ("queued", "running"), ("running", "succeeded")]
    assert [body.rev for _, body in daemon.requests if isinstance(body, Wait)] == [-1, 0, 1]


def test_follower_keeps_the_order_and_the_error_of_an_unknown_job(tmp_path):
    def answer(header, body):
        if body.job_id == 2:
            return NoSuchJobError("there is no job 2")
        return WaitReply(job=job(body.job_id, JobState.FAILED), final=True)

    with FakeDaemon(tmp_path, answer) as daemon, Client(daemon.endpoint) as client:
        results, _, _ = follow(client, [3, 2, 1, 3])
    assert list(results) == [3, 2, 1]
    assert isinstance(results[2], NoSuchJobError)


def test_follower_gives_up_in_time(tmp_path):
    with FakeDaemon(tmp_path, lambda *_: None) as daemon, Client(daemon.endpoint) as client:
        start = time.monotonic()
        with pytest.raises(WaitTimeoutError, match="job 1 is not finished, 1 more"):
            follow(client, [1, 2], timeout_s=0.3)
    assert time.monotonic() - start < 10


def test_follower_waits_for_a_daemon_that_restarts(tmp_path):
    import threading

    answers = iter([WaitReply(job=job(1, JobState.RUNNING, rev=5), final=False)])
    first = FakeDaemon(tmp_path, lambda *_: next(answers, None))
    second = FakeDaemon(
        tmp_path,
        lambda header, body: (
            PingReply(server_time="")
            if header.verb == "ping"
            else WaitReply(job=job(1, JobState.SUCCEEDED), final=True)
        ),
    )
    outcome: list[object] = []

    def run() -> None:
        with Client(first.endpoint, timeout_s=1) as client:
            outcome.append(follow(client, [1]))

    with first:
        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + 5
        while len(first.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    with second:
        thread.join(10)
    results, _, notes = outcome[0]
    assert results[1].state is JobState.SUCCEEDED
    assert notes[-1] == "the daemon is back"


def test_follower_does_not_wait_for_a_daemon_that_never_was(tmp_path):
    start = time.monotonic()
    with Client(f"ipc://{tmp_path}/none.sock") as client, pytest.raises(UnreachableError):
        follow(client, [1])
    assert time.monotonic() - start < 4  # its time for an answer is 5 s


def test_status_and_hello_pass_their_bodies(tmp_path):
    hello = HelloReply(
        daemon_version="9", protocol_min=(1, 0), protocol_max=(1, 0), role="admin", pid=1, started_at="", server_time=""
    )
    with FakeDaemon(tmp_path, lambda *_: hello) as daemon, Client(daemon.endpoint) as client:
        assert client.hello() == hello
        with pytest.raises(ProtocolError):
            client.status(Status(limit=3))
    assert ("status", Status(limit=3)) in daemon.requests


def test_reply_to_a_change_carries_the_job(tmp_path):
    reply = JobReply(job=job(4, JobState.PAUSED), changed=False)
    with FakeDaemon(tmp_path, lambda *_: reply) as daemon, Client(daemon.endpoint) as client:
        assert client.pause(JobRef(job_id=4)) == reply


def test_too_long_socket_path_is_an_error_of_one_line(tmp_path: Path):
    with Client(f"ipc://{tmp_path}/{'x' * 200}") as client, pytest.raises(UnreachableError):
        client.ping()
