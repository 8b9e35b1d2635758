"""The composition root: settings in, one ASGI application out. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar

from .audit.reads import Reads
from .crypto import Keys
from .cubes.rebuild import Cubes
from .documents.book import Documents
from .events.channel import Channel
from .events.jobs import Handler, Jobs
from .events.sequencer import Sequencer
from .files.collecting import collect
from .files.objects import Objects
from .files.uploads import Uploads
from .graphql.engine import Engine
from .graphql.file_links import FileLinks
from .graphql.subscriptions import Hub
from .http.api import api_route
from .http.callers import Callers
from .http.console import Console, console_route, home_route
from .http.deadline import deadline_of
from .http.files import Files, files_route
from .http.graphql import graphql_route
from .http.headers import secured
from .http.health import health_routes
from .http.oidc import oidc_of
from .http.serving import Serving
from .http.session import session_route
from .identity.scopes import Scopes
from .identity.sessions import Sessions
from .identity.tokens import Tokens
from .keys import keys_of
from .logs import configure
from .model.load import load_model
from .model.role_limits import RoleLimits
from .model.types import Model
from .modules.discover import Found, discover
from .modules.hooks import start
from .modules.trace import Trace
from .records.records import Records
from .records.repeats import forget
from .records.retention import Schedule
from .records.sealing import hash_of
from .runtime import load_runtime
from .settings import Settings
from .sql.catalog import Catalog
from .store.connection import connect
from .store.database import Database
from .store.pool import Pool

STATIC = Path(__file__).parent / "static"


def load(found: tuple[Found, ...]) -> Model:
    """The model of the discovered modules."""
    return load_model([module.folder for module in found])


class Parts(msgspec.Struct, frozen=True):
    """What a process is made of."""

    pool: Pool
    keys: Keys
    scopes: Scopes
    tokens: Tokens
    sessions: Sessions
    reads: Reads
    engine: Engine
    database: Database
    records: Records
    uploads: Uploads
    objects: Objects | None


def compose(settings: Settings, *, limits: RoleLimits | None = None) -> Parts:
    """The parts of one process, where `limits` hold for everybody; raises WanggeError when schemas, modules or services are wrong."""
    runtime = load_runtime(settings)
    found = discover(settings.modules)
    model = load(found)
    hooks = start(found, model, Trace(settings.trace) if settings.trace else None)
    keys = keys_of(settings)
    pool = Pool(runtime.database, "app", size=12)
    catalog = Catalog(model, hash_of(keys))
    scopes = Scopes(model, lambda: connect(runtime.database, "app"), absent=hooks.quarantined)
    tokens = Tokens(pool, keys, scopes.clock.now)
    sessions = Sessions(pool, keys, scopes.clock.now, settings.second_factor)
    scopes.dropped += [tokens.forget, sessions.forget, lambda _: keys.expect(scopes.world.counters.get("key", 0))]
    records = Records(pool, catalog, hooks, keys, scopes.clock.now)
    reads = Reads(pool, settings.home / "journal", scopes.clock.now)
    objects = Objects(runtime.s3, settings.s3_public_url) if runtime.s3 is not None else None
    uploads = Uploads(pool, keys, objects)
    engine = Engine(
        catalog,
        pool,
        scopes,
        keys,
        hooks,
        records,
        reads,
        settings.oidc_issuer,
        limits=limits,
        requests=settings.requests,
        uploads=uploads,
    )
    return Parts(pool, keys, scopes, tokens, sessions, reads, engine, runtime.database, records, uploads, objects)


def _retention(records: Records) -> Handler:
    """The nightly job that ends rows whose time has come."""
    schedule = Schedule(records.kit)

    async def work(_: bytes) -> None:
        await schedule.run()

    return work


def _cubes(pool: Pool, catalog: Catalog) -> Handler:
    """The nightly job that counts the cubes anew."""
    cubes = Cubes(pool, catalog)

    async def work(_: bytes) -> None:
        await cubes.rebuild()

    return work


def _repeats(pool: Pool) -> Handler:
    """The nightly job that removes idempotency keys that were kept long enough."""

    async def work(_: bytes) -> None:
        await forget(pool)

    return work


def _uploads(pool: Pool, objects: Objects | None) -> Handler:
    """The nightly job that removes uploads that nobody used, and contents of files that are gone."""

    async def work(_: bytes) -> None:
        if objects is not None:
            await collect(pool, objects)

    return work


def build(settings: Settings) -> Any:
    """The application of one worker; raises WanggeError when schemas, modules or services are wrong."""
    configure(settings.log_level)
    parts = compose(settings)
    pool, scopes, engine = parts.pool, parts.scopes, parts.engine
    callers = Callers(parts.tokens, parts.sessions)
    documents = Documents(pool, scopes)
    console = Console(STATIC)
    deadline = deadline_of(settings.request_seconds)
    oidc = oidc_of(settings, pool, parts.keys, parts.sessions, scopes.clock.now)
    held = FileLinks(engine.catalog, engine.reader)
    files = Files(pool, parts.keys, callers, scopes, parts.uploads, held, engine.refusal)
    ready: list[bool] = []
    hub = Hub(engine, pool, scopes, parts.keys, Channel(parts.database))

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        sequencer = Sequencer(parts.database, parts.keys)
        work = {
            "retention": _retention(parts.records),
            "cubes": _cubes(pool, engine.catalog),
            "repeats": _repeats(pool),
            "uploads": _uploads(pool, parts.objects),
        }
        jobs = Jobs(parts.database, work, nightly=tuple(work) if settings.nightly else ())
        async with pool:
            await scopes.open()
            parts.keys.expect(scopes.world.counters.get("key", 0))
            await parts.reads.open()
            await sequencer.open()
            await jobs.open()
            ready.append(True)
            yield
            ready.clear()
            await hub.close()
            await jobs.close()
            await parts.reads.close()
            await sequencer.close()
            await scopes.close()
            if parts.objects is not None:
                parts.objects.close()

    app = Litestar(
        route_handlers=[
            graphql_route(Serving(engine, hub, scopes, callers, documents, files, deadline), console),
            api_route(engine, scopes, callers, documents, deadline),
            files_route(files, deadline),
            session_route(callers, scopes, deadline, engine.refusal, oidc),
            home_route(),
            console_route(console),
            *health_routes(pool, scopes, hub, ready),
        ],
        lifespan=[life],
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return secured(app)
