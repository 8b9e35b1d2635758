"""Every code that a module's Python can answer has its sentence: read from the source, before anybody meets the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from ..model.types import Model

ANSWERS = frozenset(("Rejected", "Warn", "Flag"))


def check_codes(module: str, package: Any, model: Model) -> None:
    """Raises SettingsError for a code in a call of Rejected, Warn or Flag that neither messages.yaml nor a check has."""
    known = set(model.modules[module].messages)
    known |= {check.code for entity in model.entities.values() for check in entity.checks}
    for folder in getattr(package, "__path__", ()):
        for path in sorted(Path(folder).rglob("*.py")):
            for line, code in _answered(ast.parse(path.read_bytes(), str(path))):
                if code not in known:
                    raise SettingsError(
                        "module.no_sentence",
                        f'{path}:{line}: the module {module} answers "{code}", which has no sentence: '
                        "add it to messages.yaml in zh and en",
                        module=module,
                    )


def _answered(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, code) of every call that answers a code written out there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            if name in ANSWERS and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value
