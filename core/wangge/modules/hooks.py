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
Told = tuple[UUID, Rejected | Warn]
"""a row and what was said of it."""
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
    ) -> Answer:
        """What all hooks say. A row that one refuses is not shown to those of whole batches.

        Raises HookConflict, and `Rejected` or `Warn` of a batch of several rows in which no row is named.
        """
        answer = Answer()
        refused: set[UUID] = set()
        for module, call in self._calls("before_write", modules):
            for change in changes:
                made: Any = None
                try:
                    with _told(module, "before_write"):
                        made = await self.trace.steps(module, call(change=change))
                except (Rejected, Warn) as error:
                    made = error
                answer.take(module, "before_write", change.id, made, confirmed)
            refused |= {row for row, _ in answer.refused}
        for module, call in self._calls("before_write_batch", modules):
            asked = [change for change in changes if change.id not in refused] if refused else changes
            if asked:
                for row, made in (await self._batch(module, call, asked, records, confirmed)).items():
                    answer.take(module, "before_write_batch", row, made, confirmed)
                refused |= {row for row, _ in answer.refused}
        return answer

    async def _batch(
        self, module: str, call: Callable[..., Any], changes: Sequence[Change], records: Any, confirmed: frozenset[str]
    ) -> Mapping[UUID, Any]:
        """The patches and refusals of one batch; one that it raises is about the row that it names, or about all."""
        try:
            with _told(module, "before_write_batch"):
                return await self.trace.steps(module, call(changes=changes, records=records)) or {}
        except (Rejected, Warn) as error:
            known = {change.id for change in changes}
            row = error.row if error.row in known else changes[0].id if len(changes) == 1 else None
            if row is None and isinstance(error, Warn) and error.code in confirmed:
                return {change.id: error for change in changes}
            if row is None:
                raise
            return {row: error}


class Answer:
    """What the modules say of rows: patches, refusals, warnings that the caller confirmed."""

    def __init__(self) -> None:
        self.patches: dict[UUID, dict[str, Any]] = {}
        self.refused: list[Told] = []
        self.confirmed: list[Told] = []
        self._owner: dict[tuple[UUID, str], str] = {}

    def take(self, module: str, hook: str, row: UUID, made: Any, confirmed: frozenset[str]) -> None:
        """Add what one module says of one row. Raises HookConflict."""
        if isinstance(made, Warn) and made.code in confirmed:
            self.confirmed.append((row, made))
        elif isinstance(made, Rejected | Warn):
            self.refused.append((row, made))
        elif made is not None:
            with _told(module, hook):
                _merge(self.patches, self._owner, module, row, made)


@contextmanager
def _told(module: str, hook: str) -> Iterator[None]:
    """A deliberate refusal passes; any other exception names the module and hides its text."""
    try:
        yield
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
