"""Rules that go into a template library and come back: the same ones, but for templates that another tool changed."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dxfd.convert.match.load import default_rules, load_rules
from dxfd.convert.match.rules import (
    DISCIPLINES,
    RGB_COLOR,
    DisciplineWords,
    Element,
    NameTest,
    Recipe,
    Rule,
    Span,
    Where,
)
from dxfd.convert.match.write_library import write_library
from dxfd.convert.match.write_toml import document
from dxfd.errors import TemplatesError


def written(folder: Path, rules, disciplines=()) -> Path:
    path = folder / "lib.db"
    path.unlink(missing_ok=True)
    write_library(path, rules, disciplines, source="here")
    return path


def changed(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
    return path


def test_the_default_rules_come_back_as_they_went(tmp_path):
    default = default_rules()
    read = load_rules(written(tmp_path, default.rules, default.disciplines))
    assert read.rules == default.rules
    assert read.fingerprint == load_rules(None).fingerprint
    assert read.notes == ()


words = st.lists(st.sampled_from(["wall", "pipe rack", "wand", "*träger", "墙"]), max_size=2, unique=True).map(tuple)
names = st.builds(
    NameTest, words=words, globs=st.lists(st.sampled_from(["A-*", "x?[12]"]), max_size=2).map(tuple),
    regex=st.lists(st.sampled_from([r"^A-\d+$", "'\"\\\\"]), max_size=1).map(tuple),
    no=st.lists(st.sampled_from(["paper", "old"]), max_size=1).map(tuple),
)  # fmt: skip
spans = st.none() | st.builds(Span, low=st.none() | st.floats(0.001, 1), high=st.floats(1, 99))
wheres = st.builds(
    Where, attributes=st.sampled_from([(), (("TYPE", ("FD*",)),)]), layouts=st.sampled_from([(), ("Sheet*",)]),
    colors=st.sampled_from([(), (1, RGB_COLOR + 0xFF8000)]), linetypes=st.sampled_from([(), ("HIDDEN*",)]),
    closed=st.sampled_from([None, True, False]), length_m=spans, size_m=spans,
)  # fmt: skip
lengths = st.sampled_from([0.0, 0.1, 2.5])


@st.composite
def rules(draw) -> list[Rule]:
    out = []
    for k in range(draw(st.integers(1, 4))):
        codes = tuple(draw(st.lists(st.sampled_from(DISCIPLINES), min_size=1, max_size=3, unique=True)))
        element = None
        if draw(st.integers(0, 4)):
            element = Element(
                rule_id=f"r{k}", name=draw(st.sampled_from(["Wall", 'a "b"'])), discipline=codes[0],
                ifc_class=draw(st.sampled_from(["IfcWall", "IfcPump"])), recipe=draw(st.sampled_from(Recipe)),
                width_m=draw(lengths), below_ceiling_m=draw(st.sampled_from([None, 0.5])),
                confidence=draw(st.sampled_from([1.0, 0.25])),
                name_pattern=draw(st.sampled_from(["", "{name} {attr:X}"])),
            )  # fmt: skip
        either, layer, block = draw(names), draw(names), draw(names)
        if element is not None and not (either.asks or layer.asks or block.asks):
            either = NameTest(words=("wall",))
        out.append(
            Rule(
                rule_id=f"r{k}", either=either, layer=layer, block=block, where=draw(wheres) if element else Where(),
                disciplines=codes if element else (), priority=draw(st.integers(-5, 5)), skip=element is None,
                types=frozenset(draw(st.sets(st.sampled_from(["LINE", "HATCH"])))), element=element,
            )
        )  # fmt: skip
    return out


@settings(deadline=None, max_examples=30)
@given(rules())
def test_rules_of_any_kind_come_back_as_they_would_from_toml(given_rules):
    with tempfile.TemporaryDirectory() as name:
        toml = Path(name) / "rules.toml"
        toml.write_text(document(given_rules, ()), encoding="utf-8")
        library = written(Path(name), given_rules)
        try:
            wanted = load_rules(toml).rules
        except TemplatesError:
            with pytest.raises(TemplatesError):  # a rule that asks nothing
                load_rules(library)
            return
        assert load_rules(library).rules == wanted


def test_words_of_disciplines_come_along(tmp_path):
    mine = DisciplineWords(code="FP", words=("feuer",), prefixes=("fw",))
    read = load_rules(written(tmp_path, default_rules().rules, [mine]))
    assert [words for words in read.disciplines if words.code == "FP"] == [mine]


@pytest.fixture
def library(tmp_path):
    default = default_rules()
    return written(tmp_path, default.rules, default.disciplines)


def test_a_template_that_another_tool_changed_counts_as_it_stands(library):
    before = load_rules(library).classify("LINE", "M-DUCT", "")
    statement = "UPDATE template_parameters SET default_value = '0.77' WHERE param_id = 'acmv.acmv.duct_width'"
    read = load_rules(changed(library, statement))
    after = read.classify("LINE", "M-DUCT", "")
    assert (before.width_m, after.width_m) == (0.4, 0.77)
    assert ["acmv.acmv.duct" in note and "changed" in note for note in read.notes] == [True]
    assert read.classify("LINE", "A-WALL", "") == load_rules(None).classify("LINE", "A-WALL", "")


def test_a_template_that_is_not_active_any_more_makes_nothing(library):
    read = load_rules(
        changed(library, "UPDATE element_templates SET status = 'retired' WHERE ifc_class = 'IfcChiller'")
    )
    assert "acmv.chiller" not in {rule.rule_id for rule in read.rules}
    assert "arc.wall" in {rule.rule_id for rule in read.rules}


@pytest.mark.parametrize(
    "what", ["templates = '{'", "templates = '[1]'", "rule = ''", "rule = '[[rule]]'", "rule = NULL"]
)
def test_a_library_whose_kept_rules_are_damaged_is_refused(library, what):
    with pytest.raises(TemplatesError):
        load_rules(changed(library, f"UPDATE x_dxfd_rules SET {what} WHERE position = 3"))
