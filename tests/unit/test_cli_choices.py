"""What of a drawing is converted: from the command line and from a job to the conversion."""

from __future__ import annotations

import json

import ezdxf
import pytest
from click.testing import CliRunner

from dxfd.cli.choices import again, chosen_of, fields_of
from dxfd.cli.convert import convert
from dxfd.contract.messages import JobOptions
from dxfd.contract.progress import Choices, WorkOrder
from dxfd.control.options import check_options
from dxfd.convert.types import Colors, ConvertOptions, HiddenLayers
from dxfd.errors import UsageError
from dxfd.worker.options import options_of
from tests.support import convert as cv
from tests.support.unprivileged import another_user


def test_what_the_command_line_says_is_what_is_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("DXFD_CONFIG", str(tmp_path / "none.toml"))
    (tmp_path / "none.toml").write_text("")
    doc = ezdxf.new("R2010")
    block = doc.blocks.new("B")
    block.add_line((0, 0), (1, 0))
    block.add_line((0, 1), (1, 1))
    doc.modelspace().add_blockref("B", (0, 0))
    doc.layouts.new("Sheet, one").add_line((0, 0), (1, 0))
    doc.saveas(tmp_path / "a.dxf")
    words = [str(tmp_path / "a.dxf"), str(tmp_path / "a.db"), "--templates", str(cv.rules(tmp_path / "all.toml"))]
    done = CliRunner().invoke(convert, [*words, "--layouts", "model,Sheet*", "--blocks", "explode", "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["exploded"], report["content_matched"]) == (1, 2)
    assert {row["layout"] for row in report["ledger"]} == {"Model", "Sheet, one"}


def test_a_drawing_that_may_not_be_read_is_told_by_code():
    with another_user() as folder:
        source = cv.write(folder / "a.dxf", cv.drawing(cv.line(1)))
        source.chmod(0)
        done = CliRunner().invoke(convert, [str(source), str(folder / "a.db"), "--json"])
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (66, "E_SOURCE_UNREADABLE")


def test_what_a_job_asks_for_reaches_its_worker():
    asked = Choices(
        layouts=["all"],
        blocks=["A*"],
        explode_limit=7,
        hidden_layers="skip",
        colors="drawing",
        xdata=True,
        detail="box",
    )
    order = WorkOrder(job_id=1, attempt=1, attempt_token="", converter="bim", source="/a", output="/b", choices=asked)
    options = options_of(order)
    assert (options.layouts, options.blocks, options.explode_limit) == (("all",), ("A*",), 7)
    assert (options.hidden_layers, options.colors, options.xdata) == (HiddenLayers.SKIP, Colors.DRAWING, True)
    assert again(options) == [
        "--layouts", "all", "--blocks", "A*", "--hidden-layers", "skip", "--colors", "drawing",
        "--explode-limit", "7", "--detail", "box", "--xdata",
    ]  # fmt: skip


def test_nothing_said_is_the_converters_own(tmp_path):
    plain = ConvertOptions(source=tmp_path, output=tmp_path)
    said = chosen_of(
        {
            "layouts": (),
            "blocks": (),
            "explode_limit": None,
            "hidden_layers": "convert",
            "colors": "rule",
            "xdata": False,
            "detail": None,
        }
    )
    assert ConvertOptions(source=tmp_path, output=tmp_path, **fields_of(said)) == plain
    assert again(plain) == []


@pytest.mark.parametrize(
    "wrong", [{"hidden_layers": "x"}, {"detail": "x"}, {"colors": "x"}, {"blocks": [""]}, {"explode_limit": -1}]
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        check_options(JobOptions(choices=Choices(**wrong)))
