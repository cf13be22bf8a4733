"""The order of the conversion: skim, then read ▸ match ▸ build ▸ write by batches, then finish. Known here alone.

Three threads: the reader is a chunk ahead, this one matches and builds, the writer commits the batch before. Over 500
lines because it is one thing: the life of one run, whose steps share the checkpoint that each of them moves on.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from dxfd import __version__
from dxfd.ahead import Ahead
from dxfd.convert import memory, reported, session
from dxfd.convert.account import Account, Counts, dropped, settle
from dxfd.convert.build import colors
from dxfd.convert.build.at_once import TooMuchAtOnceError
from dxfd.convert.build.blocks import Blocks
from dxfd.convert.build.geometry import bad_entities
from dxfd.convert.build.ground import lies_flat
from dxfd.convert.build.means import Means
from dxfd.convert.build.model import Builder, Built
from dxfd.convert.build.ragged import Ints
from dxfd.convert.choose import Chooser
from dxfd.convert.circumstances import means_of
from dxfd.convert.dwg.outcome import Loss
from dxfd.convert.explode.index import Index
from dxfd.convert.explode.pieces import Names, Workshop
from dxfd.convert.explode.reading import PART
from dxfd.convert.explode.run import Exploding, Frame, raised
from dxfd.convert.explode.run import tables as tables_of
from dxfd.convert.explode.shelf import Shelf
from dxfd.convert.facts import Tables
from dxfd.convert.lazy_blocks import LazyBlocks
from dxfd.convert.match.engine import RuleSet
from dxfd.convert.match.load import load_rules
from dxfd.convert.match.rules import Element
from dxfd.convert.naming import names
from dxfd.convert.properties import properties
from dxfd.convert.published import published
from dxfd.convert.read import bounds, references
from dxfd.convert.read.attachments import Attachments
from dxfd.convert.read.columns import Heads, heads
from dxfd.convert.read.dictionaries import Dictionaries
from dxfd.convert.read.georeference import georeference
from dxfd.convert.read.skim import Skim, entities_of, skim
from dxfd.convert.read.source import Source
from dxfd.convert.read.stream import Chunk, Place, Stream, halves
from dxfd.convert.region import OUTSIDE, inside, kept
from dxfd.convert.scope import Scope, View
from dxfd.convert.session import find_interrupted
from dxfd.convert.told import Told
from dxfd.convert.types import (
    Advanced,
    Began,
    Colors,
    Committed,
    ConvertOptions,
    Damaged,
    ErrorAction,
    Found,
    Left,
    OnEvent,
    Phase,
    Report,
    ResumePolicy,
    ShouldLeave,
)
from dxfd.convert.write import clashes, guid, rows, walls
from dxfd.convert.write.bodies import Kept, Written
from dxfd.convert.write.database import Database
from dxfd.convert.write.drawing import write_georeference, write_layers
from dxfd.convert.write.finish import finish, leave_no_journal, seal
from dxfd.convert.write.output import (
    Checkpoint,
    Lock,
    check_target,
    discard,
    partial_of,
    plain,
    publish,
    read_checkpoint,
    read_sealed,
    sound,
    write_checkpoint,
)
from dxfd.convert.write.spool import BoxSpool
from dxfd.convert.write.storeys import write_storeys
from dxfd.convert.write.writer import Batch, Writer
from dxfd.errors import DxfdError, MemoryLimitError, OutputDamagedError, ResumeImpossibleError, TooManyIssuesError

__all__ = ["convert", "find_interrupted"]

CHUNK_BYTES: Final = 1536 << 10
"""Bytes read at once: 1 MB takes a twentieth longer, 2 MB is as fast and takes 30 MB more at the peak."""
BATCH_ENTITIES: Final = 20_000
_BATCH_BYTES: Final = 64 << 20
"""Of rows: a batch of this size is committed, whatever it holds. One of 20,000 entities has 10 MB in most drawings."""
_LARGE_SOURCE: Final = 16 << 20
"""Bytes of text from which on the output takes large pages."""
_MOST_DAMAGES: Final = 1000
_FIRST_BATCHES: Final = 2
"""A run that reaches its memory limit within so many batches would do so again: that is an error, not a pause."""


def convert(options: ConvertOptions, *, on_event: OnEvent, should_leave: ShouldLeave) -> Report:
    """Convert one drawing and publish its database.

    Raises:
        Left: should_leave gave a cause, or the memory limit was reached; resumable.
        DxfdError: any of SourceError, TemplatesError, OutputError, ResourceError.
    """
    memory.use_system_allocator()
    began = time.monotonic()
    output = options.output.absolute()
    # numbers that overflow are found by their result and told as issues: NumPy need not warn of them
    with np.errstate(all="ignore"), Source(options.source) as source:
        check_target(output)
        rules = load_rules(options.templates)

        def tick() -> None:
            on_event(_preparing(source))
            if cause := should_leave():
                raise Left(cause, 0, 0)

        with Lock(output):
            if (report := published(options, source, rules, on_event)) is not None:
                return report
            salvaged = source.prepare(
                output.parent, tick, salvage=options.damaged is Damaged.CONVERT, dwg=session.dwg_way(options)
            )
            run = _Run(options, source, rules, output, on_event, should_leave, began, salvaged)
            return run.go()


class _Run:
    """One conversion, from the first pass to publication."""

    def __init__(
        self, options: ConvertOptions, source: Source, rules: RuleSet, output: Path, on_event: OnEvent,
        should_leave: ShouldLeave, began: float, salvaged: str,
    ) -> None:  # fmt: skip
        self.options = options
        self.source = source
        self.output = output
        self.partial = partial_of(output)
        self.on_event = on_event
        self.should_leave = should_leave
        self.began = began
        known = session.known_total(self.partial, source, options)
        self.found: Skim = skim(
            source, known, encoding=options.encoding, salvage=options.damaged is Damaged.CONVERT
        )  # fmt: skip
        self.incomplete = "; ".join(words for words in (salvaged, self.found.cut_off) if words)
        self.plan = session.plan(options, self.found, rules, source)
        self.scope = Scope(options, source, self.found, CHUNK_BYTES)
        self.lost = source.made.losses if source.made is not None else ()
        self.total = self.found.entities_total
        if known is None:  # what an interrupted run knew is the sum
            self.total += entities_of(source, self.scope.layouts.others) + _of_model(self.lost)
        self.identity = guid.suffix(f"{plain(source.path.name)}\n{self.found.fingerprint_guid}")
        self.dictionaries = (
            Dictionaries(source, self.found.sections, self.found.codec) if options.xdata else None
        )  # fmt: skip
        self.attachments = Attachments(source, self.found.sections, self.found.codec)
        self.told = Told()
        self.shared = Written()
        self.kept = Kept(options.detail)
        self.resume_note = ""
        self.resumed_from = 0
        self.resumed_elements = 0
        self.fresh = False
        self.begun_at_batch = 0
        self.checkpoint = Checkpoint()
        self.governor = memory.Governor(options.max_memory_bytes, CHUNK_BYTES, options.batch_size or BATCH_ENTITIES)
        self.spool: BoxSpool

    # --- the whole --------------------------------------------------------------------------------------------

    def go(self) -> Report:
        self._advanced(Phase.SKIM)
        try:
            report = self._sealed() or self._made()
        except OutputDamagedError:
            discard(self.partial)
            raise
        except (DxfdError, OSError, MemoryError):
            if self.fresh and not self.checkpoint.current_batch_number:
                discard(self.partial)  # ours, with nothing in it to go on from
            raise
        self._advanced(Phase.PUBLISH)
        publish(self.partial, self.output)
        return report

    def _made(self) -> Report:
        """Convert, from the beginning or from a checkpoint, up to a sealed database."""
        earlier = self._earlier()
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(Database(self.partial, large=self.source.size > _LARGE_SOURCE))
            if earlier is None:
                self.fresh = True
                self._create(database)
            else:
                self._continue(database, earlier)
            self.begun_at_batch = self.checkpoint.current_batch_number
            self._tell_began()
            self.spool = stack.enter_context(
                contextlib.closing(BoxSpool(self.output.parent, self.checkpoint.elements_written + 1))
            )
            if self.checkpoint.status == "in_progress":
                self._batches(database)
            self.source.check_unchanged()
            self._check(database)
            self._finish(database)
            report = self._report(database)
            seal(database, self._report_rows(report), vacuum=self.options.vacuum)
        return report

    # --- begin ------------------------------------------------------------------------------------------------

    def _sealed(self) -> Report | None:
        """Return the report of an earlier run that died between its last commit and the renaming, if it fits."""
        made = None if self.options.resume is ResumePolicy.RESTART else read_sealed(self.partial)
        mine = (self.source.fingerprint, self.plan.config_fingerprint)
        if made is None or (made["source_fingerprint"], made["config_fingerprint"]) != mine or not sound(self.partial):
            return None
        with Database(self.partial) as database:
            self.resumed_from, self.begun_at_batch = made["entities_read"], made["batches"]
            self._tell_began()
            values = {name: made[name] for name in Report.__struct_fields__ if name in made}
            values |= {"output": str(self.output), "resumed_from": self.resumed_from}
            values["ledger"] = reported.ledger(database)
            leave_no_journal(database)
        self.source.check_unchanged()
        return Report(**values)

    def _tell_began(self) -> None:
        self.on_event(
            Began(
                entities_total=self.total, bytes_total=self._bytes_total(),
                resumed_from_batch=self.begun_at_batch, resumed_from_entities=self.resumed_from,
                resume_note=self.resume_note, source_checksum=self.source.checksum,
            )
        )  # fmt: skip

    def _earlier(self) -> Checkpoint | None:
        """Return the checkpoint to go on from; discards an interrupted run that is not to be resumed."""
        if not self.partial.exists():
            discard(self.partial)  # a journal without its database would be played into the new one
            return None
        if self.options.resume is ResumePolicy.RESTART:
            discard(self.partial)
            return None
        checkpoint = read_checkpoint(self.partial)
        reason = session.why_not_resumable(checkpoint, self.source, self.plan.config)
        if not reason and checkpoint is not None and session.damaged(self.partial, checkpoint.elements_written):
            reason = "the interrupted database is damaged"
        if not reason:
            return checkpoint
        if self.options.resume is ResumePolicy.RESUME:
            raise ResumeImpossibleError(f"{self.partial} cannot be resumed: {reason}")
        self.resume_note = f"an interrupted run was discarded: {reason}"
        discard(self.partial)
        return None

    def _create(self, database: Database) -> None:
        now = _now()
        place = self._entities().first_place() or Place(0, self.source.size, 0)
        self.checkpoint = Checkpoint(
            started_at=now, last_checkpoint_at=now, dxf_filepath=plain(self.source.path),
            source_fingerprint=self.source.fingerprint, config_fingerprint=self.plan.config_fingerprint,
            config_json=_json(self.plan.config), total_entities=self.total,
            batch_size=self.options.batch_size or BATCH_ENTITIES, section=place.section, byte_offset=place.offset,
            line_number=place.line,
        )  # fmt: skip
        database.execute("BEGIN IMMEDIATE")
        schema = resources.files("dxfd.convert.write").joinpath("schema.sql").read_text(encoding="utf-8")
        database.script(rows.declared(schema, self._same()))
        x, y, z = self.plan.origin
        database.insert(
            "coordinate_metadata",
            {"id": 1, "offset_x": x, "offset_y": y, "offset_z": z, "unit_scale": self.plan.units.metres,
             "description": f"drawing unit {self.plan.units.name} ({self.plan.units.source}); add the offset to come"
             " back to the drawing's coordinates in metres"},
        )  # fmt: skip
        write_layers(database, self.found.layers.values())
        write_storeys(database, self.plan.levels)
        write_georeference(database, georeference(self.source, self.found.sections, self.found.codec))
        notes = [*self.found.notes, *self.scope.notes()]
        if self.incomplete:
            words = f"what is there was converted, but the drawing is not whole: {self.incomplete}"
            notes.append(("incomplete", words))
        notes += self.plan.notes
        if self.plan.units.note:
            notes.append(("units_assumed", self.plan.units.note))
        if self.source.made is not None:
            notes.append(("dwg_import", self.source.made.note))
            self._take_losses(database)
        for code, message in notes:
            database.insert("conversion_issues", {"code": code, "severity": "notice", "message": message})
            self.on_event(Found(code=code, message=message))
        write_checkpoint(database, self.checkpoint)
        database.execute("COMMIT")

    def _take_losses(self, database: Database) -> None:
        """Account for what a DWG had in model space and its converter did not pass on: read, and skipped."""
        database.ingest("_ledger", dropped(self.lost))
        lost = _of_model(self.lost)
        self.checkpoint = replace(self.checkpoint, entities_read=lost, entities_skipped=lost)

    def _continue(self, database: Database, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.resumed_from = checkpoint.entities_read
        self.resumed_elements = checkpoint.elements_written
        if checkpoint.status == "in_progress":
            for held in database.batches("SELECT geometry_hash FROM base_geometries WHERE id < 0 ORDER BY id"):
                self.shared.add(held.column(0).to_pylist())
            self.kept.resume(database)
            self.told.resume(database.rows("SELECT code, message FROM conversion_issues WHERE severity = 'notice'"))

    def _entities(self) -> Stream:
        return Stream(self.source, self.scope.sections, CHUNK_BYTES, self.options.limits)

    def _stream(self, section: str) -> Stream:
        return Stream(
            self.source, [s for s in self.found.sections if s.name == section], CHUNK_BYTES, self.options.limits
        )

    # --- batches ----------------------------------------------------------------------------------------------

    def _batches(self, database: Database) -> None:
        means = means_of(self.options, self.found, self.source, self.plan.units.metres)
        blocks = LazyBlocks(
            self.found.codec, self.plan.units.metres, means, self.output.parent, self._stream("BLOCKS"), self._tick
        )
        builder = Builder(self.found.codec, self.plan.units.metres, blocks, means)
        tables = Tables(
            codec=self.found.codec, metres=self.plan.units.metres, layers=self.found.layers, blocks=blocks
        )  # fmt: skip
        chooser = Chooser(self.plan.rules, tables, self.plan.levels.resolved)
        shelf = Shelf(self.output.parent)
        exploding = self._exploding(blocks, means, chooser, shelf)
        size = self.options.batch_size or BATCH_ENTITIES
        stream = self._entities()
        place = Place(self.checkpoint.section, self.checkpoint.byte_offset, self.checkpoint.line_number)
        ahead = Ahead(stream.chunks(place, size))
        with contextlib.closing(blocks), contextlib.closing(shelf), Writer(database) as writer, ahead:
            batch: Batch | None = None
            later: deque[Chunk] = deque()
            for chunk in _with(later, self._sliced(ahead, exploding)):
                began = time.thread_time()
                batch = batch or Batch(checkpoint=self.checkpoint)
                if exploding is not None and self.scope.is_content(chunk.place.section):
                    if not self.checkpoint.entities_exploded:
                        break
                    batch = self._take_content(chunk, exploding, chooser, writer, batch)
                elif again := self._take(chunk, chooser, builder, exploding, batch):
                    later.extendleft(reversed(again))
                    continue
                self._notes(blocks, batch)
                self.governor.took(time.thread_time() - began)
                step = self.governor.look(memory.rss, partial(_give_back, shelf))
                stream.chunk_bytes = self.governor.chunk_bytes
                cause = self.should_leave()
                full = self.governor.is_full(batch.entities) or batch.bytes > _BATCH_BYTES
                if full or cause or step is memory.Step.LEAVE:
                    self._hand_over(writer, batch)
                    batch = None
                self._advanced(Phase.READ)
                if cause:
                    writer.drain()
                    self._tell_committed(writer)
                    raise Left(cause, self.checkpoint.current_batch_number, self.checkpoint.entities_read)
                if step is memory.Step.LEAVE:
                    self._leave_for_memory(writer)
            if batch is not None:
                self._hand_over(writer, batch)
            writer.drain()
            self._tell_committed(writer)

    def _tick(self) -> None:
        """Show that there is progress where no batch is made, and leave if that is asked for."""
        self._advanced(Phase.READ)
        if cause := self.should_leave():
            raise Left(cause, self.checkpoint.current_batch_number, self.checkpoint.entities_read)

    def _exploding(self, blocks: Blocks, means: Means, chooser: Chooser, shelf: Shelf) -> Exploding | None:
        """Return what explodes block references; None if none is to be."""
        if self.scope.explodes is None:
            return None
        index = Index(
            self._stream("BLOCKS"), self.found.codec, self.plan.units.metres, self.scope.explodes,
            self.options.explode_limit, self.options.limits.block_depth,
        )  # fmt: skip
        blocks.notes += index.notes
        shop = Workshop(
            codec=self.found.codec, metres=self.plan.units.metres, blocks=blocks, means=replace(means, clip=None),
            chooser=chooser, scope=self.scope, index=index, true_names=self.found.true_names,
            attachments=self.attachments, dictionaries=self.dictionaries,
            drawn=self.options.colors is Colors.DRAWING, names=Names(), region=self.plan.region,
        )  # fmt: skip
        return Exploding(self.source, shop, shelf)

    def _sliced(self, chunks: Iterable[Chunk], exploding: Exploding | None) -> Iterator[Chunk]:
        """Yield chunks; those whose references are exploded in slices, so that there are checkpoints in between."""
        for chunk in chunks:
            if exploding is None or not self.scope.is_content(chunk.place.section):
                yield chunk
            else:
                view = self.scope.view(chunk, heads(chunk, self.found.codec))
                yield from exploding.slices(chunk, view, references.block_names(chunk, self.found.codec))

    def _take_content(
        self, chunk: Chunk, exploding: Exploding, chooser: Chooser, writer: Writer, batch: Batch
    ) -> Batch:
        """Explode a chunk's block references into the batch; returns the batch that goes on."""
        view = self.scope.view(chunk, heads(chunk, self.found.codec))
        frame = Frame(
            np.array(self.plan.origin), self._same(), self.identity, view.layouts, self.plan.levels, self.kept.settle
        )  # fmt: skip
        # places are counted anew where the drawing is read for the second time
        before = self.checkpoint.ordinal if self.scope.is_content(self.checkpoint.section) else 0
        names = references.block_names(chunk, self.found.codec)
        large, done = exploding.is_large(chunk, view, names), self.checkpoint.parts_done
        for number, (part, held) in enumerate(exploding.parts(chunk, view, names, before)):
            if number < done:  # a run before this one has written it
                self._tick()
                continue
            if batch.entities >= PART or batch.bytes > _BATCH_BYTES:
                if large:  # how its parts are cut depends on it alone, so that they can be counted
                    self.checkpoint = replace(self.checkpoint, parts_done=number)
                    self._hand_over(writer, batch)
                else:
                    batch.whole = False
                    writer.put(batch)
                batch = Batch(checkpoint=self.checkpoint)
                self._tick()
            raised(part, chooser.elements, frame)
            self.spool.add(part.center - np.where(part.layout[:, None] > 0, 0.0, frame.origin), part.size)
            for table, content in tables_of(
                part, held, chooser.elements, self.checkpoint.elements_written + 1, frame
            ).items():  # fmt: skip
                batch.add(table, content)
            batch.entities += part.count
            self._tell(part.notes, batch)
            now = self.checkpoint
            self.checkpoint = replace(
                now, elements_written=now.elements_written + len(part.element),
                content_read=now.content_read + part.count, content_matched=now.content_matched + part.matched,
            )  # fmt: skip
        self.checkpoint = replace(
            self.checkpoint, section=chunk.next.section, byte_offset=chunk.next.offset, line_number=chunk.next.line,
            ordinal=before + int((~chunk.follower).sum()), parts_done=0,
        )  # fmt: skip
        return batch

    def _hand_over(self, writer: Writer, batch: Batch) -> None:
        self.checkpoint = replace(
            self.checkpoint, current_batch_number=self.checkpoint.current_batch_number + 1,
            last_checkpoint_at=_now(), peak_memory_bytes=max(self.checkpoint.peak_memory_bytes, memory.peak_rss()),
        )  # fmt: skip
        batch.checkpoint = self.checkpoint
        writer.put(batch)
        self._tell_committed(writer)

    def _tell_committed(self, writer: Writer) -> None:
        for done in writer.committed():
            self.on_event(
                Committed(
                    batch=done.current_batch_number, entities_read=done.entities_read,
                    elements_written=done.elements_written, bytes_done=done.byte_offset,
                )
            )  # fmt: skip

    def _leave_for_memory(self, writer: Writer) -> None:
        """Commit and end."""
        writer.drain()
        self._tell_committed(writer)
        if self.checkpoint.current_batch_number - self.begun_at_batch <= _FIRST_BATCHES:
            limit, used = (memory.amount(size) for size in (self.options.max_memory_bytes or 0, memory.rss()))
            raise MemoryLimitError(f"{limit} are too little for this drawing: {used} are in use")
        raise Left("memory", self.checkpoint.current_batch_number, self.checkpoint.entities_read)

    def _take(
        self, chunk: Chunk, chooser: Chooser, builder: Builder, exploding: Exploding | None, batch: Batch
    ) -> list[Chunk]:
        """Read, match and build a chunk into the batch; return its halves where it is too much at once."""
        try:
            self._build(chunk, chooser, builder, exploding, batch)
        except TooMuchAtOnceError:
            if again := halves(chunk):
                return again
            self._build(chunk, chooser, builder, exploding, batch, alone=True)
        return []

    def _build(
        self, chunk: Chunk, chooser: Chooser, builder: Builder, exploding: Exploding | None, batch: Batch,
        *, alone: bool = False,
    ) -> None:  # fmt: skip
        """Do so; `alone`: there is one entity, and it is too much by itself."""
        view = self.scope.view(chunk, heads(chunk, self.found.codec))
        head = view.head
        block_names, block_of = references.block_names(chunk, self.found.codec)
        true_names = [self.found.true_names.get(name.upper(), name) for name in block_names]
        rule, reasons = chooser.choose(chunk, head, (block_names, block_of), true_names)
        reasons = self.scope.apply(view, rule, reasons)
        if exploding is not None:
            reasons = exploding.mark(chunk, view, (block_names, block_of), rule, reasons)
        bad = bad_entities(chunk)
        rule[bad] = -1
        bad = bad[~head.paper[bad]]
        if chunk.damage is not None:
            rule[chunk.owner[-1:]] = -1
        large = np.flatnonzero(~chunk.follower) if alone else bounds.too_large(chunk, self.options.limits)
        large = large[rule[large] >= 0]
        elsewhen = self.scope.elsewhen(chunk, rule, chooser.elements)
        rule[large] = -1
        seen = chunk
        if elsewhen is not None:  # what another pass takes is as if it were not there
            rule[elsewhen] = -1
            bad, large = bad[~elsewhen[bad]], large[~elsewhen[large]]
            damage = None if self.scope.is_early(chunk) else chunk.damage
            seen = replace(chunk, follower=chunk.follower | elsewhen, damage=damage)
        built = builder.build(chunk, np.flatnonzero(rule >= 0), rule, chooser.elements, (block_names, block_of))
        built.failed |= dict.fromkeys(large.tolist(), (bounds.REASON, bounds.words(self.options.limits)))
        if chunk.damage is not None and not self.scope.is_early(chunk):
            self._damaged(chunk.damage[1])
        self.plan.levels.place(built, partial(lies_flat, chunk), rule, chooser.elements, view.paper)
        if self.plan.region is not None:
            built, reasons = self._within(built, reasons, view)
        account = settle(seen, view, (true_names, block_of), reasons, built, bad, self.told)
        self._record(chunk, view, true_names, block_of, rule, chooser.elements, built, batch)
        self._progress(chunk, head, account, built, batch)

    def _damaged(self, line: int) -> None:
        """Count the places at which codes and values are out of step: in paper space they are no errors, but no end."""
        self.checkpoint = replace(self.checkpoint, damages=self.checkpoint.damages + 1)
        most = max(self.options.max_errors, _MOST_DAMAGES)
        if self.checkpoint.damages > most:
            raise TooManyIssuesError(f"the entities are damaged in more than {most} places, up to line {line}")

    def _within(
        self, built: Built, reasons: tuple[list[str], Ints], view: View
    ) -> tuple[Built, tuple[list[str], Ints]]:
        """Return the elements that touch the region (sheets have none), and the reasons with those of the others."""
        assert self.plan.region is not None  # noqa: S101  (asked by the caller)
        words, of = reasons
        stays = np.zeros(len(built.entity), dtype=np.bool_)
        stays[inside(built, self.plan.region)] = True
        stays |= view.paper[built.entity]
        of = of.copy()
        of[built.entity[~stays]] = len(words)
        return kept(built, np.flatnonzero(stays)), ([*words, OUTSIDE], of)

    def _record(
        self, chunk: Chunk, view: View, block_names: list[str], block_of: Ints, rule: Ints, elements: list[Element],
        built: Built, batch: Batch,
    ) -> None:  # fmt: skip
        at, head = built.entity, view.head
        index = pa.array(at)
        first = self.checkpoint.elements_written + 1
        main = np.cumsum(~chunk.follower) - 1
        ordinal = (main[at] + self.checkpoint.ordinal + 1).astype(np.uint64)
        texts = rows.Texts(
            guid=guid.make(head.handle_int[at], ordinal, self.identity),
            handle=head.handle.take(index).cast(pa.string()),
            kind=rows.coded(chunk.kinds, rows.numbers(chunk.kind_of[at])),
            layer=rows.coded(head.layers, rows.numbers(head.layer_of[at])),
            block=rows.coded([name or None for name in block_names], rows.numbers(block_of[at])),
        )
        texts = replace(
            texts, name=names(elements, rule[at], texts, chunk, at, self.found.codec),
            rgba=self._colors(chunk, head, at, elements, rule[at]),
            layout=view.named(at), storey=self.plan.levels.storeys(built),
        )  # fmt: skip
        same = self._same()
        origin = np.array(self.plan.origin)
        if texts.layout is not None:  # a sheet has a frame of its own
            origin = np.where(view.paper[at, None], 0.0, origin)
        self.spool.add(built.center - origin, built.size)
        built = self.kept.settle(built, texts.guid)
        batch.add("elements_meta", rows.meta(built, texts, rule[at], elements, same))
        batch.add("element_transforms", rows.transforms(built, texts, origin))
        batch.add("base_geometries", rows.own_bodies(built, texts, first))
        new = self.shared.new(list(built.bodies))
        fresh = [body for key, body in built.bodies.items() if key in new]
        if fresh:
            batch.add("base_geometries", rows.shared_bodies(fresh, len(self.shared) + 1))
            self.shared.add(new)
        carried = properties(chunk, at, self.found.codec, self.attachments, self.dictionaries)
        batch.add("element_properties", rows.properties(carried, texts, first))

    def _same(self) -> rows.Constants:
        """Return what every element of the drawing has."""
        return rows.Constants(
            filepath=plain(self.source.path.name), building=self.plan.levels.building.name,
            storey=self.plan.levels.base.name,
            drawn=self.options.colors is Colors.DRAWING,
        )  # fmt: skip

    def _colors(self, chunk: Chunk, head: Heads, at: Ints, elements: list[Element], rule: Ints) -> Any:
        """Return the drawing's colours of entities, None where no element wants them."""
        if self.options.colors is Colors.RULE:
            bare = [k for k, element in enumerate(elements) if not element.material_rgba]
            if not bare or not np.isin(rule, bare).any():
                return None
        return colors.colors(chunk, head, at, self.scope.layers)

    def _progress(self, chunk: Chunk, head: Heads, account: Account, built: Built, batch: Batch) -> None:
        counts: Counts = account.counts
        batch.add("_ledger", account.ledger)
        if account.issues:
            batch.add("conversion_issues", pa.Table.from_pylist(account.issues))
        for found in account.found:
            self.on_event(found)
        mains = int((~chunk.follower).sum())
        batch.entities += mains
        now = self.checkpoint
        self.checkpoint = replace(
            now, entities_read=now.entities_read + counts.read, entities_matched=now.entities_matched + counts.matched,
            entities_exploded=now.entities_exploded + counts.exploded,
            entities_skipped=now.entities_skipped + counts.skipped, error_count=now.error_count + counts.errors,
            ordinal=now.ordinal + mains, elements_written=now.elements_written + len(built.entity),
            section=chunk.next.section, byte_offset=chunk.next.offset, line_number=chunk.next.line,
            last_entity_id=head.handle_text(chunk.count - 1) if chunk.count else now.last_entity_id,
        )  # fmt: skip
        if counts.errors and self.options.error_action is ErrorAction.STOP:
            first = min((row for row in account.issues if row["severity"] == "error"), key=lambda row: row["line"])
            raise TooManyIssuesError(
                f"{first['message']} (handle {first['handle'] or '-'}, line {first['line']})",
                hint="use --error-action skip to go on without faulty entities",
            )
        if self.checkpoint.error_count > self.options.max_errors:
            raise TooManyIssuesError(
                f"{self.checkpoint.error_count} faulty entities, more than the {self.options.max_errors} allowed"
            )

    def _notes(self, blocks: LazyBlocks, batch: Batch) -> None:
        self._tell([Found(code=code, message=message) for code, message in blocks.take_notes()], batch)

    def _tell(self, notes: list[Found], batch: Batch) -> None:
        """Tell what concerns the drawing, each once."""
        for note in notes:
            if not (words := self.told.take(note.code, note.message)):
                continue
            handle = pa.array([note.handle or None], type=pa.string())
            row = {"code": [note.code], "severity": ["notice"], "handle": handle, "message": [words]}
            batch.add("conversion_issues", pa.table(row))
            self.on_event(replace(note, message=words))

    # --- end --------------------------------------------------------------------------------------------------

    def _check(self, database: Database) -> None:
        """See to it that a large run that was gone on from without a look is in order."""
        if self.resumed_from and session.checked_later(self.resumed_elements):
            self._advanced(Phase.READ)
            if (found := database.rows("PRAGMA quick_check(1)")) != [("ok",)]:
                raise OutputDamagedError(f"{self.partial} is damaged: {found[0][0]}")

    def _finish(self, database: Database) -> None:
        self.checkpoint = replace(self.checkpoint, status="indexing")
        database.execute("BEGIN IMMEDIATE")
        write_checkpoint(database, self.checkpoint)
        database.execute("COMMIT")
        wanted = self.options.clashes or self.options.separate
        checks = partial(clashes.check, database, separate=self.options.separate) if wanted else None
        joins = None if self.plan.walls is None else partial(walls.join, database, self.plan.walls)
        elements = finish(
            database, self.checkpoint.elements_written, self.spool, self._finishing_step, give_back=memory.trim,
            joins=joins, checks=checks,
        )  # fmt: skip
        self.checkpoint = replace(self.checkpoint, elements_written=elements)

    def _finishing_step(self, _name: str) -> None:
        self._advanced(Phase.INDEX)
        if cause := self.should_leave():  # finishing goes on where it was left: at the first step that is not done
            raise Left(cause, self.checkpoint.current_batch_number, self.checkpoint.entities_read)

    def _report(self, database: Database) -> Report:
        done = self.checkpoint
        issues = database.rows("SELECT code, COUNT(*) FROM conversion_issues GROUP BY code ORDER BY code")
        elapsed = time.monotonic() - self.began
        fresh = done.entities_read - self.resumed_from
        return Report(
            ok=True, input=plain(self.source.path), output=str(self.output), dxf_version=self.found.dxf_version,
            units=self.plan.units.name, units_source=self.plan.units.source, entities_read=done.entities_read,
            elements_written=done.elements_written, matched=done.entities_matched, skipped=done.entities_skipped,
            errors=done.error_count, ledger=(told := reported.ledger(database)),
            ledger_rows_left_out=reported.ledger_rows(database) - len(told),
            match_rate=reported.match_rate(done, database),
            batches=done.current_batch_number, resumed_from=self.resumed_from, resume_note=self.resume_note,
            elapsed_s=elapsed, entities_per_s=fresh / elapsed if elapsed > 0 else 0.0,
            peak_rss_bytes=memory.peak_rss(), issues=dict(issues), incomplete=self.incomplete,
            warnings=reported.warnings(database),
            dwg_note=self.source.made.note if self.source.made else "", exploded=done.entities_exploded,
            content_read=done.content_read, content_matched=done.content_matched, walls=walls.counts(database),
        )  # fmt: skip

    def _report_rows(self, report: Report) -> dict[str, Any]:
        values = {k: v for k, v in report.to_dict().items() if k != "ledger"}
        return {
            **values, "dxfd_version": __version__, "started_at": self.checkpoint.started_at, "finished_at": _now(),
            "source_fingerprint": self.source.fingerprint, "source_bytes": self.source.size,
            "config_fingerprint": self.plan.config_fingerprint, "rules": self.plan.rules.source,
            "run_key": self.options.run_key,
            "heights": self.plan.levels.way.value,
        }  # fmt: skip

    def _bytes_total(self) -> int:
        return sum(s.end - s.start for s in self.scope.sections)

    def _bytes_done(self) -> int:
        sections = self.scope.sections
        before = sum(s.end - s.start for s in sections[: self.checkpoint.section])
        here = sections[self.checkpoint.section] if self.checkpoint.section < len(sections) else None
        return before + (max(0, self.checkpoint.byte_offset - here.start) if here else 0)

    def _advanced(self, phase: Phase) -> None:
        elapsed = max(time.monotonic() - self.began, 1e-6)
        done = self.checkpoint
        self.on_event(
            Advanced(
                phase=phase, bytes_done=self._bytes_done() if phase is not Phase.SKIM else 0,
                bytes_total=self._bytes_total(), entities_read=done.entities_read,
                entities_total=self.total, elements_written=done.elements_written,
                batch=done.current_batch_number, error_count=done.error_count, rss_bytes=memory.rss(),
                memory_step=self.governor.step.value,
                entities_per_s=(done.entities_read - self.resumed_from) / elapsed,
            )
        )  # fmt: skip


def _of_model(losses: Iterable[Loss]) -> int:
    return sum(loss.count for loss in losses if loss.space == "model")


def _preparing(source: Source) -> Advanced:
    """Return the progress of a drawing whose text is still being made."""
    return Advanced(
        phase=Phase.SKIM, bytes_done=0, bytes_total=source.file_size, entities_read=0, entities_total=0,
        elements_written=0, batch=0, error_count=0, rss_bytes=memory.rss(), entities_per_s=0.0,
    )  # fmt: skip


def _with(later: deque[Chunk], chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yield chunks, and what is put into `later` before the next one."""
    for chunk in chunks:
        yield chunk
        while later:
            yield later.popleft()


def _give_back(shelf: Shelf) -> None:
    """Give memory back: what can be had again from a file, then what the allocators keep."""
    shelf.give_back()
    memory.trim()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, sort_keys=True)
