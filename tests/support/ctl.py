"""The installed commands in a sandbox of their own: folders, environment, drawings, a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.drawing import write_drawing
from tests.support.polling import wait_for

BIN = Path(sys.executable).parent


def drawing(path: Path, lines: int = 50) -> Path:
    """Write a drawing of walls into a folder that is made; 100,000 of them take about a second to convert."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_drawing(path, lines)


class Ctl:
    """Runs `dxfctl` and `dxfd` with folders below one temporary folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DXFD_", "DXFCTL_"))}
        for name in ("COLUMNS", "NO_COLOR"):
            kept.pop(name, None)
        self.environ = kept | {
            "DXFD_STATE_DIR": str(folder / "state"),
            "DXFD_RUN_DIR": str(self.run_dir),
            "DXFD_LOG_DIR": str(folder / "log"),
            "TERM": "xterm-256color",
            **settings,
        }

    def __call__(self, *arguments: object, code: int | None = 0, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run dxfctl and check its exit code (None: any)."""
        return self.run("dxfctl", *arguments, code=code, environ=environ)

    def run(
        self, program: str, *arguments: object, code: int | None = 0, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run an installed command in the sandbox and check its exit code (None: any)."""
        done = subprocess.run(
            [str(BIN / program), *map(str, arguments)],
            cwd=self.folder,
            env=self.environ | dict(environ or {}),
            capture_output=True,
            text=True,
            timeout=90,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        if code is not None:
            assert done.returncode == code, f"{program} {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *arguments: object, code: int | None = 0) -> dict[str, Any]:
        """Run dxfctl with --json and return its one document."""
        done = self(*arguments, "--json", code=code)
        lines = done.stdout.splitlines()
        assert len(lines) == 1, done.stdout
        return json.loads(lines[0])

    def submit(self, *arguments: object) -> int:
        """Submit one drawing and return its job number."""
        return int(self("submit", *arguments, "--print-id").stdout)

    def state(self, job: int) -> str:
        """Return a job's state."""
        return str(self.json("show", job)["job"]["state"])

    @contextmanager
    def background(self, program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """Run a command beside the test; it is killed at the end if it still runs."""
        child = subprocess.Popen(
            [str(BIN / program), *map(str, arguments)],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            try:
                yield child
            finally:
                if child.poll() is None:
                    child.kill()

    @contextmanager
    def terminal(self, program: str, *arguments: object, columns: int = 80) -> Iterator[Terminal]:
        """Run a command on a terminal of its own."""
        terminal = Terminal([str(BIN / program), *map(str, arguments)], self.folder, self.environ, columns)
        try:
            yield terminal
        finally:
            terminal.close()

    def stop(self) -> None:
        """Stop the daemon, whatever the test left behind."""
        self("stop", code=None)


class Terminal:
    """A child on a pseudo-terminal: type, read, wait for words."""

    def __init__(self, command: list[str], folder: Path, environ: Mapping[str, str], columns: int) -> None:
        self.text = ""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(command[0], command, {**environ, "COLUMNS": str(columns), "LINES": "24"})
        self.code: int | None = None

    def type(self, text: str) -> None:
        """Type; chr(3) is Ctrl-C."""
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str, *, timeout_s: float = 20.0) -> re.Match[str]:
        """Read until the pattern is there."""
        return wait_for(
            lambda: (self._read(), re.search(pattern, self.text))[1], timeout_s, f"{pattern!r} in {self.text!r}"
        )

    def wait(self, *, timeout_s: float = 30.0) -> int:
        """Read until the child has ended; return its exit code (128 + signal for one that was killed)."""
        wait_for(self._ended, timeout_s, f"end of the command; it wrote {self.text!r}")
        assert self.code is not None
        return self.code

    def close(self) -> None:
        """End the child and let the terminal go."""
        if self.code is None and not self._ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._fd)

    def _read(self) -> None:
        while select.select([self._fd], [], [], 0)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:  # Linux: the other side is closed
                return
            if not data:
                return
            self.text += data.decode(errors="replace")

    def _ended(self) -> bool:
        self._read()
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._read()
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else 128 - code
        return self.code is not None
