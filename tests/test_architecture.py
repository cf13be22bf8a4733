"""The direction of imports: a table of who may import whom, and a walk over the sources that fails on anything else."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dxfd.faults import POINTS
from tests import lanes

ROOT = Path(__file__).parents[1]
SOURCES = {"dxfd": ROOT / "dxfd", "dxfctl": ROOT / "ctl/dxfctl"}
HEAVY = {"numpy", "pyarrow", "ezdxf", "adbc_driver_sqlite", "adbc_driver_manager", "mapbox_earcut"}

MAY = {
    "errors": set(),
    "faults": set(),
    "ahead": set(),
    "contract": {"errors"},
    "paths": {"errors"},
    "config": {"errors", "paths"},
    "logs": {"errors", "contract"},
    "pidfile": {"errors"},
    "systemd": set(),
    "backups": {"errors", "contract"},
    "store": {"errors", "faults", "contract", "paths", "backups"},
    "supervise": {"errors", "faults", "contract", "config", "store", "logs", "backups"},
    "control": {"errors", "contract", "config", "store", "supervise", "logs", "paths", "backups"},
    "worker": {"errors", "faults", "contract", "convert", "logs"},
    "convert": {"errors", "faults", "ahead"},
    "export": {"errors", "ahead"},
    "app": {"errors", "contract", "config", "store", "supervise", "control", "logs", "paths", "pidfile", "systemd"},
    "cli": {"errors", "contract", "config", "paths", "app", "convert", "export"},
    "dxfctl": {"errors", "contract", "config", "paths", "pidfile", "backups"},
}
"""Part -> parts it may import, besides itself and the version in `dxfd`."""

LIGHT = (
    "contract", "config", "logs", "store", "supervise", "control", "app", "paths", "pidfile", "systemd", "backups",
    "dxfctl",
)  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(parts).removesuffix(".__init__"), path


NAMES = {name for name, _ in modules()}


def part(module: str) -> str:
    names = module.split(".")
    return names[0] if names[0] == "dxfctl" or len(names) == 1 else names[1]


def imports(path: Path, module: str, *, top_only: bool = False) -> Iterator[str]:
    """Yield every module that is imported, whether at the top or in a function; not what is for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in tree.body if top_only else _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in NAMES else str(node.module)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _running(child)


def test_every_import_goes_down():
    wrong = []
    for module, path in modules():
        if part(module) in {"dxfd", "__main__"}:
            continue
        for target in imports(path, module):
            ours = target.split(".")[0] in SOURCES
            if ours and target != "dxfd" and part(target) not in MAY[part(module)] | {part(module)}:
                wrong.append(f"{module} imports {target}")
    assert not wrong


def test_only_commands_of_drawings_and_results_import_the_conversion():
    users = {m for m, p in modules() for t in imports(p, m) if part(t) == "convert" and part(m) != "convert"}
    assert {user for user in users if part(user) == "cli" and not user.startswith("dxfd.cli.templates.")} <= {
        "dxfd.cli.choices",
        "dxfd.cli.compare",
        "dxfd.cli.options",
        "dxfd.cli.convert",
        "dxfd.cli.interrupts",
        "dxfd.cli.limits",
        "dxfd.cli.progress",
        "dxfd.cli.version",
    }
    assert {part(user) for user in users} <= {"cli", "worker"}


def test_only_the_command_export_imports_the_exports():
    users = {m for m, p in modules() for t in imports(p, m) if part(t) == "export" and part(m) != "export"}
    assert users <= {"dxfd.cli.export"}


def test_there_is_no_cycle():
    graph = {m: {t for t in imports(p, m, top_only=True) if t in NAMES and t != m} for m, p in modules()}
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " imports ".join((*way[way.index(module) :], module))
        if module not in done:
            for target in sorted(graph[module]):
                walk(target, (*way, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_daemon_and_client_name_no_heavy_library():
    for module, path in modules():
        if part(module) in LIGHT:
            heavy = {target for target in imports(path, module) if target.split(".")[0] in HEAVY}
            assert not heavy, f"{module} imports {heavy}"


def test_commands_load_the_conversion_only_when_they_run():
    commands = sorted(m for m in NAMES if part(m) == "cli" and not m.endswith("__main__"))
    code = f"import sys, {', '.join(commands)}; print(*sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize("module", ["dxfd.app", "dxfd.cli.run", "dxfctl.cli"])
def test_daemon_and_client_load_no_heavy_library(module):
    code = f"import sys, {module}; print(*sorted(m.split('.')[0] for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & HEAVY
    if module == "dxfctl.cli":
        assert "dxfd.store" not in loaded


def test_the_worker_never_touches_the_queue():
    code = "import sys, dxfd.worker.main; import dxfd.convert.pipeline; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {m for m in done.stdout.split() if m.startswith(("dxfd.store", "dxfd.control", "dxfd.app", "zmq"))}


@pytest.mark.parametrize("module", ["dxfd.app", "dxfd.worker.main"])
def test_processes_that_log_in_json_load_no_terminal_colours_and_can_still_ask_for_them(module):
    code = f"import sys, {module}; print(*sys.modules); import rich.console"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "structlog" in done.stdout.split()
    assert not {m for m in done.stdout.split() if m.startswith(("rich", "pygments"))}


def test_both_lanes_of_the_suite_together_have_every_test_once():
    found = sorted(path for lane in lanes.lanes() for top in lane for path in _tests_of(lanes.TESTS / top))
    assert found == sorted(lanes.TESTS.rglob("test_*.py"))


def _tests_of(top: Path) -> Iterator[Path]:
    yield from [top] if top.is_file() else top.rglob("test_*.py")


def test_only_tests_arm_fault_points_and_every_point_is_listed():
    passed, armed = set(), []
    for module, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "faults.point":
                passed.add(ast.literal_eval(node.args[0]))
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("faults.arm"):
                armed.append(module)
    assert passed == set(POINTS)
    assert not armed


def test_every_package_and_every_file_they_read_is_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert sorted(settings["packages"]) == sorted(n for n, path in modules() if path.name == "__init__.py")
    data = [path for kind in ("*.sql", "*.toml", "*.tsv", "*.typed") for path in SOURCES["dxfd"].rglob(kind)]
    shipped = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    assert set(data) <= shipped
