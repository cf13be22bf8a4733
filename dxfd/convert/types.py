"""What the conversion library takes and gives: options, events, report. Frozen; imported by its callers and its stages.

The library is synchronous and knows neither queue nor socket. Callers (the command `dxfd convert`, the worker process)
pass a ConvertOptions, a callback for events and a function that says whether to leave at the next checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, field, to_builtins


class ResumePolicy(StrEnum):
    """What to do with an interrupted run (`OUT.db.partial`)."""

    AUTO = "auto"
    """Resume it if it fits source and configuration; else start anew and say why (the report's `resume_note`)."""
    RESUME = "resume"
    """Resume it; ResumeImpossibleError if it does not fit. No interrupted run: start."""
    RESTART = "restart"
    """Discard it."""


class ErrorAction(StrEnum):
    """What a faulty entity does."""

    SKIP = "skip"
    STOP = "stop"


class HiddenLayers(StrEnum):
    """What becomes of entities on layers that are frozen or switched off."""

    CONVERT = "convert"
    """They are converted like others; the table `layers` says which they are."""
    SKIP = "skip"
    """They are accounted for as `layer_hidden`, and invisible entities as `invisible`."""


class Colors(StrEnum):
    """Which colour an element has."""

    RULE = "rule"
    """The rule's; the drawing's where the rule names none."""
    DRAWING = "drawing"
    """The drawing's."""


class Detail(StrEnum):
    """What body an element gets."""

    BODY = "body"
    """That of its recipe."""
    BOX = "box"
    """The box of it: eight corners in place of any body with faces."""


class Walls(StrEnum):
    """What a wall is made of."""

    AUTO = "auto"
    """As the building file says (`[walls]`), else lines."""
    LINES = "lines"
    """Each line or closed outline is a wall of its own."""
    PAIRS = "pairs"
    """Two lines side by side are one, joined where walls meet, open where a door or window stands."""


MODEL: Final = "model"
ALL: Final = "all"
BOX: Final = "box"
EXPLODE: Final = "explode"
"""Words of `layouts` and `blocks` that are no names."""


class Damaged(StrEnum):
    """What a drawing that is cut off in its entities, or whose packing is damaged, does."""

    REFUSE = "refuse"
    """SourceDamagedError: what is missing is not known."""
    CONVERT = "convert"
    """What is there is converted; the report says that it is not all (`incomplete`)."""


class Heights(StrEnum):
    """Where the heights of elements come from."""

    AUTO = "auto"
    """The drawing's, if they mean something, else mixed."""
    DRAWING = "drawing"
    """The drawing's own, above the building's zero."""
    MIXED = "mixed"
    """What lies at 0 by rules and ceiling; the rest by the drawing, above its storey."""
    RULES = "rules"
    """Rules for everything, whatever the drawing says."""


class First(StrEnum):
    """What is converted first."""

    ALL = "all"
    """Everything in the drawing's order, in one pass."""
    STRUCTURE = "structure"
    """Structure and walls in a pass of their own, then the rest: an early look shows the building."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one entity or block may ask for. Reaching one is an issue, never the end of the conversion.

    They bound memory and time, whatever a drawing holds. All but `entity_s` give the same result on every machine.

    Attributes:
        entity_bytes: of one entity with its followers; a larger one is passed over. One of text takes five times as
            much memory.
        entity_vertices: of one entity; one with more, or with eight times as many values, is passed over.
        body_points: of the path that a body is made of, cutting which takes time by their square; a longer one keeps
            its line and gets no body.
        block_depth: nesting of blocks; what lies deeper is cut. Its callers allow 200 at most: blocks are gone down
            into by functions that call themselves.
        entity_s: seconds of processor time for the geometry of one entity that is no column (splines, hatches, solids).
    """

    entity_bytes: int = 64 << 20
    entity_vertices: int = 200_000
    body_points: int = 20_000
    block_depth: int = 64
    entity_s: float = 30.0


DEFAULT_LIMITS: Final = Limits()


class Phase(StrEnum):
    """What the conversion is doing."""

    SKIM = "skim"
    READ = "read"
    INDEX = "index"
    PUBLISH = "publish"


class DwgOptions(Struct, frozen=True, kw_only=True):
    """How DWG drawings are made into DXF.

    Attributes:
        converter: auto, acadsharp, dwg2dxf, oda, or off.
        path: program of dwg2dxf or the ODA File Converter; empty = looked for on PATH.
        timeout_s: seconds it may take.
        memory_bytes: memory it may take, and no more than the conversion's own max_memory_bytes.
    """

    converter: str = "auto"
    path: str = ""
    timeout_s: float = 300.0
    memory_bytes: int = 1 << 30


class ConvertOptions(Struct, frozen=True, kw_only=True):
    """One conversion.

    Attributes:
        source: the DXF file.
        output: the database to be published; built beside it as `<output>.partial`.
        templates: a `template_library.db` or a TOML rule set; None = the rules that ship with dxfd.
        units: drawing unit override: one of mm, cm, dm, m, km, in, ft, yd, mi, or None = $INSUNITS and evidence.
        batch_size: entities per committed batch; None = the default (bytes bound it too).
        max_memory_bytes: limit this process keeps within by smaller batches; None = no limit.
        max_errors: faulty entities (issues of severity error) before the conversion stops.
        error_action: skip a faulty entity or stop at the first.
        resume: what to do with an interrupted run.
        vacuum: run VACUUM before publishing.
        damaged: what a drawing does that is cut off.
        encoding: code page of the drawing's text, whatever it says itself; None = as it says, if its bytes agree.
        limits: what one entity may ask for.
        hidden_layers: what becomes of entities on frozen layers and layers that are off.
        colors: which colour elements have.
        xdata: keep extended data and extension dictionaries as properties.
        detail: what body elements get; their places and boxes are the same either way.
        run_key: names the job this is an attempt of; an output that it published already is not made again.
        layouts: which layouts are converted: "model", names of paper layouts (any case, with * and ?), or "all".
        blocks: what becomes of block references: "box", one element each; "explode", their content becomes elements;
            else the names (any case, with * and ?) of those that are exploded.
        explode_limit: entities that one block reference may be exploded to; larger ones stay boxes.
        tolerance_m: largest distance of a curve's chords from it.
        clip_endless: end RAY and XLINE at the drawing's extents ($EXTMIN, $EXTMAX) instead of leaving them out.
        dwg: how a DWG drawing is made into DXF.
        building: a building file (storeys, ceilings, which drawing is which storey); None = one storey.
        storey: which storey of it the drawing is; "" = by the file's name.
        heights: where the heights of elements come from.
        region: "" = everything; "building" = what lies together, by density; else "x0,y0,x1,y1" in drawing units:
            elements whose box touches it.
        clashes: predict clashes of services with one another and with structure.
        separate: before that, raise services until the clearances are kept.
        first: what is converted first.
        walls: what walls are made of.
    """

    source: Path
    output: Path
    templates: Path | None = None
    units: str | None = None
    batch_size: int | None = None
    max_memory_bytes: int | None = None
    max_errors: int = 100
    error_action: ErrorAction = ErrorAction.SKIP
    resume: ResumePolicy = ResumePolicy.AUTO
    vacuum: bool = False
    damaged: Damaged = Damaged.REFUSE
    encoding: str | None = None
    limits: Limits = Limits()
    hidden_layers: HiddenLayers = HiddenLayers.CONVERT
    colors: Colors = Colors.RULE
    xdata: bool = False
    detail: Detail = Detail.BODY
    layouts: tuple[str, ...] = (MODEL,)
    blocks: tuple[str, ...] = (BOX,)
    explode_limit: int = 10_000_000
    tolerance_m: float = 0.005
    clip_endless: bool = False
    dwg: DwgOptions = DwgOptions()
    run_key: str = ""
    building: Path | None = None
    storey: str = ""
    heights: Heights = Heights.AUTO
    region: str = ""
    clashes: bool = False
    separate: bool = False
    first: First = First.ALL
    walls: Walls = Walls.AUTO


class Began(Struct, frozen=True, kw_only=True):
    """The output's lock is held and the first pass is done."""

    entities_total: int
    bytes_total: int
    resumed_from_batch: int
    resumed_from_entities: int
    resume_note: str
    source_checksum: str = ""


class Advanced(Struct, frozen=True, kw_only=True):
    """Progress of the conversion loop; sent at least once a chunk and before each long step of finishing."""

    phase: Phase
    bytes_done: int
    bytes_total: int
    entities_read: int
    entities_total: int
    elements_written: int
    batch: int
    error_count: int
    rss_bytes: int
    entities_per_s: float
    memory_step: str = ""
    """What is done about memory: "", shrink, trim or leave."""


class Committed(Struct, frozen=True, kw_only=True):
    """A batch is on disk."""

    batch: int
    entities_read: int
    elements_written: int
    bytes_done: int


class Found(Struct, frozen=True, kw_only=True):
    """A finding about the drawing (also a row of `conversion_issues`)."""

    code: str
    message: str
    handle: str = ""
    line: int = 0


Event = Began | Advanced | Committed | Found
OnEvent = Callable[[Event], None]
ShouldLeave = Callable[[], str | None]
"""Asked at each checkpoint: None = go on, else the cause of leaving (pause, cancel, shutdown, interrupt, ...)."""


WARNINGS: Final = ("layout_missing", "storey_unknown", "units_doubtful")
"""Codes of issues that call the whole result in question: the report says them in words."""


class Left(Exception):  # noqa: N818  (it is an outcome, not an error)
    """The conversion left at a checkpoint; `.partial` holds what is done and the next run goes on from there.

    Attributes:
        cause: what should_leave said, or "memory".
        batch: last committed batch.
        entities_read: entities done so far.
    """

    def __init__(self, cause: str, batch: int, entities_read: int) -> None:
        self.cause = cause
        self.batch = batch
        self.entities_read = entities_read
        super().__init__(cause)


class LedgerRow(Struct, frozen=True, kw_only=True):
    """What became of `count` entities of one kind."""

    entity_type: str
    layer: str
    block: str
    space: str
    """model or paper."""
    outcome: str
    """element, exploded, skipped or error."""
    reason: str
    count: int
    first_handle: str
    layout: str = "Model"
    """Where it lies, or where the block reference does whose content it is."""
    origin: str = "entity"
    """entity, or content: it lies in a block whose reference was exploded."""


LEDGER_COLUMNS: Final = LedgerRow.__struct_fields__
"""Of the table `ledger`, as a row is read."""


class Report(Struct, frozen=True, kw_only=True):
    """The result: the document of `dxfd convert --json`.

    entities_read counts the entities of the chosen layouts, by default the model's (VERTEX, ATTRIB and SEQEND belong to
    their owner): matched + exploded + skipped + errors. content_read counts what exploded block references consist of:
    content_matched, and what is skipped, faulty or exploded further. The ledger's rows add up to both.
    """

    ok: bool
    input: str
    output: str
    dxf_version: str
    units: str
    units_source: str
    entities_read: int
    elements_written: int
    matched: int
    skipped: int
    errors: int
    ledger: list[LedgerRow]
    match_rate: float
    batches: int
    resumed_from: int
    """Entities that an earlier run had done; 0 = from the start."""
    resume_note: str
    elapsed_s: float
    entities_per_s: float
    peak_rss_bytes: int
    issues: dict[str, int] = field(default_factory=dict)
    """Count per issue code."""
    incomplete: str = ""
    """What is missing of a damaged drawing that was converted as far as it goes; empty for a whole one."""
    dwg_note: str = ""
    """Of a DWG drawing: what made DXF of it, and what was lost by that."""
    ledger_rows_left_out: int = 0
    """The smallest rows of a ledger of more than 20,000; the database has them."""
    exploded: int = 0
    """Block references whose content was converted instead of them."""
    content_read: int = 0
    content_matched: int = 0
    warnings: list[str] = field(default_factory=list)
    """What calls the whole result in question: doubtful units, layouts that are not there."""
    walls: dict[str, int] = field(default_factory=dict)
    """With walls of pairs: walls, pairs, corners and sides (ends that meet others), openings, lines (used up),
    lines_shortened, lines_alone. elements_written = matched + content_matched + walls - lines."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, in the order above."""
        found: dict[str, Any] = to_builtins(self)
        return found


class Interrupted(Struct, frozen=True, kw_only=True):
    """An interrupted run found beside an output, for the question whether to go on with it."""

    partial: Path
    started_at: str
    last_checkpoint_at: str
    status: str
    entities_done: int
    entities_total: int
    batch: int
    error_count: int
    fits: bool
    """Source and configuration are unchanged, the checkpoint is sound."""
    why_not: str
