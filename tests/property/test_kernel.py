"""The C kernel and the NumPy versions give the same bytes, whatever paths and meshes they are given."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dxfd.convert import keys
from dxfd.convert.build import paths, portable
from dxfd.convert.build.portable import Action, Plan, Solids
from dxfd.convert.build.ragged import Meshes, Paths, offsets
from dxfd.convert.build.solids import solids
from dxfd.convert.keys import tally
from dxfd.convert.native import kernel
from dxfd.convert.read import columns, stream, tags
from dxfd.convert.read.columns import Group
from dxfd.convert.read.skim import Section
from dxfd.convert.read.stream import Place
from dxfd.convert.read.tags import Tags, parse
from dxfd.convert.write import guid

pytestmark = pytest.mark.skipif(kernel is None, reason="built without a C compiler")

GRID = st.integers(-4, 4).map(float)
NUMBERS = st.one_of(
    GRID,
    st.floats(-1e4, 1e4),
    st.sampled_from([0.0, -0.0, 1e-5, 2e-4, 1e8 + 0.25, 1.5e9, float("nan"), float("inf")]),
)


@st.composite
def points(draw: st.DrawFn) -> list[tuple[float, float, float]]:
    """Corners on a grid (repeats, straight sides, spikes), flat or not, now and then anything."""
    axis = draw(st.sampled_from([GRID, GRID, GRID, NUMBERS]))
    height = draw(st.sampled_from([st.just(0.0), st.just(3.0), GRID, axis]))
    return draw(st.lists(st.tuples(axis, axis, height), max_size=12))


LYING = [action for action in Action if action is not Action.PRISM]
PATHS = st.lists(
    st.tuples(
        points(), st.booleans(), st.sampled_from(LYING), st.sampled_from(list(Action)),
        st.floats(0, 1), st.floats(-4, 4), st.floats(0, 1),
    ), max_size=6,
)  # fmt: skip
MESHES = st.lists(st.tuples(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), max_size=5), st.integers(0, 3)), max_size=3)


def _inputs(courses: list, meshes: list, shuffled: list[int]) -> tuple[Paths, Meshes, Plan]:
    entity = np.array(shuffled[: len(courses) + len(meshes)], dtype=np.int64)
    flat = np.array([p for row in courses for p in row[0]], dtype=np.float64).reshape(-1, 3)
    columns = [np.array([row[k] for row in courses]) for k in range(1, 7)]
    asked = Plan(columns[1].astype(np.uint8), columns[2].astype(np.uint8), *(c.astype(np.float64) for c in columns[3:]))
    counts = np.array([len(row[0]) for row in courses], dtype=np.int64)
    lines = Paths(entity[: len(courses)], offsets(counts), flat, columns[0].astype(np.bool_))
    faces = [[k % len(v), (k + 1) % len(v), 0] for v, many in meshes if v for k in range(many)]
    face_counts = np.array([many if v else 0 for v, many in meshes], dtype=np.int64)
    shapes = Meshes(
        entity[len(courses) :], offsets(np.array([len(v) for v, _ in meshes], dtype=np.int64)),
        np.array([p for v, _ in meshes for p in v], dtype=np.float64).reshape(-1, 3),
        offsets(face_counts), np.array(faces, dtype=np.uint32).reshape(-1, 3),
    )  # fmt: skip
    return lines, shapes, asked


def _same(one: Solids, other: Solids) -> None:
    assert one.entity.tolist() == other.entity.tolist()
    for name in ("center", "size", "length"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    for name in ("vertices", "faces"):
        assert getattr(one, name).to_pylist() == getattr(other, name).to_pylist(), name


@settings(max_examples=600, deadline=None)
@given(PATHS, MESHES, st.permutations(range(10)))
def test_both_ways_give_the_same_bytes(courses: list, meshes: list, shuffled: list[int]) -> None:
    with np.errstate(all="ignore"):
        lines, shapes, asked = _inputs(courses, meshes, list(shuffled))
        one, why = solids(lines, shapes, asked)
        other, why_other = portable.solids(lines, shapes, asked)
    _same(one, other)
    assert dict(sorted(why.items())) == dict(sorted(why_other.items()))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(Action)))
def test_long_courses_of_pipes_and_walls_give_the_same_bytes(seed: int, action: Action) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 40, 30)
    course = np.cumsum(rng.normal(0, [2, 2, rng.choice([0.0, 0.5])], (int(counts.sum()), 3)), axis=0)
    lines = Paths(np.arange(30), offsets(counts), course + rng.choice([0, 5e5]), rng.random(30) < 0.5)
    which = np.full(30, action, dtype=np.uint8)
    lying = np.where(which == Action.PRISM, np.uint8(Action.CURVE), which)  # only outlines are raised
    asked = Plan(lying, which, rng.random(30), rng.random(30) * 4, rng.random(30))
    none = Meshes(np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.empty((0, 3)),
                  np.zeros(1, dtype=np.int64), np.empty((0, 3), dtype=np.uint32))  # fmt: skip
    with np.errstate(all="ignore"):
        _same(solids(lines, none, asked)[0], portable.solids(lines, none, asked)[0])


CODES = st.one_of(
    st.integers(-12, 1080).map(str),
    st.sampled_from(
        ["  0", "     8", " 10", "1 0", "+5", "-5", "1_0", "", " ", "\t7", "0101", "0000010", "x", "\x0b5", "5\x0c"]
    ),
)
VALUES = st.one_of(
    st.floats().map(repr),
    st.floats(-1e6, 1e6).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.from_regex(r"[-+]?[0-9]{0,22}\.?[0-9]{0,22}([eE][-+]?[0-9]{1,7})?", fullmatch=True),
    st.sampled_from(
        ["", " 1.5 ", "1_0", "--1", "1e", "e5", ".", "-.5", "5.", "0x10", "infinity", "1\t", "18446744073709551616"]
    ),
    st.text(st.characters(codec="latin-1", exclude_characters="\n"), max_size=8),
)
TEXT = st.lists(st.tuples(CODES, VALUES, st.sampled_from(["\n", "\r\n"])), max_size=40)


def _same_tags(data: bytes) -> None:
    one, other = tags._scanned(kernel, data), tags._split(data)
    for name in Tags.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, np.ndarray):
            assert (left.dtype, left.tobytes()) == (right.dtype, right.tobytes()), name
        else:
            assert left == right, name


@settings(max_examples=600, deadline=None)
@given(TEXT, st.sampled_from(["", "7", " 10\n"]))
def test_both_ways_read_the_same_tags(pairs: list[tuple[str, str, str]], rest: str) -> None:
    text = "".join(f"{code}{end}{value}{end}" for code, value, end in pairs) + rest
    _same_tags(text.encode("latin-1"))


LONG = [
    "0." + "0" * 1500 + "1e1501", "0." + "0" * 4999 + "1e1000", "." + "0" * 2000 + "5e1001", "0." + "0" * 5000,
    "1" * 400, "-" + "9" * 5000, "0" * 5000 + "7", "1e" + "0" * 5000 + "2", " " * 3000 + "7", "7" + "\t" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("value", LONG, ids=range(len(LONG)))
def test_long_numbers_are_what_they_are_in_python_both_ways(value: str) -> None:
    data = f" 10\n{value}\n".encode()
    _same_tags(data)
    number = tags._scanned(kernel, data).number[0]
    wanted = float(value)
    assert number == wanted if np.isfinite(wanted) else np.isnan(number)


@pytest.mark.parametrize(
    "code", ["0" * 99 + "8", "0" * 101, "0" * 5000, " " * 5000 + "8", "8" + " " * 5000, "1" * 5000]
)
def test_long_lines_for_codes_are_the_same_both_ways(code: str) -> None:
    _same_tags(f"  0\nLINE\n{code}\nvalue\n 10\n1\n".encode())


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(VALUES, st.floats(-1e7, 1e7).map(repr)), min_size=1, max_size=60))
def test_both_ways_read_the_same_numbers_as_python(values: list[str]) -> None:
    data = "".join(f" 10\n{value}\n" for value in values).encode("latin-1")
    _same_tags(data)
    for value, number in zip(values, tags._scanned(kernel, data).number.tolist(), strict=True):
        try:
            wanted = float(value.encode("latin-1").strip(bytes(range(33))))
        except ValueError:
            wanted = np.nan
        if np.isfinite(wanted):
            assert np.float64(number).tobytes() == np.float64(wanted).tobytes()
        else:
            assert np.isnan(number)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 5, 8, 10, 20, 42, 67, 101]), st.integers(-9, 9)), max_size=60))
def test_both_ways_find_the_same_columns(pairs: list[tuple[int, int]]) -> None:
    found = parse(("  0\nX\n" + "".join(f"{code}\n{value}\n" for code, value in pairs)).encode(), last=True)
    members = Group(found, np.arange(len(found.entity_tag))[::2])
    codes, defaults = (10, 42, 20, 67), (0.5, 1.0, -1.0, 0.0)
    fast = (
        members.numbers(codes, defaults),
        members.places((5, 8, 10), (True, False, False)),
        paths._lwvertices(members),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "kernel", None)
        patch.setattr(paths, "kernel", None)
        slow = (
            members.numbers(codes, defaults),
            members.places((5, 8, 10), (True, False, False)),
            paths._lwvertices(members),
        )
    assert fast[0].tobytes() == slow[0].tobytes()
    assert fast[1].tolist() == slow[1].tolist()
    assert [part.tolist() for part in fast[2]] == [part.tolist() for part in slow[2]]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "  0\n", "0\n", "0\r\n", "LINE\n", "VERTEX\n", "VERTEX\r\n", "SEQEND\n", "ATTRIB\n", "ATTDEF\n",
                "3DFACE\n", "10\n", " 10\n", "\n",
            ]
        ),
        max_size=120,
    ),
    st.sampled_from([b"\n  0\n", b"\n0\n", b"\n0\r\n", b"\n     0\n"]),
    st.integers(0, 500),
)  # fmt: skip
def test_both_ways_count_the_same_marks(lines: list[str], mark: bytes, before: int) -> None:
    data = "".join(lines).encode()
    places = [at for at in range(min(before, len(data))) if data.startswith(mark, at)]
    names = tuple(name + tail for name in (b"VERTEX", b"SEQEND", b"ATTRIB") for tail in (b"\r", b"\n"))
    behind = [data[at + len(mark) :] for at in places]
    code = [len(rest) > 1 and rest[0] < ord("A") and rest[1] != ord("D") for rest in behind]
    wanted = sum(not rest.startswith(names) for rest, is_code in zip(behind, code, strict=True) if not is_code)
    assert kernel.marks(data, mark, before) == wanted
    assert kernel.lines(data) == data.count(b"\n")
    assert kernel.find(data, mark) == data.find(mark)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["", "A", "B1", "wall", " A", "0", "1F", "ff", "12345678901234567", "G", "-1", "ä"]),
        max_size=40,
    )
)
def test_both_ways_give_the_same_names_and_handles(values: list[str]) -> None:
    found = parse("".join(f"  0\nX\n  5\n{value}\n" for value in values).encode("latin-1"), last=True)
    asked = np.concatenate([np.arange(len(found.code)), [-1]])
    fast = (
        found.strings(asked).to_pylist(),
        found.distinct(asked),
        tally(found.start % 7),
        guid.make(found.start.astype(np.uint64), found.end.astype(np.uint64), (3, 2**63 + 5)),
    )
    whole = Section(name="ENTITIES", start=0, end=len(found.data), line=1, closed=True)
    chunk = stream._build(found, len(found.entity_tag), Place(0, 0, 1), whole, last=True)
    head = columns.heads(chunk, "ascii")
    with pytest.MonkeyPatch.context() as patch:
        for module in (tags, keys, guid):
            patch.setattr(module, "kernel", None)
        slow = (
            found.strings(asked).to_pylist(),
            found.distinct(asked),
            tally(found.start % 7),
            guid.make(found.start.astype(np.uint64), found.end.astype(np.uint64), (3, 2**63 + 5)),
        )
        slow_head = columns.heads(chunk, "ascii")
    assert fast[0] == slow[0]
    assert fast[1][0] == slow[1][0]
    assert fast[1][1].tolist() == slow[1][1].tolist()
    assert [part.tolist() for part in fast[2]] == [part.tolist() for part in slow[2]]
    assert fast[3].to_pylist() == slow[3].to_pylist()
    assert head.handle.to_pylist() == slow_head.handle.to_pylist()
    assert head.handle_int.tolist() == slow_head.handle_int.tolist()
