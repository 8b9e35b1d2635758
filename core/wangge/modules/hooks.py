"""Call the hooks of modules: registered and checked once, called in the order of requirements, errors name the module."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pluggy
import structlog

from .. import hookspecs
from ..errors import Invalid, RequestError, SettingsError
from ..model.types import Model
from ..surface import Rejected, Warn
from ..values import Batch, Change, City, Patch
from .codes import check_codes
from .discover import Found
from .trace import Trace

log = structlog.get_logger("wangge.modules")
Functions = dict[str, Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]]
Asked = tuple[UUID, Warn]
"""a row and the warning that was confirmed for it."""
MOMENTS = frozenset(("before_write", "before_write_batch"))
"""Hooks that are `async def`; all others are `def`."""


class HookConflict(Invalid):
    """Two modules set one field of one row to different values."""


class Hooks:
    """The registered modules of one process; `order` is the order of calls."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        order: tuple[str, ...],
        quarantined: dict[str, str],
        trace: Trace | None = None,
        functions: Mapping[str, Functions] | None = None,
    ) -> None:
        self._manager = manager
        self.order = order
        self.quarantined = quarantined
        """module id -> why it could not start: it is off everywhere in this process."""
        self.trace = trace or Trace()
        self._functions = {} if functions is None else functions

    def set_aside(self, module: str, model: Model, error: BaseException) -> None:
        """Quarantine a module that fails while the process starts; raises SettingsError when another one needs it."""
        _quarantine(module, model, error)
        self.quarantined[module] = f"{type(error).__name__}: {error}"
        self.order = tuple(m for m in self.order if m != module)

    def _calls(self, hook: str, modules: frozenset[str] | None = None) -> list[tuple[str, Callable[..., Any]]]:
        """(module, function) of a hook in order; only of `modules` when given."""
        found = {i.plugin_name: i.function for i in getattr(self._manager.hook, hook).get_hookimpls()}
        return [(m, found[m]) for m in self.order if m in found and (modules is None or m in modules)]

    def graphql_types(self, hook: str) -> list[tuple[str, Callable[[], type | None]]]:
        """(module, what makes its Strawberry type) of `graphql_query` or `graphql_mutation`."""
        return self._calls(hook)

    def computed_fields(self) -> Functions:
        """`<entity>.<field>` -> batch function."""
        return {
            name: self.trace.function(module, _named(module, made))
            for module in self.order
            for name, made in self._functions.get(module, {}).items()
        }

    def demonstration(self, city: City) -> Iterable[Batch]:
        """The batches of all modules, in order."""
        for _, call in self._calls("demonstration"):
            yield from call(city)

    def writes_of(self, modules: frozenset[str]) -> bool:
        """Whether any of `modules` has a hook on writes: without one, a create may be a single statement."""
        return any(self._calls(hook, modules) for hook in ("before_write", "before_write_batch"))

    async def before_write(
        self, changes: Sequence[Change], records: Any, modules: frozenset[str], confirmed: frozenset[str] = frozenset()
    ) -> tuple[Mapping[UUID, Patch], Sequence[Asked]]:
        """The merged patches of all hooks, by row id, and the warnings that were confirmed.

        Raises `Rejected`, HookConflict, or `Warn` unless it is confirmed; the first two kinds say in `row` which row it is.
        """
        heard: list[Asked] = []
        patches: dict[UUID, dict[str, Any]] = {}
        owner: dict[tuple[UUID, str], str] = {}
        for module, call in self._calls("before_write", modules):
            for change in changes:
                with _told(module, "before_write", change.id, confirmed, heard):
                    patch = await self.trace.steps(module, call(change=change))
                    _merge(patches, owner, module, change.id, patch)
        for module, call in self._calls("before_write_batch", modules):
            with _told(module, "before_write_batch", changes[0].id, confirmed, heard):
                made = await self.trace.steps(module, call(changes=changes, records=records))
                for row, patch in (made or {}).items():
                    _merge(patches, owner, module, row, patch)
        return patches, heard


@contextmanager
def _told(module: str, hook: str, row: UUID, confirmed: frozenset[str], heard: list[Asked]) -> Iterator[None]:
    """A deliberate refusal passes with the row that it is about; any other exception names the module and hides its text."""
    try:
        yield
    except Warn as warning:
        if warning.code not in confirmed:
            warning.row = row
            raise
        heard.append((row, warning))
    except Rejected as refusal:
        refusal.row = row
        raise
    except RequestError:
        raise
    except Exception as error:
        log.exception("hook_failed", module=module, hook=hook)
        raise Invalid(
            "module.failed", f"the module {module} failed in {hook}; nothing was stored", module=module, hook=hook
        ) from error


def _named(module: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A batch function whose failure names its module."""

    def run(*given: Any) -> Any:
        try:
            return function(*given)
        except Exception as error:
            log.exception("hook_failed", module=module, hook="computed_fields")
            raise Invalid("module.broke", f"the module {module} failed", module=module) from error

    return run


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

    Raises SettingsError for a hook that the contract does not have, a code without a sentence, or a failing module that is
    needed, with the module's name.
    """
    manager = pluggy.PluginManager(hookspecs.NAMESPACE)
    manager.add_hookspecs(hookspecs)
    packages = {f.id: f.package for f in found if f.package}
    hooks = Hooks(manager, order_of(model), {}, trace, functions := {})
    for module in hooks.order:
        try:
            if module in packages:
                _register(manager, module, importlib.import_module(packages[module]), model)
            functions[module] = _functions(manager, module, model)
        except SettingsError:
            raise
        except (Exception, SystemExit) as error:
            hooks.set_aside(module, model, error)
    return hooks


def _register(manager: pluggy.PluginManager, module: str, package: Any, model: Model) -> None:
    """Register one package; raises SettingsError when its hooks are not those of the contract."""
    check_codes(module, package, model)
    try:
        manager.register(package, name=module)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise SettingsError(
            "module.unknown_hook", f"the module {module} has a misspelt hook: {error}", module=module
        ) from error
    for caller in manager.get_hookcallers(package) or ():
        function = next(i.function for i in caller.get_hookimpls() if i.plugin_name == module)
        if inspect.iscoroutinefunction(function) is not (caller.name in MOMENTS):
            form = "async def" if caller.name in MOMENTS else "def"
            raise SettingsError(
                "module.hook_form", f"{caller.name} of the module {module} must be `{form}`", module=module
            )


def _functions(manager: pluggy.PluginManager, module: str, model: Model) -> Functions:
    """The batch functions of a module's computed fields; raises LookupError where they are not what files declare."""
    calls = [i.function for i in manager.hook.computed_fields.get_hookimpls() if i.plugin_name == module]
    made: Functions = {}
    for call in calls:
        made.update(call())  # type: ignore[call-overload] # pluggy types a hook's function as returning object
    declared = {
        f"{entity.name}.{field.id}": entity.module
        for entity in model.entities.values()
        for field in entity.fields
        if field.inputs is not None
    }
    lost = sorted((set(made) - set(declared)) | {n for n, owner in declared.items() if owner == module} - set(made))
    if lost:
        raise LookupError(f"the fields with `inputs` and the functions of computed_fields differ in {', '.join(lost)}")
    return made


def _quarantine(module: str, model: Model, error: BaseException) -> None:
    """Log a module that cannot start; raise when another module requires it."""
    needed = [m.id for m in model.modules.values() if module in {need.split()[0] for need in m.requires}]
    if needed:
        raise SettingsError(
            "module.failed_at_start",
            f"the module {module} cannot start ({error}), and {', '.join(needed)} needs it: mend or remove it",
            module=module,
        ) from error
    log.error("module_quarantined", module=module, error=f"{type(error).__name__}: {error}")
