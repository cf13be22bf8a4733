"""The sample drawing: same bytes every time, clean for ezdxf, and worth showing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import ezdxf
import pytest

from dxfd.convert.match.load import load_rules
from tests.demo.terminal import Terminal


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "terminal.dxf"
    Terminal(1).drawing.write(str(path))
    return path


def test_the_sample_is_the_same_bytes_every_time(sample: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.dxf"
    Terminal(1).drawing.write(str(again))
    assert again.read_bytes() == sample.read_bytes()


def test_ezdxf_finds_nothing_to_mend(sample: Path) -> None:
    doc = ezdxf.readfile(sample)
    auditor = doc.audit()
    assert not auditor.errors
    assert not auditor.fixes
    assert doc.dxfversion == "AC1024"


def test_the_sample_has_eight_disciplines_nested_and_mirrored_blocks_and_some_annotation(sample: Path) -> None:
    rules = load_rules(None)
    doc = ezdxf.readfile(sample)
    disciplines: Counter[str] = Counter()
    unmatched = 0
    for entity in doc.modelspace():
        kind = entity.dxftype()
        element = rules.classify(kind, entity.dxf.layer, entity.dxf.name if kind == "INSERT" else "")
        if element is None:
            unmatched += 1
            assert entity.dxf.layer in {"A-ANNO-TEXT", "A-ANNO-DIMS", "A-WALL-PATT", "S-GRID", "A-TTLB", "SURVEY", "0"}
        else:
            disciplines[element.discipline] += 1
            assert entity.dxf.layer.split("-")[0] == element.discipline
    assert set(disciplines) == {"ARC", "STR", "FP", "ELEC", "ACMV", "SP", "CW", "LPG"}
    assert 8_000 <= disciplines.total() + unmatched <= 10_000
    inserts = doc.modelspace().query("INSERT")
    assert any(insert.dxf.xscale < 0 for insert in inserts)
    assert any(insert.dxf.extrusion.z < 0 for insert in inserts)
    assert any(insert.dxf.rotation for insert in inserts)
    assert any(insert.attribs for insert in inserts)
    assert doc.blocks["SEAT_ISLAND"].query("INSERT")


def test_scale_multiplies_it() -> None:
    assert len(Terminal(3).model) > 2.9 * len(Terminal(1).model)
