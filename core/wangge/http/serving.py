"""What the GraphQL routes serve with."""

from __future__ import annotations

import msgspec

from ..documents.book import Documents
from ..graphql.engine import Engine
from ..graphql.subscriptions import Hub
from ..identity.scopes import Scopes
from .callers import Callers
from .deadline import Deadline
from .files import Files


class Serving(msgspec.Struct, frozen=True):
    """The parts behind `/graphql`; every request is answered, or its stream opened, within the deadline."""

    engine: Engine
    hub: Hub
    scopes: Scopes
    callers: Callers
    documents: Documents
    files: Files
    deadline: Deadline
