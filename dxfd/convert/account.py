"""What became of every entity: ledger rows and issues, per chunk. Adds up to the entities read, or it is a bug.

Holds nothing between chunks but the running counts that are part of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct, field

from dxfd.convert.build.model import Built
from dxfd.convert.build.ragged import Bools, Ints
from dxfd.convert.dwg.outcome import Loss
from dxfd.convert.keys import tally
from dxfd.convert.read.columns import Heads
from dxfd.convert.read.stream import Chunk
from dxfd.convert.scope import View
from dxfd.convert.told import LONGEST, Told
from dxfd.convert.types import Found

SKIPS: Final = frozenset(
    {"no_geometry", "infinite", "acis_not_read", "too_many_vertices", "block_missing", "unknown_type", "box_only",
     "mended", "entity_too_large", "took_too_long"}
)  # fmt: skip
"""Reasons that leave an entity out, or tell it in part, without its being an error."""
EXPLODED: Final = "exploded"
OUTCOMES: Final = ("element", "exploded", "skipped", "error")


class Counts(Struct):
    """Running totals of the entities of the chosen layouts."""

    read: int = 0
    matched: int = 0
    exploded: int = 0
    skipped: int = 0
    errors: int = 0


class Account(Struct):
    """Ledger and issues of one chunk."""

    ledger: pa.Table
    issues: list[dict[str, Any]] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def settle(
    chunk: Chunk, view: View, blocks: tuple[list[str], Ints], reasons: tuple[list[str], Ints],
    built: Built, bad: Ints, told: Told,
) -> Account:  # fmt: skip
    """Return what became of the chunk's entities.

    Args:
        chunk: the entities.
        view: their layers and layouts.
        blocks: distinct block names and (E,) index; 0 is "".
        reasons: distinct reasons of skips before building and (E,) index; 0 is "" (was to be built).
        built: elements and failures.
        bad: entities of the chosen layouts with numbers that are none.
        told: the notices told before; grows.
    """
    main, heads = ~chunk.follower, view.head
    words = ["", *dict.fromkeys([*reasons[0], *(r for r, _ in built.failed.values()), "bad_number", "structure"])]
    at = {word: k for k, word in enumerate(words)}
    reason = np.array([at[w] for w in reasons[0]], dtype=np.int64)[reasons[1]]
    account = Account(ledger=pa.table({}))
    error = np.zeros(chunk.count, dtype=np.bool_)

    def fault(entity: int, word: str, message: str, line: int | None = None) -> None:
        reason[entity] = at[word]
        error[entity] = True
        _issue(account, chunk, heads, entity, word, message, line)

    for entity in bad.tolist():
        fault(entity, "bad_number", f"{chunk.kinds[chunk.kind_of[entity]]}: {_bad_value(chunk, entity)} is no number")
    for entity, (word, message) in sorted(built.failed.items()):
        if word in SKIPS:
            reason[entity] = at[word]
            if message and (said := told.take(word, message)):
                _notice(account, chunk, heads, entity, word, said)
        else:
            fault(entity, word, message)
    if chunk.damage is not None:
        message, line = chunk.damage
        last = int(chunk.owner[chunk.count - 1]) if chunk.count else -1
        if last >= 0 and not heads.paper[last]:
            fault(last, "structure", message, line)
        else:
            account.issues.append(_row("structure", "notice", "", line, "", "", message))
    outcome = np.full(chunk.count, OUTCOMES.index("skipped"))
    outcome[reason == at.get(EXPLODED, -1)] = OUTCOMES.index("exploded")
    outcome[built.entity] = OUTCOMES.index("element")
    outcome[error] = OUTCOMES.index("error")
    account.counts = _total(main & (~heads.paper | (outcome == OUTCOMES.index("element"))), outcome)
    account.ledger = _ledger(chunk, view, blocks, main, reason, words, outcome)
    return account


def dropped(losses: Iterable[Loss]) -> pa.Table:
    """Return the ledger's rows of what a DWG's model had and its converter did not pass on; the notice tells of all."""
    lost = [loss for loss in losses if loss.space == "model"]
    return pa.table(
        {
            "entity_type": pa.array([loss.kind for loss in lost], type=pa.string()),
            "layer": pa.array([loss.layer for loss in lost], type=pa.string()),
            "block": pa.array([""] * len(lost), type=pa.string()),
            "space": pa.array(["model"] * len(lost), type=pa.string()),
            "layout": pa.array(["Model"] * len(lost), type=pa.string()),
            "origin": pa.array(["entity"] * len(lost), type=pa.string()),
            "outcome": pa.array(["skipped"] * len(lost), type=pa.string()),
            "reason": pa.array(["dwg_import"] * len(lost), type=pa.string()),
            "count": pa.array([loss.count for loss in lost], type=pa.int64()),
            "first_handle": pa.array([loss.first_handle for loss in lost], type=pa.string()),
        }
    )


def _total(counted: Bools, outcome: Ints) -> Counts:
    element, exploded, skipped, errors = np.bincount(outcome[counted], minlength=len(OUTCOMES)).tolist()
    return Counts(
        read=element + exploded + skipped + errors, matched=element, exploded=exploded, skipped=skipped, errors=errors
    )


def _ledger(
    chunk: Chunk, view: View, blocks: tuple[list[str], Ints], main: Bools, reason: Ints, words: list[str],
    outcome: Ints,
) -> pa.Table:  # fmt: skip
    """Return one row for each distinct kind of outcome, in order of first appearance."""
    at, heads = np.flatnonzero(main), view.head
    parts = (chunk.kind_of[at], heads.layer_of[at], blocks[1][at], view.layout_of[at], outcome[at], reason[at])
    key = np.zeros(len(at), dtype=np.int64)
    for part in parts:  # one number a kind of outcome: np.unique over rows is ten times slower
        key = key * (int(part.max(initial=0)) + 1) + part
    first, index = tally(key)
    kind, layer, block, layout, came, why = (part[first] for part in parts)

    def words_of(distinct: Sequence[str], number: npt.NDArray[np.signedinteger]) -> pa.Array:
        return pa.array(distinct, type=pa.string()).take(pa.array(number))

    return pa.table(
        {
            "entity_type": words_of(chunk.kinds, kind),
            "layer": words_of(heads.layers, layer),
            "block": words_of(blocks[0], block),
            "space": words_of(("model", "paper"), np.minimum(layout, 1)),
            "layout": words_of(view.layouts, layout),
            "origin": words_of(("entity",), np.zeros(len(first), dtype=np.int64)),
            "outcome": words_of(OUTCOMES, came),
            "reason": words_of(words, why),
            "count": pa.array(np.bincount(index, minlength=len(first))),
            "first_handle": heads.handle.take(pa.array(at[first])).cast(pa.string()),
        }
    )


def _issue(
    account: Account, chunk: Chunk, heads: Heads, entity: int, code: str, message: str,
    line: int | None,
) -> None:  # fmt: skip
    where = chunk.line_of(entity) if line is None else line
    account.issues.append(
        _row(code, "error", heads.handle_text(entity), where, chunk.kinds[chunk.kind_of[entity]],
             heads.layers[heads.layer_of[entity]], message)
    )  # fmt: skip
    account.found.append(Found(code=code, message=message, handle=heads.handle_text(entity), line=where))


def _notice(account: Account, chunk: Chunk, heads: Heads, entity: int, code: str, message: str) -> None:
    line = chunk.line_of(entity)
    account.issues.append(
        _row(code, "notice", heads.handle_text(entity), line, chunk.kinds[chunk.kind_of[entity]],
             heads.layers[heads.layer_of[entity]], message)
    )  # fmt: skip
    account.found.append(Found(code=code, message=message, handle=heads.handle_text(entity), line=line))


def _row(code: str, severity: str, handle: str, line: int, kind: str, layer: str, message: str) -> dict[str, Any]:
    return {
        "code": code, "severity": severity, "handle": handle, "line": line, "entity_type": kind, "layer": layer,
        "message": message[:LONGEST],
    }  # fmt: skip


def _bad_value(chunk: Chunk, entity: int) -> str:
    tags = chunk.tags
    at = np.flatnonzero(tags.bad_number & (chunk.owner[np.maximum(tags.entity_of, 0)] == entity))
    if not len(at):
        return "a value"
    tag = int(at[0])
    value = tags.value(tag)[:40].decode("ascii", "replace").strip()
    return f"group {int(tags.code[tag])} value {value!r}"
