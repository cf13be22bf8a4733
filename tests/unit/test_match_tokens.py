from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dxfd.convert.match import tokens
from dxfd.convert.match.words import WordIndex


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("A-WALL-FULL", ("a", "wall", "full")),
        ("01_WALL EXT", ("01", "wall", "ext")),
        ("WALLPAPER", ("wallpaper",)),
        ("DoorTag", ("door", "tag")),
        ("HVACDuct", ("hvac", "duct")),
        ("DOORs", ("doors",)),
        ("W12x40", ("w", "12", "x", "40")),
        ("Wand-außen", ("wand", "aussen")),
        ("Stützen.EG", ("stutzen", "eg")),
        ("site|A-DOOR", ("a", "door")),
        ("outer$0$inner$0$A-DOOR", ("a", "door")),
        ("墙体WALL_02", ("墙体", "wall", "02")),
        ("ﾄﾞｱ", ("ドア",)),
        ("Наружные стены", ("наружные", "стены")),
        ("", ()),
        ("$$--", ()),
    ],
)
def test_names_split_into_folded_words(name: str, words: tuple[str, ...]) -> None:
    assert tokens.split(name) == words


@pytest.mark.parametrize(
    ("block", "bare"),
    [
        ("Single-Flush - 32_ x 84_-320254-2nd Floor", "Single-Flush - 32_ x 84_"),
        ("Mullion-V20-FLOOR PLAN - ROOF", "Mullion"),
        ("DOOR-900-LEFT", "DOOR-900-LEFT"),
        ("-123456-x", "-123456-x"),
    ],
)
def test_the_view_in_a_revit_block_name_is_passed_over(block: str, bare: str) -> None:
    assert tokens.strip_view(block) == bare


def test_an_umlaut_has_two_spellings() -> None:
    assert tokens.spellings("wände") == ("wande", "waende")


@given(st.text(max_size=60))
def test_splitting_keeps_every_ascii_letter_and_digit_in_order(name: str) -> None:
    ascii_only = "".join(char for char in name if char.isascii())
    kept = "".join(char for char in ascii_only if char.isalnum()).lower()
    if not any(mark in name for mark in "|$"):
        assert "".join(tokens.split(ascii_only)) == kept


@given(st.text(max_size=60))
def test_words_are_folded_and_split_no_further(name: str) -> None:
    for word in tokens.split(name):
        assert word
        assert word == word.casefold()
        assert tokens.split(word) == (word,)


@given(st.text(max_size=40))
def test_case_of_a_folded_name_does_not_matter(name: str) -> None:
    assert tokens.fold(name) == tokens.fold(tokens.fold(name))


@given(
    st.lists(st.sampled_from(["wall", "Pile", "cap", "Stütze", "12", "管"]), max_size=4),
    st.sampled_from("-_. |$"),
)
def test_a_word_is_found_wherever_a_boundary_stands(around: list[str], boundary: str) -> None:
    index = WordIndex()
    index.add("valve", 1)
    name = boundary.join([*around, "valve", "x"]).replace("|", "-").replace("$", "-")
    assert 1 in index.find(tokens.split(name))
    assert 1 not in index.find(tokens.split(name.replace("valve", "valvetrain")))


@pytest.mark.parametrize(
    ("word", "name", "found"),
    [
        ("wall", "WALLS", True),
        ("box", "BOXES", True),
        ("gas", "GA", False),
        ("pile cap", "S-PILE-CAPS", True),
        ("pile cap", "CAP-PILE", False),
        ("*wand", "Aussenwand_EG", True),
        ("*wand", "Wandler", False),
        ("墙", "A外墙01", True),
        ("wände", "WAENDE", True),
        ("glas*", "Glasfassade", True),
        ("--", "WALL", False),
    ],
)
def test_words_plurals_phrases_and_wildcards(word: str, name: str, found: bool) -> None:
    index = WordIndex()
    index.add(word, 7)
    assert (7 in index.find(tokens.split(name))) is found


def test_a_longer_phrase_weighs_more() -> None:
    index = WordIndex()
    index.add("wall", 1)
    index.add("curtain wall", 2)
    index.add("管", 3)
    index.add("风管", 4)
    hits = index.find(tokens.split("CURTAIN WALL 风管"))
    assert hits[2].weight > hits[1].weight
    assert hits[4].weight > hits[3].weight


@pytest.mark.parametrize(
    "name", ["a-wall-" * 100_000, "".join(map(chr, range(0x4E00, 0x9F00))) * 10], ids=["words", "one run of CJK"]
)
def test_a_name_of_a_megabyte_takes_the_time_of_its_length(name: str) -> None:
    index = WordIndex()
    for owner, word in enumerate(("a wall full", "wall", "墙体", "一丁")):
        index.add(word, owner)
    words = tokens.split(name)
    began = time.process_time()
    found = index.find(words)
    assert {hit.word for hit in found.values()} == ({"wall"} if name.isascii() else {"一丁"})
    assert time.process_time() - began < 3.0  # 0.3 s; 20 s where each word copied those behind it
