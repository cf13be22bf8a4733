"""The command `dxfd`: a group whose subcommands are imported only when they are called.

Owns the last resort for errors: one line with a code, a hint, the exit code of the table; never a traceback.
`dxfd run` thus never imports the conversion, and `dxfd version` imports next to nothing.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Final

import click

from dxfd import __version__
from dxfd.cli import streams
from dxfd.cli.lazy import LazyGroup
from dxfd.errors import DiskFullError, DxfdError, UsageError

COMMANDS: Final = {
    "run": ("dxfd.cli.run", "run", "Run the daemon."),
    "convert": ("dxfd.cli.convert", "convert", "Convert one drawing here and now, without a daemon."),
    "export": ("dxfd.cli.export", "export", "Write a finished database as IFC, glTF or another dialect."),
    "templates": ("dxfd.cli.templates", "templates", "Look at, check, explain and propose rules."),
    "compare": ("dxfd.cli.compare", "compare", "Compare two result databases."),
    "check-config": ("dxfd.cli.check_config", "check_config", "Check the settings and print those in force."),
    "errors": ("dxfd.cli.errors", "errors", "List every error code with its exit code."),
    "version": ("dxfd.cli.version", "version", "Print the version."),
}


@click.group(cls=LazyGroup, commands_of=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dxfd")
def group() -> None:
    """Turn CAD drawings (DXF) into BIM databases: the daemon, and conversions in the foreground."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with a status of the table."""
    streams.stand_in()
    code = call(arguments)
    failed = streams.flush()
    if failed is not None and code == 0:
        code = 141 if isinstance(failed, BrokenPipeError) else _unprinted(failed)
    if "pyarrow" in sys.modules:
        os._exit(code)  # after a conversion, taking modules and arrays apart one by one costs 45 ms
    sys.exit(code)


def call(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status; errors are told on stderr."""
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        result = group.main(args=arguments, prog_name="dxfd", standalone_mode=False)
    except SystemExit as leaving:  # commands end by it, with a number or nothing
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except click.exceptions.Abort:
        streams.say("interrupted\n")
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "dxfd"
        return tell(UsageError(error.format_message(), hint=f"{command} --help"), as_json=as_json)
    except DxfdError as error:
        return tell(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of our stdout has gone (`dxfd errors | head`); Python would complain once more at exit.
        streams.drop(sys.stdout)
        return 141
    except KeyboardInterrupt:
        streams.say("interrupted\n")
        return 130
    except Exception as error:  # noqa: BLE001  (the last resort of a process: told in one line, its stack kept)
        if isinstance(error, OSError) and error.errno in streams.NO_ROOM:
            return _unprinted(error)
        return tell_unexpected(error)
    return result if isinstance(result, int) else 0


def tell(error: DxfdError, *, as_json: bool = False) -> int:
    """Print an error in one line and its hint in another (as a document: on stdout), and return its exit code."""
    if as_json:
        fields = {"code": error.code, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        print(json.dumps({"ok": False, "error": fields}, ensure_ascii=False))
        return error.exit_code
    streams.say(f"error: {error.message} [{error.code}]\n")
    if error.hint:
        streams.say(f"  hint: {error.hint}\n")
    return error.exit_code


def _unprinted(error: OSError) -> int:
    """Tell that what is printed finds no room, on stderr even of a document; files have errors of their own."""
    streams.drop(sys.stdout)
    return tell(
        DiskFullError(
            f"the output cannot be written: {error.strerror}",
            hint="what the command made is there; print to a place with room",
        )
    )


def tell_unexpected(error: Exception) -> int:
    """Print one line about a fault of ours and where its stack is kept, and return 70."""
    where = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", errors="backslashreplace", prefix="dxfd-crash-", suffix=".txt", delete=False
        ) as file:
            file.write("".join(traceback.format_exception(error)))
            where = file.name
    except OSError:
        pass
    words = str(error).splitlines()[0][:200] if str(error) else ""
    streams.say(f"error: unexpected {type(error).__name__}: {words} [{DxfdError.code}]\n")
    if where:
        streams.say(f"  hint: the stack is in {Path(where)}; please report it\n")
    return DxfdError.exit_code
