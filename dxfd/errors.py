"""The one error tree of dxfd and dxfctl: each class has a stable code, an exit code, a failure class, a message.

Owns what a user may be told when something goes wrong. Imported by every package; imports nothing of ours.
`dxfd errors` and docs/errors.md are made from this tree, and a test compares them. Over 500 lines because it is one
thing: a table of errors, each a few lines of constants, that must be read and kept unique as a whole.

    DxfdError
    ├── UsageError            the command line is wrong
    ├── ConfigError           settings, unit values
    ├── SourceError           the drawing: missing, unreadable, not a DXF, damaged
    ├── TemplatesError        the rule set or template library
    ├── OutputError           the database to be written
    ├── ResourceError         disk, memory, limits
    ├── StoreError            the queue database
    ├── ControlError          client and daemon talking
    ├── JobError              a job asked for something its state forbids
    └── InstanceError         the daemon as a process
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class FailureClass(StrEnum):
    """What a failed attempt means for the job."""

    PERMANENT = "permanent"
    """The same input will fail again: the job fails at once."""
    RETRYABLE = "retryable"
    """Time or another setting may help: the job is retried with a growing delay."""


class DxfdError(Exception):
    """Something went wrong inside dxfd."""

    code: ClassVar[str] = "E_INTERNAL"
    exit_code: ClassVar[int] = 70
    failure: ClassVar[FailureClass] = FailureClass.RETRYABLE
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None, **details: Any) -> None:
        """Take a message of one line, a hint of one line, and details that a machine may read (JSON types)."""
        words = message or (self.__doc__ or "").strip().splitlines()[0]
        # names of files may be any bytes; what is told of them goes into documents and over sockets
        self.message = words.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        self.hint = self.default_hint if hint is None else hint
        self.details = details
        super().__init__(self.message)


class UsageError(DxfdError):
    """The command line does not make sense."""

    code = "E_USAGE"
    exit_code = 2
    failure = FailureClass.PERMANENT


class ConfigError(DxfdError):
    """A setting is wrong."""

    code = "E_CONFIG"
    exit_code = 78
    failure = FailureClass.PERMANENT


# --- the drawing ---------------------------------------------------------------------------------------------


class SourceError(DxfdError):
    """The drawing cannot be read."""

    code = "E_SOURCE"
    exit_code = 66
    failure = FailureClass.PERMANENT


class SourceMissingError(SourceError):
    """There is no such drawing."""

    code = "E_SOURCE_MISSING"


class SourceIsFolderError(SourceError):
    """The drawing is a folder."""

    code = "E_SOURCE_FOLDER"
    default_hint = "give the files in it, or submit the folder with dxfctl submit"


class SourceUnreadableError(SourceError):
    """The drawing may not be read."""

    code = "E_SOURCE_UNREADABLE"


class SourceEmptyError(SourceError):
    """The drawing is an empty file."""

    code = "E_SOURCE_EMPTY"
    exit_code = 65


class NotDxfError(SourceError):
    """The file is not a DXF drawing."""

    code = "E_NOT_DXF"
    exit_code = 65


class DwgError(SourceError):
    """The DWG drawing cannot be read."""

    code = "E_DWG"
    exit_code = 65
    default_hint = "save it as DXF (ASCII) from the CAD program"


class DwgNoConverterError(DwgError):
    """The file is a DWG drawing, and there is no converter for it."""

    code = "E_DWG_NO_CONVERTER"
    default_hint = "pip install 'dxfd[dwg]', or name dwg2dxf or the ODA File Converter in dwg_path, or save it as DXF"


class DwgFailedError(DwgError):
    """The converter cannot read the DWG drawing."""

    code = "E_DWG_FAILED"


class DwgTimeoutError(DwgError):
    """The converter took longer for the DWG drawing than it may."""

    code = "E_DWG_TIMEOUT"
    default_hint = "raise dwg_timeout_s, or save the drawing as DXF from the CAD program"


class DwgMemoryError(DwgError):
    """The converter needs more memory for the DWG drawing than it may have."""

    code = "E_DWG_MEMORY"
    exit_code = 12
    default_hint = "raise dwg_memory_limit (and --max-memory, if that is less), or save the drawing as DXF"


class SourceDamagedError(SourceError):
    """The drawing is damaged beyond use."""

    code = "E_SOURCE_DAMAGED"
    exit_code = 65


class SourceFailingError(SourceError):
    """The disk or network share of the drawing fails."""

    code = "E_SOURCE_IO"
    failure = FailureClass.RETRYABLE


class SourceChangedError(SourceError):
    """The drawing changed while it was being read."""

    code = "E_SOURCE_CHANGED"
    failure = FailureClass.RETRYABLE


class NotADatabaseError(SourceError):
    """The file is not a finished result database of dxfd."""

    code = "E_NOT_A_DATABASE"
    exit_code = 65


class TooManyIssuesError(SourceError):
    """The drawing has more faulty entities than max_errors allows."""

    code = "E_TOO_MANY_ERRORS"
    exit_code = 65
    default_hint = "raise --max-errors to go on, or repair the drawing (AUDIT in the CAD program)"


# --- templates -----------------------------------------------------------------------------------------------


class TemplatesError(DxfdError):
    """The templates cannot be used."""

    code = "E_TEMPLATES"
    exit_code = 78
    failure = FailureClass.PERMANENT


class TemplatesMissingError(TemplatesError):
    """There is no such template file."""

    code = "E_TEMPLATES_MISSING"
    exit_code = 66


# --- output --------------------------------------------------------------------------------------------------


class OutputError(DxfdError):
    """The database cannot be written."""

    code = "E_OUTPUT"
    exit_code = 73
    failure = FailureClass.PERMANENT


class OutputNotWritableError(OutputError):
    """The output folder cannot be written to."""

    code = "E_OUTPUT_NOT_WRITABLE"


class OutputForeignError(OutputError):
    """A file that dxfd did not write stands at the output path."""

    code = "E_OUTPUT_FOREIGN"
    default_hint = "choose another output, or remove that file"


class OutputBusyError(OutputError):
    """Another conversion is writing this output."""

    code = "E_OUTPUT_BUSY"
    exit_code = 4
    failure = FailureClass.RETRYABLE


class OutputDamagedError(OutputError):
    """What an interrupted conversion left is damaged."""

    code = "E_OUTPUT_DAMAGED"
    exit_code = 5
    failure = FailureClass.RETRYABLE
    default_hint = "it was discarded: run the conversion again, it begins anew"


class OutputFailingError(OutputError):
    """The disk or network share of the output fails."""

    code = "E_OUTPUT_IO"
    failure = FailureClass.RETRYABLE


class ResumeNeededError(OutputError):
    """An interrupted conversion is there, and what to do with it was not said."""

    code = "E_RESUME"
    exit_code = 4
    default_hint = "add --resume or --restart"


class ResumeImpossibleError(OutputError):
    """The interrupted conversion cannot be resumed."""

    code = "E_RESUME_IMPOSSIBLE"
    exit_code = 4
    default_hint = "add --restart to begin anew"


# --- resources -----------------------------------------------------------------------------------------------


class ResourceError(DxfdError):
    """The machine has not enough of something."""

    code = "E_RESOURCE"
    exit_code = 5


class DiskFullError(ResourceError):
    """The disk is full."""

    code = "E_DISK_FULL"
    default_hint = "free some space; the conversion goes on from its last batch"


class IoTimeoutError(ResourceError):
    """A disk or network share does not answer."""

    code = "E_IO_TIMEOUT"
    default_hint = "see whether the share is mounted and its server up; the conversion goes on from its last batch"


class MemoryLimitError(ResourceError):
    """The conversion does not fit in its memory limit."""

    code = "E_MEMORY"
    exit_code = 12
    default_hint = "raise --max-memory"


class QueueFullError(ResourceError):
    """The queue is full."""

    code = "E_QUEUE_FULL"


class InterruptedConversionError(DxfdError):
    """The conversion was interrupted at a checkpoint."""

    code = "E_INTERRUPTED"
    exit_code = 130


# --- queue database ------------------------------------------------------------------------------------------


class StoreError(DxfdError):
    """The queue database cannot be used."""

    code = "E_STORE"
    exit_code = 78
    failure = FailureClass.PERMANENT


class StoreCorruptError(StoreError):
    """The queue database is damaged."""

    code = "E_STORE_CORRUPT"
    default_hint = "it is kept as it is;  dxfctl backup restore  puts the newest sound copy in its place"


class StoreRemovedError(StoreError):
    """The queue database was removed or replaced while the daemon ran."""

    code = "E_STORE_REMOVED"
    exit_code = 5
    default_hint = "start the daemon again"


class StoreNewerError(StoreError):
    """The queue database was written by a newer dxfd."""

    code = "E_STORE_NEWER"
    default_hint = "start the newer dxfd, or point state_dir elsewhere"


class StoreBusyError(StoreError):
    """Somebody else holds the queue database."""

    code = "E_STORE_BUSY"
    exit_code = 5
    failure = FailureClass.RETRYABLE
    default_hint = "end the program that has it open; nothing but dxfd may write to it"


class BackupError(StoreError):
    """A copy of the queue database cannot be made or used."""

    code = "E_BACKUP"


class StoreFailingError(StoreError):
    """The disk of the queue database fails."""

    code = "E_STORE_IO"
    exit_code = 5
    failure = FailureClass.RETRYABLE
    default_hint = "nothing was changed; the daemon tries again by itself"


class StaleAttemptError(StoreError):
    """A worker that no longer owns its job tried to change it."""

    code = "E_STALE_ATTEMPT"
    exit_code = 4


# --- control -------------------------------------------------------------------------------------------------


class ControlError(DxfdError):
    """Client and daemon cannot talk."""

    code = "E_CONTROL"
    exit_code = 9


class UnreachableError(ControlError):
    """No daemon answers."""

    code = "E_UNREACHABLE"
    exit_code = 7
    default_hint = "start it with  dxfctl start"


class ProtocolError(ControlError):
    """A message is not understood."""

    code = "E_PROTOCOL"


class VersionError(ControlError):
    """Client and daemon speak different major versions of the protocol."""

    code = "E_VERSION"
    default_hint = "use the dxfctl that came with the daemon"


class MessageTooLargeError(ControlError):
    """A message is larger than the limit."""

    code = "E_TOO_LARGE"


class PermissionDeniedError(ControlError):
    """This user may not do that."""

    code = "E_PERMISSION"
    exit_code = 6
    failure = FailureClass.PERMANENT


class ShuttingDownError(ControlError):
    """The daemon is shutting down."""

    code = "E_SHUTDOWN"
    exit_code = 13


class WaitTimeoutError(ControlError):
    """The wait ended before the job did."""

    code = "E_WAIT_TIMEOUT"
    exit_code = 124


# --- jobs ----------------------------------------------------------------------------------------------------


class JobError(DxfdError):
    """The job does not allow that."""

    code = "E_JOB"
    exit_code = 4
    failure = FailureClass.PERMANENT


class NoSuchJobError(JobError):
    """There is no such job."""

    code = "E_NO_SUCH_JOB"
    exit_code = 3
    default_hint = "dxfctl status  lists the jobs"


class IllegalTransitionError(JobError):
    """The job's state does not allow that."""

    code = "E_STATE"


class DuplicateJobError(JobError):
    """The same conversion is in the queue already."""

    code = "E_DUPLICATE"
    exit_code = 10


class DependencyError(JobError):
    """A job that this one comes after did not succeed."""

    code = "E_DEPENDENCY"


class JobsFailedError(JobError):
    """A job failed."""

    code = "E_JOBS_FAILED"
    exit_code = 1


class JobCancelledError(JobError):
    """The job was cancelled."""

    code = "E_JOB_CANCELLED"
    exit_code = 11


class JobQuarantinedError(JobError):
    """The job killed its workers too often and is quarantined."""

    code = "E_JOB_QUARANTINED"
    exit_code = 12


class PartialError(JobError):
    """Some of the jobs asked for could not be changed."""

    code = "E_PARTIAL"
    exit_code = 8


class WorkerLostError(JobError):
    """The worker process ended without a result."""

    code = "E_WORKER_LOST"
    exit_code = 1
    failure = FailureClass.RETRYABLE


class WorkerHungError(JobError):
    """The worker process made no progress and was ended."""

    code = "E_WORKER_HUNG"
    exit_code = 1
    failure = FailureClass.RETRYABLE


# --- the daemon as a process ---------------------------------------------------------------------------------


class InstanceError(DxfdError):
    """The daemon cannot run."""

    code = "E_INSTANCE"
    exit_code = 1


class AlreadyRunningError(InstanceError):
    """Another dxfd runs already."""

    code = "E_ALREADY_RUNNING"
    exit_code = 75


class CannotCreateError(InstanceError):
    """A folder or file of the daemon cannot be made."""

    code = "E_CANNOT_CREATE"
    exit_code = 73


def all_errors() -> list[type[DxfdError]]:
    """Return every class of the tree, parents before children, in the order they stand in this file."""
    found: list[type[DxfdError]] = []

    def walk(cls: type[DxfdError]) -> None:
        found.append(cls)
        for child in cls.__subclasses__():
            walk(child)

    walk(DxfdError)
    return found


def error_from_wire(code: str, message: str, hint: str = "", details: dict[str, Any] | None = None) -> DxfdError:
    """Rebuild the error that a peer reported; an unknown code (a newer peer) is kept in the message."""
    for cls in all_errors():
        if cls.code == code:
            return cls(message, hint=hint, **(details or {}))
    return DxfdError(f"{message} [{code}]", hint=hint, **(details or {}))
