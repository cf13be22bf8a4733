"""`dxfctl version`: the versions of the client, the protocol, and the daemon if one answers."""

from __future__ import annotations

import click

from dxfctl import __version__, exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb
from dxfctl.render import output
from dxfd.contract.version import PROTOCOL
from dxfd.errors import UnreachableError


@click.command("version", cls=Verb)
@click.pass_obj
def command(invocation: Invocation) -> int:
    """Print the versions of dxfctl and of the daemon."""
    try:
        with invocation.client() as client:
            hello = client.hello()
    except UnreachableError:
        hello = None  # no daemon is no fault here: half of the answer is known
    protocol = ".".join(map(str, PROTOCOL))
    if invocation.json:
        output.document(invocation, {"dxfctl": __version__, "protocol": protocol, "daemon": hello})
        return exits.DONE
    output.say(invocation, f"dxfctl  {__version__}, protocol {protocol}")
    if hello is None:
        output.say(invocation, "dxfd    not running")
    else:
        top = ".".join(map(str, hello.protocol_max))
        output.say(invocation, f"dxfd    {hello.daemon_version}, protocol {top}, pid {hello.pid}, you are {hello.role}")
    return exits.DONE
