"""Nameless files beside the output: what a disk that is full, or that fails, is called, and that nothing is left."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dxfd.convert.build.definitions import Definitions
from dxfd.convert.explode.shelf import Shelf
from dxfd.convert.read.spooled import write_out
from dxfd.convert.scratch import let_go, scratch
from dxfd.convert.write.rtree import pack
from dxfd.convert.write.spool import BoxSpool
from dxfd.errors import DiskFullError, OutputFailingError, OutputNotWritableError


def fail(folder: Path) -> None:
    """Let every access to the files in a folder that are open end in EIO, as one to memory at address 0 does."""
    failing = os.open("/proc/self/mem", os.O_RDWR)
    own = Path("/proc/self/fd")
    found = 0
    for entry in list(own.iterdir()):
        with contextlib.suppress(FileNotFoundError):
            if str(entry.readlink()).startswith(f"{folder}/"):
                os.dup2(failing, int(entry.name), inheritable=False)
                found += 1
    os.close(failing)
    assert found


def filled(folder: Path, count: int = 1_000) -> BoxSpool:
    spool = BoxSpool(folder)
    spool.add(np.ones((count, 3)), np.ones((count, 3)))
    return spool


def test_a_scratch_file_that_finds_no_room_for_its_rest_is_closed(tmp_path, little_room):
    file = scratch(tmp_path, "rest")
    file.write(bytes(32 << 10))
    file.write(b"rest")
    let_go(file)
    assert file.closed


def test_no_room_for_text_or_pieces_is_a_full_disk(tmp_path, little_room):
    with pytest.raises(DiskFullError, match="the drawing's text"):
        write_out(iter([bytes(64 << 10)]), tmp_path, lambda: None)
    with contextlib.closing(Shelf(tmp_path, memory_bytes=0)) as shelf:
        shelf.put("large", [SimpleNamespace(bytes=64 << 10, content=bytes(64 << 10))])
        with pytest.raises(DiskFullError, match="pieces"):
            shelf.put("next", [SimpleNamespace(bytes=1)])
    assert not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_file_is_told(tmp_path):
    with pytest.raises(OutputNotWritableError, match="none"):
        scratch(tmp_path / "none", "text")
    definitions = Definitions(tmp_path / "none", -1)
    with pytest.raises(OutputNotWritableError, match="block definitions"):
        definitions.settle(None)


def test_pieces_that_cannot_be_read_back_are_a_failing_disk(tmp_path):
    with contextlib.closing(Shelf(tmp_path, memory_bytes=0)) as shelf:
        for key in "ab":
            shelf.put(key, [SimpleNamespace(bytes=1)])
        fail(tmp_path)
        with pytest.raises(OutputFailingError, match="pieces"):
            shelf.get("a")


def test_boxes_that_cannot_be_read_back_are_a_failing_disk(tmp_path):
    with contextlib.closing(filled(tmp_path)) as spool:
        fail(tmp_path)
        with pytest.raises(OutputFailingError, match="boxes"):
            list(spool.pieces())
        with pytest.raises(OutputFailingError, match="boxes"):
            pack(spool)


def test_tiles_that_cannot_be_read_back_are_a_failing_disk(tmp_path):
    with contextlib.closing(filled(tmp_path)) as spool, contextlib.closing(pack(spool)) as packed:
        fail(tmp_path)
        with pytest.raises(OutputFailingError, match="tiles"):
            packed.nodes(0, packed.leaves)


def test_block_definitions_that_cannot_be_written_are_a_failing_disk(tmp_path, little_room):
    """SQLite tells a file that may not grow from a full disk: to it this is an I/O error."""
    with contextlib.closing(Definitions(tmp_path, -1)) as definitions:
        for k in range(1_000):
            definitions.begin(f"BLOCK-{k}", np.zeros(3))
        with pytest.raises(OutputFailingError, match="block definitions"):
            definitions.settle(None)
    assert not list(tmp_path.iterdir())
