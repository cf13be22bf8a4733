"""The option types of dxfctl and the options that every verb takes.

Owns click's side of the command line: amounts and durations as people write them, job numbers, the global options
before or after the verb, suggestions for a mistyped verb, and help texts that name each option's environment variable.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dxfctl.invocation import Invocation
from dxfd.config.units import parse_bytes, parse_seconds
from dxfd.errors import ConfigError, DxfdError, UsageError

ENV_PREFIX: Final = "DXFCTL"
CONTEXT: Final = {
    "auto_envvar_prefix": ENV_PREFIX,
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
}
if TYPE_CHECKING:  # generic for the type checker only: older clicks know no type argument
    _IntType = click.ParamType[int]
    _FloatType = click.ParamType[float]
else:
    _IntType = _FloatType = click.ParamType
_F = TypeVar("_F", bound=Callable[..., Any])


class ReaderLeft(Exception):  # noqa: N818  (it is an outcome, not an error)
    """Whoever read our output closed the pipe."""


class Size(_IntType):
    """An amount of memory: 512M, 2G."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        try:
            return parse_bytes(value)
        except ConfigError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param, ctx)


class Duration(_FloatType):
    """A duration: 30s, 5m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        try:
            return parse_seconds(value)
        except ConfigError as error:
            self.fail(f"{error.message}; {error.hint}" if error.hint else error.message, param, ctx)


class Moment(_FloatType):
    """A time: 18:00 (the next one), 2030-01-31T06:00; local unless it says a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds since the epoch."""
        if isinstance(value, float):
            return value
        now = datetime.now().astimezone()
        try:
            if len(str(value)) <= len("00:00:00"):
                clock = time.fromisoformat(str(value))
                moment = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
                return (moment if moment > now else moment + timedelta(days=1)).timestamp()
            return datetime.fromisoformat(str(value)).timestamp()
        except ValueError:
            self.fail(f"{value!r} is no time; write it like 18:00 or 2030-01-31T06:00", param, ctx)


class JobNumber(_IntType):
    """A job's number, completed from the live queue."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value).removeprefix("#")
        if not text.isdecimal() or not 0 < int(text) < 2**63:
            self.fail(f"{value!r} is no job number; dxfctl status lists the jobs", param, ctx)
        return int(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the numbers of the newest jobs; none if no daemon answers at once."""
        del param
        from dxfd.contract.messages import Status

        invocation = ctx.find_object(Invocation) or Invocation()
        try:
            with invocation.client(timeout_s=0.5) as client:
                jobs = client.status(Status(limit=50)).jobs
        except DxfdError:
            return []  # completion has no place for an error; the command itself will say it
        return [
            click.shell_completion.CompletionItem(str(job.id), help=f"{job.state.value} {Path(job.source).name}")
            for job in jobs
            if str(job.id).startswith(incomplete)
        ]


class NamedOption(click.Option):
    """An option whose help names its environment variable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("show_envvar", True)
        super().__init__(*args, **kwargs)


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Put a global option into the invocation; the one given last (after the verb) wins."""
    invocation = ctx.ensure_object(Invocation)
    if value is not None and value is not False and param.name is not None:
        setattr(invocation, param.name, value)


def global_options(*, env: bool) -> list[click.Parameter]:
    """Return the global options; env tells whether they read their variables (once is enough: on the group)."""

    def option(*names: str, variable: str, **kwargs: Any) -> click.Option:
        return NamedOption(
            names,
            expose_value=False,
            callback=_remember,
            hidden=not env,
            envvar=variable if env else None,
            allow_from_autoenv=False,
            is_eager=True,
            **kwargs,
        )

    return [
        option("--endpoint", "-e", variable="DXFCTL_ENDPOINT", metavar="ADDRESS", help="The daemon's control socket."),
        option(
            "--config",
            "-c",
            variable="DXFCTL_CONFIG",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The daemon's settings file: where to find the socket, what start starts with.",
        ),
        option("--json", variable="DXFCTL_JSON", is_flag=True, help="Print one JSON document, errors too."),
        option(
            "--timeout",
            "timeout_s",
            variable="DXFCTL_TIMEOUT",
            type=Duration(),
            metavar="TIME",
            help="How long a request waits for its answer (5s).",
        ),
        option(
            "--color",
            variable="DXFCTL_COLOR",
            type=click.Choice(["auto", "always", "never"]),
            help="When to use colours (auto; NO_COLOR is respected).",
        ),
        option("--utc", variable="DXFCTL_UTC", is_flag=True, help="Print times in UTC."),
    ]


class Verb(click.Command):
    """A command that also takes the global options, and tells so in one line of its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {name for p in self.params for name in p.opts}
        self.params += [p for p in global_options(env=False) if not own.intersection(p.opts)]

    def invoke(self, ctx: click.Context) -> Any:
        """Note the verb for the documents, then run."""
        ctx.ensure_object(Invocation).verb = self.name or ""
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog and where the global options are explained."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("The global options (--json, --endpoint, ...) are taken here too; see dxfctl --help.")


class Verbs(click.Group):
    """The group: imports a verb's module when it is called, suggests one when it is mistyped.

    Attributes:
        table: verb → attribute `command` of the module that holds it.
    """

    def __init__(self, *args: Any, table: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table or {}

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a closed pipe gets a name of its own, else click would end the process with code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the verb's command, or None."""
        del ctx
        if cmd_name not in self.table:
            return None
        command: click.Command = importlib.import_module(self.table[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of the first argument; suggest near ones if there is none."""
        name = args[0]
        if not ctx.resilient_parsing and name not in self.table and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.table, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "dxfctl --help  lists the verbs"
            raise UsageError(f"there is no verb {name!r}", hint=hint)
        return super().resolve_command(ctx, args)


def option(*names: str, **kwargs: Any) -> Callable[[_F], _F]:
    """Return click's decorator for an option of a verb; its variable is DXFCTL_<VERB>_<OPTION>."""
    return click.option(*names, cls=NamedOption, **kwargs)


def jobs_argument(*, required: bool) -> Callable[[_F], _F]:
    """Return the decorator for JOB... ."""
    metavar = "JOB..." if required else "[JOB]..."
    return click.argument("jobs", type=JobNumber(), nargs=-1, required=required, metavar=metavar)
