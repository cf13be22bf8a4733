from __future__ import annotations

from dxfd import __version__
from dxfd.contract.messages import VERBS, Hello
from dxfd.contract.version import PROTOCOL


def test_hello_names_versions_role_and_verbs(dxfd):
    reply = dxfd.call("hello", Hello())
    assert (reply.daemon_version, reply.protocol_max, reply.pid) == (__version__, PROTOCOL, dxfd.pid)
    assert reply.role == "admin"
    assert reply.verbs == list(VERBS)
    assert reply.started_at <= reply.server_time
