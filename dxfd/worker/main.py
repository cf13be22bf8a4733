"""One worker process: reads a work order on stdin, converts in the main thread, says on stdout what happens.

Owns the way from work order to conversion and from its outcome to a last event and an exit status. It opens neither
queue.db nor a socket. Its stderr carries JSON log lines, which the daemon relays.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import msgspec

from dxfd import faults, logs
from dxfd.contract.exits import WorkerExit
from dxfd.contract.progress import Done, Failed, Left, WorkOrder
from dxfd.contract.report import bounded
from dxfd.convert.patience import watch
from dxfd.convert.types import Left as LeftAtCheckpoint
from dxfd.convert.types import Report
from dxfd.errors import DiskFullError, DxfdError, IoTimeoutError, MemoryLimitError
from dxfd.worker.commands import Commands
from dxfd.worker.options import options_of
from dxfd.worker.report import Reporter, private_stdout

log = logs.get_logger()


def main() -> int:
    """Run one work order and return the exit status (dxfd.contract.exits)."""
    reporter_fd = private_stdout()
    logs.configure(level=os.environ.get("DXFD_WORKER_LOG_LEVEL", "info"))
    commands = Commands(0)
    try:
        order = commands.read_order()
    except msgspec.DecodeError as error:
        log.error("work_order_not_understood", reason=str(error))  # noqa: TRY400
        return WorkerExit.BAD_ORDER
    if order is None:
        return WorkerExit.NO_ORDER
    commands.listen()
    reporter = Reporter(reporter_fd, lambda: commands.leave("orphaned"))
    if order.io_timeout_s:
        watch(order.io_timeout_s, lambda what, seconds: _give_up(reporter, what, seconds))
    return run(order, commands, reporter)


def run(order: WorkOrder, commands: Commands, reporter: Reporter) -> WorkerExit:
    """Convert, send the last event, and return the exit status."""
    # Late: numpy and Arrow take a third of a second to import, in which a `leave` can come already.
    from dxfd.convert.pipeline import convert

    faults.point("worker.ordered")
    try:
        report = convert(options_of(order), on_event=reporter.convert_event, should_leave=commands.should_leave)
        faults.point("worker.published")
        reporter.send(Done(report=msgspec.Raw(msgspec.json.encode(summary(report)))))
    except LeftAtCheckpoint as left:
        reporter.send(Left(cause=left.cause, batch=left.batch, entities_read=left.entities_read))
        return WorkerExit.LEFT
    except DxfdError as error:
        return _failed(reporter, error)
    except MemoryError:
        return _failed(reporter, MemoryLimitError("the conversion ran out of memory"))
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return _failed(reporter, DiskFullError(f"no room to write {order.output}"))
        return _crashed(reporter, error)
    except Exception as error:  # noqa: BLE001  (the last resort of a process: logged with its stack, reported by code)
        return _crashed(reporter, error)
    return WorkerExit.DONE


def summary(report: Report) -> dict[str, Any]:
    """Return the report as it is kept in the queue: of a long ledger the largest rows (the database has them all)."""
    document = bounded(report.to_dict())
    return document | {"source_bytes": _size(report.input), "output_bytes": _size(report.output)}


def _size(path: str) -> int:
    """Return the size of a file; 0 when it is gone again."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _give_up(reporter: Reporter, what: str, seconds: float) -> None:
    """End the process: a thread of it hangs in the system and nothing can call it back."""
    log.error("file_operation_hangs", what=what, seconds=round(seconds, 1))
    error = IoTimeoutError(f"{what} takes longer than {seconds:.0f} s: the disk or share does not answer")
    os._exit(_failed(reporter, error))


def _failed(reporter: Reporter, error: DxfdError) -> WorkerExit:
    reporter.send(
        Failed(
            error_code=error.code,
            message=error.message,
            hint=error.hint,
            failure_class=error.failure.value,
        )
    )
    return WorkerExit.FAILED


def _crashed(reporter: Reporter, error: Exception) -> WorkerExit:
    log.error("worker_crashed", exc_info=error)
    words = f"the worker met an unexpected {type(error).__name__}: {str(error)[:200]}"
    return _failed(reporter, DxfdError(words, hint="the stack is in the daemon's log"))
