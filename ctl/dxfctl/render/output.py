"""Where words go: data to stdout, everything else to stderr; one JSON document in JSON mode; colours only if wanted.

The only module that writes. Commands hand it text, documents and errors.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import click
import msgspec

from dxfctl.invocation import Invocation
from dxfd.contract.human import safe
from dxfd.errors import DxfdError


def width() -> int | None:
    """Return the columns to lay out for: COLUMNS if set, the terminal's; None (no limit) in a pipe."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(40, shutil.get_terminal_size().columns)
    return None


def say(invocation: Invocation, text: str) -> None:
    """Write data for people to stdout."""
    click.echo(text, color=invocation.colored(sys.stdout))


def note(invocation: Invocation, text: str) -> None:
    """Write a remark to stderr; nothing in JSON mode."""
    if not invocation.json:
        click.echo(text, err=True, color=invocation.colored(sys.stderr))


def document(invocation: Invocation, body: msgspec.Struct | dict[str, Any], *, ok: bool = True) -> None:
    """Write the one JSON document of this call to stdout: schema, ok, then the body's fields."""
    fields = msgspec.to_builtins(body, str_keys=True)
    head = {"schema": f"dxfctl.{invocation.verb}/1", "ok": ok}
    write_json({**head, **fields})


def write_json(value: dict[str, Any]) -> None:
    """Write one line of JSON to stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def error_fields(error: DxfdError) -> dict[str, Any]:
    """Return an error as JSON types."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "details": {k: v for k, v in error.details.items() if isinstance(v, str | int | float | bool | None)},
    }


def fail(invocation: Invocation, error: DxfdError) -> None:
    """Write an error: two lines on stderr for people, the document on stdout in JSON mode."""
    if invocation.json:
        write_json({"schema": f"dxfctl.{invocation.verb}/1", "ok": False, "error": error_fields(error)})
        return
    color = invocation.colored(sys.stderr)
    click.echo(error_text(error, color=color), err=True, color=color)


def interrupted(invocation: Invocation) -> None:
    """Write that Ctrl-C ended the call; what the daemon does goes on."""
    if invocation.json:
        fields = {"code": "E_INTERRUPTED", "message": "interrupted", "hint": "", "exit_code": 130, "details": {}}
        write_json({"schema": f"dxfctl.{invocation.verb}/1", "ok": False, "error": fields})
    else:
        click.echo("interrupted; jobs in the daemon go on", err=True)


def error_text(error: DxfdError, *, color: bool) -> str:
    """Return `error: message [CODE]` and the hint below it."""
    word = click.style("error:", fg="red", bold=True) if color else "error:"
    lines = [f"{word} {safe(error.message)} [{error.code}]"]
    if error.hint:
        lines.append(f"  hint: {safe(error.hint)}")
    return "\n".join(lines)
