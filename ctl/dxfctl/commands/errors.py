"""`dxfctl errors`: the table of exit codes and error codes, or the story of one of them. Needs no daemon."""

from __future__ import annotations

import click

from dxfctl import exits
from dxfctl.invocation import Invocation
from dxfctl.options import Verb
from dxfctl.render import output
from dxfctl.render.table import Column, layout
from dxfd.errors import DxfdError, UsageError, all_errors


@click.command("errors", cls=Verb)
@click.argument("code", required=False)
@click.pass_obj
def command(invocation: Invocation, code: str | None) -> int:
    """Explain exit codes and error codes.

    CODE is an exit code (7) or an error code (E_UNREACHABLE); without it all of them are listed.
    """
    codes, errors = _chosen(code)
    if invocation.json:
        output.document(
            invocation,
            {
                "exit_codes": [{"exit_code": c, "meaning": exits.MEANINGS[c]} for c in codes],
                "errors": [{"code": e.code, "exit_code": e.exit_code, "meaning": _meaning(e)} for e in errors],
            },
        )
        return exits.DONE
    code_columns = (Column(title="Exit", right=True), Column(title="Meaning", floor=20))
    error_columns = (Column(title="Error"), Column(title="Exit", right=True), Column(title="Meaning", floor=20))
    lines = layout(code_columns, [(str(c), exits.MEANINGS[c]) for c in codes], width=output.width(), color=False)
    if errors:
        rows = [(e.code, str(e.exit_code), _meaning(e)) for e in errors]
        lines += ["", *layout(error_columns, rows, width=output.width(), color=False)]
    output.say(invocation, "\n".join(lines))
    return exits.DONE


def _chosen(code: str | None) -> tuple[list[int], list[type[DxfdError]]]:
    errors = all_errors()
    if code is None:
        return list(exits.MEANINGS), errors
    if code.isdecimal() and int(code) in exits.MEANINGS:
        return [int(code)], [e for e in errors if e.exit_code == int(code)]
    found = [e for e in errors if e.code == code.upper()]
    if not found:
        raise UsageError(f"there is no code {code!r}", hint="dxfctl errors  lists them")
    return [found[0].exit_code], found


def _meaning(error: type[DxfdError]) -> str:
    text = (error.__doc__ or "").strip().splitlines()[0]
    return f"{text} Hint: {error.default_hint}." if error.default_hint else text
