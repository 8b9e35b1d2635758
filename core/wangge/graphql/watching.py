"""One caller's subscription as the hub keeps it: whose it is, what it asks, and how far it was told."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import msgspec

from ..errors import RequestError, Unauthenticated
from ..identity.scopes import Credential
from ..identity.tokens import refused
from ..policy.scope import Scope
from .arguments import Variables
from .exchange import Request
from .feeds import FeedPlan
from .positions import Place, rights_of
from .reading import Why
from .streams import Stream


class Watch(msgspec.Struct, frozen=True):
    """A subscription of one request, compiled for the caller's shape."""

    key: Hashable
    """equal for all that one statement can serve: shape, document, skeleton of variables."""
    plan: FeedPlan
    name: str
    """the response key."""
    variables: Variables
    after: Any
    """the position that was given, None for this moment."""
    why: Why


class Member:
    """One subscription that is open."""

    def __init__(
        self, stream: Stream, credential: Credential, request: Request, scope: Scope, watch: Watch, place: Place
    ) -> None:
        self.stream = stream
        self.credential = credential
        self.request = request
        self.place = place
        """up to where it was told."""
        self.take(scope, watch)

    def take(self, scope: Scope, watch: Watch) -> None:
        """Go on under the rights of a Scope."""
        self.scope = scope
        self.watch = watch
        self.rights = rights_of(scope)
        self.parameters = watch.plan.parameters(scope, watch.variables)

    def has_same_rights(self, scope: Scope) -> bool:
        """Whether a Scope shows the member what its own does."""
        mine = self.scope
        if mine is scope:
            return True
        same = mine.shape.key == scope.shape.key and mine.slots == scope.slots and mine.actor == scope.actor
        if same:  # built anew, or seen at later counters: the next look is short again
            self.scope = scope
        return same


async def scope_of(scopes: Any, credential: Credential) -> Scope:
    """The Scope of who holds a stream open; raises Unauthenticated once token, session or account ended."""
    if credential.until is not None and credential.until <= scopes.clock.now():
        raise refused(Unauthenticated)
    found: Scope = await scopes.scope(credential)
    return found


def is_end(error: RequestError) -> bool:
    """Whether an error ends a stream, other than that the database cannot be asked now."""
    return error.status != 503
