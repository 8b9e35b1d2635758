"""Every error Wangge raises on purpose, each with a stable code, facts as fields, and a sentence that says what instead.

    WanggeError
    ├── SchemaError         a schema file is wrong: file, line, what, what instead
    ├── PlanError           the plan cannot run on this database or these rows
    ├── SettingsError       an environment variable is missing or wrong
    ├── ServiceError        a service (database, object storage) cannot be started or reached
    ├── PolicyError         stored rules, posts or areas contradict each other; access is denied
    └── RequestError        an answer to a caller: `errors[].extensions` in GraphQL, problem details in HTTP
        ├── Unauthenticated 401
        ├── Denied          403, also for what does not exist for the caller
        ├── Conflict        409, `ifRevision` or a unique key
        ├── Invalid         400/422, the document or an argument
        ├── Throttled       429
        └── Unavailable     503

The sentences of a `RequestError` stand in `messages.yaml` of the room or module that owns the code, in zh and en.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WanggeError(Exception):
    """The root; `code` never changes once published, `facts` are JSON values for programs."""

    def __init__(self, code: str, message: str, /, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.facts = facts


class SchemaError(WanggeError):
    """A mistake in a schema file, e.g. `[schema.unknown_reference] a/b.yaml:14: ... Did you mean "c"?`."""

    def __init__(self, code: str, message: str, /, *, file: str, line: int, **facts: Any) -> None:
        super().__init__(code, message, **facts)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return f"SchemaError [{self.code}] {self.file}:{self.line}: {self.message}"


class PlanError(WanggeError):
    """A step of a plan is refused or failed; the database is as before, or the plan can be run again."""


class SettingsError(WanggeError):
    """A setting is missing or wrong; names the variable, its value (unless secret) and what is expected."""


class ServiceError(WanggeError):
    """A service cannot be started, reached or trusted."""


class PolicyError(WanggeError):
    """The stored policy is broken; nothing is granted until it is mended."""


class RequestError(WanggeError):
    """An answer to a caller; `message` is the English sentence, the catalogue of the code's owner has the Chinese."""

    status: ClassVar[int] = 400


class Unauthenticated(RequestError):
    """No credential, or one that is not (or no longer) valid."""

    status = 401


class Denied(RequestError):
    """The caller may not do this, or the thing does not exist for the caller: one answer for both."""

    status = 403


class Conflict(RequestError):
    """Another write came first: wrong `ifRevision`, or a key that is taken."""

    status = 409


class Invalid(RequestError):
    """The request is malformed or asks for something that this API does not offer."""

    status = 422


class Throttled(RequestError):
    """Too many requests of this kind; `facts["retry_after"]` in seconds."""

    status = 429


class Unavailable(RequestError):
    """A part that the request needs cannot answer now; nothing was changed."""

    status = 503
