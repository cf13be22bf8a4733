"""`dxfctl ping`: is the daemon there, and how fast does it answer."""

from __future__ import annotations

import time

import click

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb
from dxfctl.render import output


@click.command("ping", cls=Verb)
@click.pass_obj
def command(invocation: Invocation) -> int:
    """Ask whether the daemon answers, and how fast."""
    with invocation.client() as client:
        hello = client.hello()  # opens the connection, so that the ping alone is measured
        start = time.perf_counter()
        client.ping()
        elapsed_ms = (time.perf_counter() - start) * 1000
    if invocation.json:
        output.document(invocation, {"daemon": hello, "elapsed_ms": round(elapsed_ms, 3)})
    else:
        output.say(invocation, f"dxfd {hello.daemon_version} (pid {hello.pid}) answered in {elapsed_ms:.1f} ms")
    return exits.DONE
