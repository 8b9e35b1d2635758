"""Call the hooks of modules: registered and checked once, called in the order of requirements, errors name the module."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pluggy
import structlog

from .. import hookspecs
from ..errors import Invalid, RequestError, SettingsError
from ..model.types import Model
from ..surface import Warn
from ..values import Batch, Change, City, Patch
from .discover import Found
from .trace import Trace

log = structlog.get_logger("wangge.modules")


class HookConflict(Invalid):
    """Two modules set one field of one row to different values."""


class Hooks:
    """The registered modules of one process; `order` is the order of calls."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        order: tuple[str, ...],
        quarantined: Mapping[str, str],
        trace: Trace | None = None,
    ) -> None:
        self._manager = manager
        self.order = order
        self.quarantined = quarantined
        """module id -> why it could not start."""
        self.trace = trace or Trace()

    def _calls(self, hook: str, modules: frozenset[str] | None = None) -> list[tuple[str, Callable[..., Any]]]:
        """(module, function) of a hook in order; only of `modules` when given."""
        found = {i.plugin_name: i.function for i in getattr(self._manager.hook, hook).get_hookimpls()}
        return [(m, found[m]) for m in self.order if m in found and (modules is None or m in modules)]

    def graphql_types(self, hook: str) -> list[tuple[str, type]]:
        """(module, Strawberry type) of `graphql_query` or `graphql_mutation`."""
        return [(module, made) for module, call in self._calls(hook) if (made := call()) is not None]

    def computed_fields(self) -> dict[str, Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]]:
        """`<entity>.<field>` -> batch function."""
        functions: dict[str, Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]] = {}
        for module, call in self._calls("computed_fields"):
            functions.update({name: self.trace.function(module, made) for name, made in call().items()})
        return functions

    def demonstration(self, city: City) -> Iterable[Batch]:
        """The batches of all modules, in order."""
        for _, call in self._calls("demonstration"):
            yield from call(city)

    def writes_of(self, modules: frozenset[str]) -> bool:
        """Whether any of `modules` has a hook on writes: without one, a create may be a single statement."""
        return any(self._calls(hook, modules) for hook in ("before_write", "before_write_batch"))

    async def before_write(
        self, changes: Sequence[Change], records: Any, modules: frozenset[str], confirmed: frozenset[str] = frozenset()
    ) -> Mapping[UUID, Patch]:
        """The merged patches of all hooks, by row id; raises `Rejected`, HookConflict, or `Warn` unless it is confirmed."""
        patches: dict[UUID, dict[str, Any]] = {}
        owner: dict[tuple[UUID, str], str] = {}
        for module, call in self._calls("before_write", modules):
            for change in changes:
                patch = await self._guarded(module, "before_write", call(change=change), confirmed)
                _merge(patches, owner, module, change.id, patch)
        for module, call in self._calls("before_write_batch", modules):
            made = await self._guarded(module, "before_write_batch", call(changes=changes, records=records), confirmed)
            for row, patch in (made or {}).items():
                _merge(patches, owner, module, row, patch)
        return patches

    async def _guarded(self, module: str, hook: str, call: Any, confirmed: frozenset[str]) -> Any:
        """The result of one hook; a deliberate refusal passes, any other exception names the module and hides its text."""
        try:
            return await self.trace.steps(module, call)
        except Warn as warning:
            if warning.code in confirmed:
                return None
            raise
        except RequestError:
            raise
        except Exception as error:
            log.exception("hook_failed", module=module, hook=hook)
            raise Invalid(
                "module.failed", f"the module {module} failed in {hook}; nothing was stored", module=module, hook=hook
            ) from error


def _merge(
    patches: dict[UUID, dict[str, Any]], owner: dict[tuple[UUID, str], str], module: str, row: UUID, patch: Patch | None
) -> None:
    """Add one module's patch of one row."""
    for field, value in (patch or {}).items():
        mine = patches.setdefault(row, {})
        if field in mine and mine[field] != value:
            raise HookConflict(
                "module.conflict",
                f'"{field}" is set differently by {owner[row, field]} and {module}; nothing was stored',
                field=field,
                modules=[owner[row, field], module],
            )
        mine[field] = value
        owner[row, field] = module


def order_of(model: Model) -> tuple[str, ...]:
    """Module ids so that what is required stands before what requires it; otherwise by id."""
    order: list[str] = []

    def visit(module: str) -> None:
        if module in order or module not in model.modules:
            return
        for need in sorted(model.modules[module].requires):
            visit(need.split()[0])
        order.append(module)

    for module in sorted(model.modules):
        visit(module)
    return tuple(order)


def start(found: Sequence[Found], model: Model, trace: Trace | None = None) -> Hooks:
    """Import and register every module with Python; one that fails is quarantined unless another needs it.

    Raises SettingsError for a misspelt hook or a failing module that is needed, with the module's name.
    """
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    packages = {f.id: f.package for f in found if f.package}
    quarantined: dict[str, str] = {}
    order = order_of(model)
    for module in order:
        if module not in packages:
            continue
        try:
            manager.register(importlib.import_module(packages[module]), name=module)
        except Exception as error:
            _quarantine(module, model, error)
            quarantined[module] = f"{type(error).__name__}: {error}"
    _check_spelling(manager)
    return Hooks(manager, tuple(m for m in order if m not in quarantined), quarantined, trace)


def _quarantine(module: str, model: Model, error: Exception) -> None:
    """Log a module that cannot start; raise when another module requires it."""
    needed = [m.id for m in model.modules.values() if module in {need.split()[0] for need in m.requires}]
    if needed:
        raise SettingsError(
            "module.failed_at_start",
            f"the module {module} cannot start ({error}), and {', '.join(needed)} needs it: mend or remove it",
            module=module,
        ) from error
    log.error("module_quarantined", module=module, error=str(error))


def _check_spelling(manager: pluggy.PluginManager) -> None:
    """Every `@hookimpl` must be a hook of the contract."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        name = manager.get_name(error.plugin) or "?"
        raise SettingsError(
            "module.unknown_hook", f"the module {name} has a misspelt hook: {error}", module=name
        ) from error
