"""Which drawings a submit means and where each database goes: files, folders, globs to pairs of absolute paths.

Reads folders, makes none, talks to nobody. What cannot be submitted is returned as an error beside what can.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from dxfd.errors import (
    DxfdError,
    SourceError,
    SourceMissingError,
    SourceUnreadableError,
    UsageError,
)
from dxfd.paths import database_of, is_drawing, is_dwg


class Drawing(Struct, frozen=True):
    """One conversion to be asked for; both paths are absolute."""

    source: Path
    output: Path


class Plan(Struct):
    """What was meant: drawings in order, and what cannot be submitted, with the name as it was given."""

    drawings: list[Drawing] = field(default_factory=list)
    problems: list[tuple[str, DxfdError]] = field(default_factory=list)


class _Found(Struct, frozen=True):
    source: Path
    below: Path
    """Path of the drawing within the folder or glob that named it: kept below the output folder."""


def plan(arguments: Sequence[str], output: str | None, *, cwd: Path, dwg: bool = False) -> Plan:
    """Return what to submit.

    Args:
        arguments: files, folders (searched for *.dxf and *.dxf.gz in any case), globs.
        output: a file (for one drawing), a folder, or None = beside each drawing.
        cwd: what relative paths start from.
        dwg: take *.dwg of folders too, but not beside a DXF of the same name: that is the same drawing.

    Raises:
        UsageError: two drawings would be written to one output, or a drawing over itself.
    """
    result = Plan()
    found: dict[Path, _Found] = {}
    for argument in arguments:
        for item in _find(argument, cwd, result.problems, dwg=dwg):
            found.setdefault(item.source, item)
    one_file = len(found) == 1 and len(arguments) == 1 and not _absolute(arguments[0], cwd).is_dir()
    for item in found.values():
        target = _target(item, output, cwd, one_file=one_file)
        try:
            f"{item.source}{target}".encode()
        except UnicodeEncodeError:
            error = UsageError("the name is no UTF-8 text, which the queue cannot hold", hint="rename the drawing")
            result.problems.append((str(item.source), error))
            continue
        result.drawings.append(Drawing(item.source, target))
    _check_targets(result.drawings)
    return result


def _absolute(text: str, cwd: Path) -> Path:
    return Path(os.path.normpath(cwd / text))


def _find(argument: str, cwd: Path, problems: list[tuple[str, DxfdError]], *, dwg: bool) -> Iterator[_Found]:
    path = _absolute(argument, cwd)
    try:
        if path.is_dir():
            yield from _in_folder(path, argument, problems, dwg=dwg)
            return
        if path.is_file():
            yield _Found(path, Path(path.name))
            return
        if not os.path.lexists(path) and glob.has_magic(argument):
            yield from _in_glob(argument, cwd, problems)
            return
        problems.append((argument, _why_not(path)))
    except PermissionError as error:
        problems.append((argument, SourceUnreadableError(f"{path} may not be read: {error.strerror}")))
    except OSError as error:
        problems.append((argument, SourceError(f"{path} cannot be read: {error.strerror}")))


def _why_not(path: Path) -> SourceError:
    if not os.path.lexists(path):
        try:
            path.lstat()
        except PermissionError:
            return SourceUnreadableError(f"{path} may not be reached by this user")
        except OSError:
            return SourceMissingError(f"there is no drawing {path}")
    if path.is_symlink() and not path.exists():
        return SourceMissingError(f"{path} is a link to a file that is not there")
    return SourceUnreadableError(f"{path} is neither a file nor a folder")


def _in_folder(folder: Path, argument: str, problems: list[tuple[str, DxfdError]], *, dwg: bool) -> Iterator[_Found]:
    def refused(error: OSError) -> None:
        problems.append((argument, SourceUnreadableError(f"{error.filename} cannot be read: {error.strerror}")))

    any_found, passed_over = False, 0
    before = len(problems)
    for parent, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        plain = {database_of(Path(name)) for name in names if is_drawing(name)}
        for name in sorted(names):
            path = Path(parent, name)
            wanted = is_drawing(name) or (dwg and is_dwg(name) and database_of(Path(name)) not in plain)
            passed_over += is_dwg(name) and not wanted
            if wanted and path.is_file():
                any_found = True
                yield _Found(path, path.relative_to(folder))
    if not any_found and len(problems) == before:
        hint = f"--dwg takes the {passed_over} *.dwg in it" if passed_over else ""
        problems.append((argument, SourceMissingError(f"there is no *.dxf in {folder}", hint=hint)))


def _in_glob(argument: str, cwd: Path, problems: list[tuple[str, DxfdError]]) -> Iterator[_Found]:
    parts = Path(argument).parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    base = _absolute(str(Path(*parts[:fixed])), cwd) if fixed else cwd
    any_found = False
    for name in sorted(glob.glob(argument, root_dir=cwd, recursive=True)):  # noqa: PTH207  (Path.glob takes no absolute pattern)
        path = _absolute(name, cwd)
        if path.is_file():
            any_found = True
            yield _Found(path, path.relative_to(base) if path.is_relative_to(base) else Path(path.name))
    if not any_found:
        problems.append((argument, SourceMissingError(f"no drawing matches {argument}")))


def _target(item: _Found, output: str | None, cwd: Path, *, one_file: bool) -> Path:
    if output is None:
        return database_of(item.source)
    path = _absolute(output, cwd)
    if one_file and not output.endswith("/") and not path.is_dir():
        return path
    return database_of(path / item.below)


def _check_targets(drawings: Sequence[Drawing]) -> None:
    taken: dict[Path, Path] = {}
    for drawing in drawings:
        if drawing.output == drawing.source:
            raise UsageError(f"{drawing.source} would be written over itself", hint="say where with -O FILE")
        if drawing.output in taken:
            raise UsageError(
                f"{taken[drawing.output]} and {drawing.source} would both become {drawing.output}",
                hint="submit them one by one with -O FILE, or each folder with its own -O FOLDER",
            )
        taken[drawing.output] = drawing.source
