"""The command `dxfctl`: the group, its global options, and the one place where an error becomes words and an exit code.

Runs in the user's process. Commands live in dxfctl.commands, one file a verb, and are imported when called.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import Any, Final, NoReturn

import click

from dxfctl import __version__, exits
from dxfctl.invocation import Invocation
from dxfctl.options import CONTEXT, ReaderLeft, Verbs, global_options
from dxfctl.render import output
from dxfd.errors import DxfdError, UsageError

VERBS: Final = {
    "submit": "dxfctl.commands.submit",
    "status": "dxfctl.commands.status",
    "show": "dxfctl.commands.show",
    "wait": "dxfctl.commands.wait",
    "logs": "dxfctl.commands.logs",
    "history": "dxfctl.commands.history",
    "stats": "dxfctl.commands.stats",
    "pause": "dxfctl.commands.pause",
    "resume": "dxfctl.commands.resume",
    "cancel": "dxfctl.commands.cancel",
    "retry": "dxfctl.commands.retry",
    "clean": "dxfctl.commands.clean",
    "backup": "dxfctl.commands.backup",
    "start": "dxfctl.commands.start",
    "stop": "dxfctl.commands.stop",
    "ping": "dxfctl.commands.ping",
    "errors": "dxfctl.commands.errors",
    "completion": "dxfctl.commands.completion",
    "version": "dxfctl.commands.version",
}


@click.group(
    cls=Verbs,
    table=VERBS,
    params=global_options(env=True),
    context_settings=CONTEXT,
    invoke_without_command=True,
    epilog="Without a verb: status. Exit codes: dxfctl errors.",
)
@click.version_option(__version__, prog_name="dxfctl", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> int:
    """Submit drawings to dxfd, watch them become databases, and steer the queue."""
    if ctx.invoked_subcommand is None:
        from dxfctl.commands.status import command

        return int(ctx.invoke(command))
    return exits.DONE


def main(args: list[str] | None = None) -> NoReturn:
    """Run dxfctl and exit with its code. No traceback reaches the user."""
    argv = sys.argv[1:] if args is None else args
    # Known before parsing, so that a parse error is a document too.
    invocation = Invocation(json="--json" in argv or os.environ.get("DXFCTL_JSON", "") not in {"", "0", "false"})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without → or … shows ? instead of failing
    sys.exit(run(argv, invocation))


def run(argv: list[str], invocation: Invocation) -> int:
    """Run the command line and return its exit code, having told every error."""
    try:
        result = cli.main(args=argv, prog_name="dxfctl", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        output.fail(invocation, _usage(error))
        return exits.USAGE
    except (KeyboardInterrupt, click.Abort):
        output.interrupted(invocation)
        return exits.INTERRUPTED
    except (ReaderLeft, BrokenPipeError):
        return _reader_left()
    except DxfdError as error:
        output.fail(invocation, error)
        return error.exit_code
    except Exception as error:  # the last resort: a fault of ours is told in a line, not in a traceback
        if sys.flags.dev_mode:
            raise
        output.fail(invocation, _internal(error))
        return exits.INTERNAL
    return _code(result)


def _code(result: Any) -> int:
    return result if isinstance(result, int) else exits.DONE


def _usage(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dxfctl"
    return UsageError(error.format_message(), hint=f"{path} --help")


def _internal(error: Exception) -> DxfdError:
    return DxfdError(
        f"{type(error).__name__}: {error}",
        hint="this is a fault of dxfctl; python -X dev -m dxfctl shows where, please report it",
    )


def _reader_left() -> int:
    """Return the code for a closed pipe; what is still in the buffer goes nowhere instead of raising at exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exits.BROKEN_PIPE
