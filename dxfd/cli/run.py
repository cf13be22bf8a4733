"""`dxfd run`: the daemon, in the foreground (for systemd and terminals) or detached from the terminal."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click

from dxfd.config.load import load
from dxfd.config.model import FIELDS, Settings
from dxfd.errors import DxfdError, InstanceError, UsageError, error_from_wire


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Settings file (env: DXFD_CONFIG).")
@click.option("--foreground/--daemonize", default=True, help="Stay here, or go to the background once it answers.")
@click.option("--state-dir", help="Folder of the queue database (env: DXFD_STATE_DIR).")
@click.option("--run-dir", help="Folder of socket and PID file (env: DXFD_RUN_DIR).")
@click.option("--log-dir", help="Folder of the log file (env: DXFD_LOG_DIR).")
@click.option("--socket", help="Endpoint of the control socket (env: DXFD_SOCKET).")
@click.option("--max-workers", type=int, help="Conversions at a time (env: DXFD_MAX_WORKERS).")
@click.option("--log-level", help="debug, info, warning or error (env: DXFD_LOG_LEVEL).")
@click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="Any other setting; may be repeated.")
def run(config: Path | None, foreground: bool, assignments: tuple[str, ...], **flags: str | int | None) -> None:
    """Run the daemon.

    SIGTERM and SIGINT checkpoint the running jobs and end it, a second one ends it at once. SIGHUP reads the settings
    again and reopens the log file. SIGUSR1 holds the queue and sends running jobs back to it, SIGUSR2 releases it.
    """
    chosen = flags | _assigned(assignments)
    config = config.absolute() if config is not None else None

    def read() -> Settings:
        return load(config=config, flags=chosen).settings

    settings = read()
    from dxfd import app  # late: --help and a wrong setting need no sockets

    if foreground:
        app.run(settings, to_stderr=True, read_again=read)
    else:
        _daemonize(settings, read)


def _assigned(assignments: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set takes KEY=VALUE, not {text!r}", hint="keys: " + ", ".join(FIELDS))
        found[key.strip()] = value.strip()
    return found


def _daemonize(settings: Settings, read: Callable[[], Settings]) -> None:
    """Start the daemon in the background; return once its socket answers.

    Raises:
        DxfdError: what kept the daemon from starting.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(reading)
        _detached(settings, read, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.readline()
    if not said:
        raise InstanceError("the daemon ended before it answered", hint=f"its log is in {settings.log_dir}")
    news = json.loads(said)
    if "code" in news:
        raise error_from_wire(news["code"], news["message"], news["hint"])
    print(f"dxfd runs in the background, pid {news['pid']}")


def _detached(settings: Settings, read: Callable[[], Settings], writing: int) -> None:
    """Become a daemon, run, and end the process; tells the parent's pipe that it is ready, or why not."""
    from daemon import DaemonContext

    from dxfd import app

    told = False

    def tell(news: dict[str, object]) -> None:
        nonlocal told
        if not told:
            told = True
            os.write(writing, json.dumps(news).encode() + b"\n")
            os.close(writing)

    status = 0
    umask = os.umask(0o022)
    # Signals are the event loop's to handle; DaemonContext would else end the process at SIGTERM. The umask stays the
    # user's: workers inherit it and write the user's databases.
    context = DaemonContext(
        detach_process=True,
        umask=umask,
        files_preserve=[writing],
        signal_map={signal.SIGTTIN: None},
        working_directory="/",
    )
    context.open()
    try:
        app.run(settings, to_stderr=False, on_ready=lambda: tell({"pid": os.getpid()}), read_again=read)
    except DxfdError as error:
        tell({"code": error.code, "message": error.message, "hint": error.hint})
        status = error.exit_code
    except Exception as error:  # noqa: BLE001  (told to the parent in one line; the log has the stack)
        tell({"code": DxfdError.code, "message": f"unexpected {type(error).__name__}: {error}"[:300], "hint": ""})
        status = DxfdError.exit_code
    finally:
        os._exit(status)
