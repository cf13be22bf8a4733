"""The daemon's settings: one frozen struct, each field with its kind and its meaning.

Owns names, defaults, kinds and words; docs/settings.md and etc/dxfd.toml are compared with it by a test.
Does not read files (load.py) nor parse amounts (units.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, get_type_hints

import msgspec
from msgspec import Meta

from dxfd.config.units import Amount, format_bytes, format_seconds

MIB: Final = 1024**2


class Kind(StrEnum):
    """How a value is written."""

    PATH = "path"
    TEXT = "text"
    COUNT = "count"
    BYTES = "bytes"
    AMOUNT = "bytes or share"
    SHARE = "share"
    SECONDS = "seconds"
    CHOICE = "choice"
    FLAG = "flag"


def _meta(kind: Kind, words: str, **extra: Any) -> Meta:
    return Meta(description=words, extra={"kind": kind, **extra})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Paths are absolute; times are seconds, sizes bytes."""

    state_dir: Annotated[str, _meta(Kind.PATH, "Folder of the queue database.", restart=True)] = "/var/lib/dxfd"
    run_dir: Annotated[str, _meta(Kind.PATH, "Folder of the control socket and the PID file.", restart=True)] = (
        "/run/dxfd"
    )
    log_dir: Annotated[str, _meta(Kind.PATH, "Folder of the log file dxfd.jsonl.", restart=True)] = "/var/log/dxfd"
    socket: Annotated[
        str, _meta(Kind.TEXT, "Endpoint of the control socket; empty: ipc://<run_dir>/control.sock.", restart=True)
    ] = ""
    max_workers: Annotated[
        int,
        _meta(
            Kind.COUNT, "Conversions at a time; 0: as many as cores and memory_budget allow, a core left to the system."
        ),
    ] = 0
    memory_limit: Annotated[
        int, _meta(Kind.BYTES, "Memory one worker keeps within, unless its job says otherwise.", least=64 * MIB)
    ] = 512 * MIB
    memory_floor: Annotated[
        int,
        _meta(Kind.BYTES, "Memory a worker is given for the smallest drawing; larger ones get more.", least=64 * MIB),
    ] = 192 * MIB
    memory_wall: Annotated[
        float, _meta(Kind.SHARE, "Share of its limit at which the daemon ends a worker; at least 100%.", least=1.0)
    ] = 1.5
    memory_budget: Annotated[
        Amount,
        _meta(
            Kind.AMOUNT,
            "Memory all workers share: bytes, or a share of the own cgroup's limit (else of physical memory); room for "
            "the system is left whatever is said here. A job starts when what it is given still fits.",
        ),
    ] = Amount(share=0.6)
    pressure_limit: Annotated[
        float,
        _meta(
            Kind.SHARE,
            "No job starts while tasks wait for memory this share of the time (PSI), until it is down to half of it.",
        ),
    ] = 0.2
    disk_reserve: Annotated[
        int,
        _meta(
            Kind.BYTES,
            "No job starts while a disk it writes on, or that of the queue or the log, has less room; 0: no bound.",
        ),
    ] = 256 * MIB
    order: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "What goes first among jobs of the same priority: the oldest, or the smallest drawing.",
            choices=("oldest", "smallest"),
        ),
    ] = "oldest"
    worker_cgroups: Annotated[
        bool,
        _meta(
            Kind.FLAG,
            "Give each worker a cgroup of its own with memory.high and memory.max, where systemd has delegated one "
            "(Delegate=memory).",
            restart=True,
        ),
    ] = True
    batch_size: Annotated[int, _meta(Kind.COUNT, "Entities per committed batch; 0: the converter's default.")] = 0
    max_attempts: Annotated[
        int, _meta(Kind.COUNT, "Failed attempts without a new checkpoint after which a job fails.", least=1)
    ] = 3
    retry_base_s: Annotated[float, _meta(Kind.SECONDS, "Delay before the first retry; doubled for each one after.")] = (
        1.0
    )
    retry_cap_s: Annotated[float, _meta(Kind.SECONDS, "Longest delay before a retry.")] = 300.0
    quarantine_after: Annotated[
        int,
        _meta(
            Kind.COUNT,
            "Worker deaths by signal or memory without a new checkpoint after which a job is quarantined.",
            least=1,
        ),
    ] = 3
    worker_timeout_s: Annotated[
        float, _meta(Kind.SECONDS, "A worker silent for this long is taken for hung and ended.", least=1.0)
    ] = 600.0
    io_timeout_s: Annotated[
        float,
        _meta(
            Kind.SECONDS,
            "One read, write or look at a file may take this long; then its disk or network is taken for gone.",
            least=1.0,
        ),
    ] = 120.0
    stop_timeout_s: Annotated[
        float, _meta(Kind.SECONDS, "Time a worker has to reach a checkpoint when told to leave, before it is killed.")
    ] = 30.0
    tick_s: Annotated[float, _meta(Kind.SECONDS, "Longest time between two rounds of the supervisor.", least=0.02)] = (
        0.5
    )
    max_queued: Annotated[int, _meta(Kind.COUNT, "Unfinished jobs beyond which a submit is refused; 0: no bound.")] = (
        1_000_000
    )
    log_level: Annotated[
        str, _meta(Kind.CHOICE, "Least level that is logged.", choices=("debug", "info", "warning", "error"))
    ] = "info"
    log_max_bytes: Annotated[
        int, _meta(Kind.BYTES, "Size at which the log file is rotated; 0: never.", restart=True)
    ] = 50 * MIB
    log_backups: Annotated[int, _meta(Kind.COUNT, "Rotated log files that are kept.", restart=True)] = 5
    templates: Annotated[
        str, _meta(Kind.TEXT, "Rule set or template library for jobs that name none; empty: the built-in rules.")
    ] = ""
    building: Annotated[
        str, _meta(Kind.TEXT, "Building file (storeys, ceilings) for jobs that name none; empty: one storey.")
    ] = ""
    heights: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "Where heights come from, for jobs that do not say it. auto: the drawing, if they mean something there.",
            choices=("auto", "drawing", "mixed", "rules"),
        ),
    ] = "auto"
    damaged: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "A drawing that is cut off in its entities, or whose packing is damaged. refuse: the job fails. "
            "convert: what is there is converted, and the report says that it is not all.",
            choices=("refuse", "convert"),
        ),
    ] = "refuse"
    max_entity_bytes: Annotated[
        int, _meta(Kind.BYTES, "Size beyond which an entity of a drawing is passed over and told.", least=MIB)
    ] = 64 * MIB
    max_entity_vertices: Annotated[
        int, _meta(Kind.COUNT, "Vertices (or eight times as many values) beyond which it is so, too.", least=100)
    ] = 200_000
    max_body_points: Annotated[
        int, _meta(Kind.COUNT, "Points of a path beyond which it stays a line and gets no body.", least=2)
    ] = 20_000
    max_block_depth: Annotated[
        int, _meta(Kind.COUNT, "Nesting of blocks beyond which it is cut and told; at most 200.", least=1, most=200)
    ] = 64
    tolerance_um: Annotated[
        int,
        _meta(
            Kind.COUNT, "Largest distance of a curve's chords from the curve, in thousandths of a millimetre.", least=10
        ),
    ] = 5_000
    detail: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "Bodies of elements. body: those of their recipes. box: their boxes; what is a line stays one.",
            choices=("body", "box"),
        ),
    ] = "body"
    walls: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "What walls are made of. lines: each line is one. pairs: two side by side are one, joined, with openings. "
            "auto: as the building file says, else lines.",
            choices=("auto", "lines", "pairs"),
        ),
    ] = "auto"
    max_entity_s: Annotated[
        float,
        _meta(Kind.SECONDS, "Processor time for the geometry of one spline, hatch, solid or the like; 0: no bound."),
    ] = 30.0
    dwg_converter: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "What makes DXF of DWG drawings. auto: what there is, in this order; off: they are refused.",
            choices=("auto", "acadsharp", "dwg2dxf", "oda", "off"),
        ),
    ] = "auto"
    dwg_path: Annotated[
        str, _meta(Kind.TEXT, "Program of dwg2dxf or the ODA File Converter; empty: the one on PATH.")
    ] = ""
    dwg_timeout_s: Annotated[
        float, _meta(Kind.SECONDS, "Time a converter may take for one DWG drawing.", least=1.0)
    ] = 300.0
    dwg_memory_limit: Annotated[
        int,
        _meta(
            Kind.BYTES,
            "Memory a converter may take for one DWG drawing, within that of its job; a DWG's job is given this much.",
            least=64 * MIB,
        ),
    ] = 1024 * MIB
    fsync: Annotated[
        str,
        _meta(
            Kind.CHOICE,
            "full: each change of the queue survives power loss. normal: the last changes may be lost by it, "
            "never by a crash.",
            choices=("full", "normal"),
            restart=True,
        ),
    ] = "full"
    keep_finished_s: Annotated[
        float,
        _meta(Kind.SECONDS, "Finished jobs stay in the listing this long, with their story and report; 0: for ever."),
    ] = 2_592_000.0
    keep_finished: Annotated[
        int, _meta(Kind.COUNT, "Finished jobs that stay in the listing at most, the newest; 0: no bound.")
    ] = 50_000
    keep_history_s: Annotated[
        float, _meta(Kind.SECONDS, "History keeps how a job ended this long; 0: for ever. Sums per day always stay.")
    ] = 63_072_000.0
    backup_dir: Annotated[
        str, _meta(Kind.PATH, "Folder of the queue's copies; by default `backups` in state_dir.", restart=True)
    ] = "/var/lib/dxfd/backups"
    backup_interval_s: Annotated[
        float, _meta(Kind.SECONDS, "Time between two copies of the queue database; 0: none are made.", restart=True)
    ] = 21_600.0
    backup_keep: Annotated[
        int, _meta(Kind.COUNT, "Scheduled copies that are kept; those you ask for stay.", least=1, restart=True)
    ] = 8
    auto_resume: Annotated[
        bool, _meta(Kind.FLAG, "`dxfd convert` without a terminal resumes an interrupted run of an unchanged drawing.")
    ] = True


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One setting, for loading and for the documents."""

    name: str
    kind: Kind
    words: str
    default: Any
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = float("inf")
    restart: bool = False
    """It is read at the start only; the others are taken over at SIGHUP too."""

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return "DXFD_" + self.name.upper()


def _fields() -> dict[str, Field]:
    hints = get_type_hints(Settings, include_extras=True)
    defaults = Settings()
    found = {}
    for name in Settings.__struct_fields__:
        meta: Meta = hints[name].__metadata__[0]
        extra = dict(meta.extra or {})
        found[name] = Field(name=name, words=meta.description or "", default=getattr(defaults, name), **extra)
    return found


FIELDS: Final[dict[str, Field]] = _fields()
"""Every setting by name, in the order of the struct."""


def written(field: Field, value: Any) -> str:
    """Return a value as it stands in a settings file."""
    match field.kind:
        case Kind.BYTES:
            return f'"{format_bytes(value)}"' if value else "0"
        case Kind.AMOUNT:
            return f'"{value}"'
        case Kind.SHARE:
            return f'"{value * 100:g}%"'
        case Kind.SECONDS:
            return f'"{format_seconds(value)}"'
        case Kind.COUNT:
            return str(value)
        case Kind.FLAG:
            return "true" if value else "false"
        case _:
            return f'"{value}"'
