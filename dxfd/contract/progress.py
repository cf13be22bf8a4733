"""What a worker tells the daemon on its stdout and is told on its stdin: one JSON object a line.

Both sides of the pipe import this; it imports msgspec only. Unknown fields are ignored, new ones get defaults.
"""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a conversion is. Sent from the conversion loop itself, so that silence means no progress."""

    phase: str = "read"
    """skim, read, index, publish."""
    bytes_done: int = 0
    bytes_total: int = 0
    entities_read: int = 0
    entities_total: int = 0
    """Estimate of the first pass; 0 while unknown."""
    elements_written: int = 0
    batch: int = 0
    """Last committed batch; 0 before the first."""
    rss_bytes: int = 0
    error_count: int = 0
    entities_per_s: float = 0.0
    memory_step: str = ""
    """What the worker does about its memory: "", shrink, trim or leave."""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """The worker holds the output's lock and begins."""

    pid: int
    resumed_from_batch: int = 0
    resumed_from_entities: int = 0
    note: str = ""
    """Why an interrupted run was not resumed, if there was one; or that the output was published already."""
    source_checksum: str = ""
    """Of the drawing's size and samples of its content, whatever its name and time."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, tag="checkpoint"):
    """A batch was committed."""

    batch: int
    entities_read: int
    elements_written: int
    bytes_done: int


class Issue(msgspec.Struct, frozen=True, kw_only=True, tag="issue"):
    """A finding about the drawing."""

    issue_code: str
    message: str
    handle: str = ""
    line: int = 0


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """The output is published. `report` is the document of `dxfd convert --json`."""

    report: msgspec.Raw


class Left(msgspec.Struct, frozen=True, kw_only=True, tag="left"):
    """The worker left at a checkpoint because it was asked to, or because it reached its memory limit."""

    cause: str
    """pause, cancel, shutdown, orphaned, memory, host."""
    batch: int = 0
    entities_read: int = 0


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """The conversion failed with an error of dxfd.errors."""

    error_code: str
    message: str
    hint: str = ""
    failure_class: str = "permanent"


WorkerEvent = Progress | Started | Checkpoint | Issue | Done | Left | Failed


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="leave"):
    """Commit the batch in hand and end. cause: pause, cancel, shutdown, memory, host (others need the memory)."""

    cause: str


WorkerCommand = Leave
"""More kinds may come; a worker ignores those that it does not know."""


class EntityLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one entity or block of a drawing may ask for; more is passed over and told."""

    max_entity_bytes: int = 64 << 20
    max_entity_vertices: int = 200_000
    max_body_points: int = 20_000
    max_block_depth: int = 64
    max_entity_s: float = 30.0


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What of a drawing is converted; empty lists and 0 mean the converter's own."""

    layouts: list[str] = []
    """model, all, or names of paper layouts."""
    blocks: list[str] = []
    """box, explode, or names of the blocks that are exploded."""
    explode_limit: int = 0
    """Entities one block reference may be exploded to."""
    hidden_layers: str = "convert"
    """convert, skip: frozen layers and layers that are off."""
    colors: str = "rule"
    """rule, drawing: whose colour goes first."""
    xdata: bool = False
    """Keep extended data and extension dictionaries as properties."""
    detail: str = ""
    """body, box: what body elements get; empty: as the daemon is set."""


class Building(msgspec.Struct, frozen=True, kw_only=True):
    """Where a drawing is in its building, what of it is taken, and what goes first."""

    file: str = ""
    """Building file; empty: one storey."""
    storey: str = ""
    """Storey of it; empty: by the drawing's name."""
    heights: str = ""
    """auto, drawing, mixed, rules: where heights come from; empty: auto."""
    region: str = ""
    """building, or x0,y0,x1,y1 in drawing units; empty: everything."""
    clashes: bool = False
    """Predict clashes of services."""
    separate: bool = False
    """Before that, raise services until their clearances are kept."""
    first: str = "all"
    """all, structure: what is converted first."""
    walls: str = ""
    """auto, lines, pairs: what walls are made of; empty: as the daemon is set."""


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do: the first line on its stdin."""

    job_id: int
    attempt: int
    attempt_token: str
    converter: str
    source: str
    output: str
    templates: str = ""
    units: str = ""
    batch_size: int = 0
    """Entities per batch; 0 = the converter's default."""
    max_memory_bytes: int = 0
    max_errors: int = 100
    error_action: str = "skip"
    io_timeout_s: float = 0.0
    """How long one file operation may take before the worker gives up; 0 = for ever."""
    damaged: str = "refuse"
    """refuse, convert: what a drawing does that is cut off."""
    encoding: str = ""
    """Code page of its text; empty = as the drawing says."""
    tolerance_m: float = 0.005
    clip_endless: bool = False
    choices: Choices = Choices()
    building: Building = Building()
    vacuum: bool = False
    """Compact the database at the end."""
    limits: EntityLimits = EntityLimits()
    dwg_converter: str = "auto"
    """auto, acadsharp, dwg2dxf, oda, off; with the next three: how a DWG drawing is made into DXF."""
    dwg_path: str = ""
    dwg_timeout_s: float = 300.0
    dwg_memory_bytes: int = 1 << 30
    restart: bool = False
    """Discard an interrupted run instead of resuming it."""
    run_key: str = ""
    """Names the job among those of all queues: it is written into the output, so that a job whose end was not noted
    is known to be done."""
