"""Whether this very job has published its output already: then it is done, and nothing is converted again.

A worker or its daemon can die between the renaming of the output and the note that the job is done. The next attempt
finds the job's key in the output's report, with the same drawing and the same configuration, and takes the report.
Reads with Python's SQLite; the worker's own never opens a published database.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from dxfd.convert.match.engine import RuleSet
from dxfd.convert.read.source import Source
from dxfd.convert.reported import LEDGER_SQL, ledger_of
from dxfd.convert.session import configuration, fingerprint
from dxfd.convert.types import Began, ConvertOptions, LedgerRow, OnEvent, Report, ResumePolicy
from dxfd.convert.write.output import report_of

NOTE = "the output was published already, only the note of it was lost"


def published(options: ConvertOptions, source: Source, rules: RuleSet, on_event: OnEvent) -> Report | None:
    """Return the report of the output if an earlier attempt of this job published it, None: it is to be converted.

    The caller holds the output's lock. A run without a key, or one that is to begin anew, is never done before.
    """
    if not options.run_key or options.resume is ResumePolicy.RESTART or not options.output.is_file():
        return None
    mine = {
        "run_key": options.run_key,
        "source_fingerprint": source.fingerprint,
        "config_fingerprint": fingerprint(configuration(options, rules, source)),
    }
    found = _read(options)
    if found is None or any(found[0].get(name) != value for name, value in mine.items()):
        return None
    made, ledger = found
    values = {name: made[name] for name in Report.__struct_fields__ if name in made}
    values |= {"output": str(options.output.absolute()), "ledger": ledger, "resume_note": NOTE}
    on_event(
        Began(
            entities_total=made["entities_read"], bytes_total=source.file_size, resumed_from_batch=0,
            resumed_from_entities=made["entities_read"], resume_note=NOTE, source_checksum=source.checksum,
        )
    )  # fmt: skip
    return Report(**values)


def _read(options: ConvertOptions) -> tuple[dict[str, Any], list[LedgerRow]] | None:
    """Return the report's values and the ledger of what stands at the output; None when it is no result of ours."""
    uri = f"{options.output.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            made = report_of(connection)
            ledger = ledger_of(connection.execute(LEDGER_SQL))
    except sqlite3.Error:
        return None
    return None if made is None else (made, ledger)
