"""`wangge keys`: which keys seal what, and the change to a new one."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..crypto import Keys
    from ..model.types import Model
    from ..settings import Settings
    from ..store.database import Database

LOCK = 7146006
"""The advisory lock of a rotation."""


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "keys",
        help="see and renew the key that seals values",
        description="Values are sealed by a key that has generations: the newest seals, the older ones only open.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    status = actions.add_parser(
        "status",
        help="count what each generation of the key sealed",
        description="One line for each column of sealed values. A generation that nothing names any more is needed only for "
        "backups that were made before.",
    )
    status.set_defaults(run=run_status)
    rotate = actions.add_parser(
        "rotate",
        help="make a new key and seal everything anew",
        description="Makes a new key where the keys are kept, lets every process use it, and seals in batches what older keys "
        "sealed, while the server runs. When it is killed, run it again: it goes on with the same key. Hashes for look-ups and "
        "unique keys stay as they are (core/decisions/0010).",
    )
    rotate.add_argument(
        "--no-new-key",
        action="store_true",
        help="use the newest key that is there: after a person has added one to WANGGE_KEY or a provider",
    )
    rotate.set_defaults(run=run_rotate)

    retire = actions.add_parser(
        "retire",
        help="give up keys that seal nothing any more",
        description="Takes the keys before the present one away from where the keys are kept, once `wangge keys rotate` is over: whoever "
        "gets hold of the keys later cannot open what was copied before. Refused while anything is sealed by one of them. The first "
        "key stays, since it also makes hashes (core/decisions/0010). Without --yes it only says what it would do.",
    )
    retire.add_argument(
        "--yes",
        action="store_true",
        help="do it: backups from before the rotation cannot be read without a copy of these keys",
    )
    retire.set_defaults(run=run_retire)


def run_status(_: argparse.Namespace) -> int:
    """Print the counts."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_status(settings, runtime.database))


async def _status(settings: Settings, database: Database) -> int:
    from ..records.resealing import counts
    from ..store.pool import Pool

    keys, model = _loaded(settings)
    async with Pool(database, "app", size=1) as pool:
        found = await counts(pool, model)
    for name, numbers in found.items():
        print(f"{name:<50} {', '.join(f'key {key}: {number:,}' for key, number in numbers.items()) or 'nothing'}")
    total: Counter[int] = Counter()
    for numbers in found.values():
        total.update(numbers)
    unknown = [key for key in total if key > keys.generation]
    older = sum(number for key, number in total.items() if key < keys.generation)
    print(
        f"key {keys.generation} seals; {older:,} values are sealed by older ones"
        + (": `wangge keys rotate`" if older else "")
    )
    if unknown:
        print(f"keys {unknown} are not among those of this deployment: restore them", file=sys.stderr)
    return 1 if unknown else 0


def run_rotate(args: argparse.Namespace) -> int:
    """Make a key, or go on with the newest, and seal anew."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_rotate(settings, runtime.database, new=not args.no_new_key))


async def _rotate(settings: Settings, database: Database, *, new: bool) -> int:
    from ..audit.entries import append
    from ..keys import keys_of, renew_seals
    from ..records.resealing import is_behind, reseal
    from ..store.pool import Pool
    from ..values import Actor

    keys, model = _loaded(settings)
    async with _alone(database), Pool(database, "app", size=2) as pool:
        force = max(
            1, await pool.fetchval("SELECT coalesce(max(value), 0) FROM wangge.change_counter WHERE kind = 'key'")
        )
        if keys.generation > force or await is_behind(pool, model, keys.generation):
            print(f"going on with key {keys.generation}", flush=True)
        elif new:
            renew_seals(settings)
            keys = _renewed(keys, keys_of(settings))
            print(f"key {keys.generation} is made", flush=True)
        else:
            print(f"key {keys.generation} seals everything already: nothing to do")
            return 0
        actor = Actor("system", "keys", reason=f"key {keys.generation}", origin="command")
        async with pool.transaction() as connection:
            await append(connection, actor, "rotate_keys")
        number = await reseal(pool, model, keys, _progress)
        async with pool.transaction() as connection:
            await append(connection, actor, "keys_rotated")
    print(f"{number:,} values sealed anew by key {keys.generation}")
    return 0


def run_retire(args: argparse.Namespace) -> int:
    """Say which keys seal nothing any more, and give them up."""
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        return asyncio.run(_retire(settings, runtime.database, yes=args.yes))


async def _retire(settings: Settings, database: Database, *, yes: bool) -> int:
    from ..audit.entries import append
    from ..errors import SettingsError
    from ..keys import retire_seals
    from ..records.resealing import in_use
    from ..store.pool import Pool
    from ..values import Actor

    keys, model = _loaded(settings)
    async with _alone(database), Pool(database, "app", size=2) as pool:
        force = await pool.fetchval("SELECT wangge.key_in_force()")
        gone = [n for n in keys.kept if 1 < n < force]
        if not gone:
            print("there is no key to retire: the first one also makes hashes, and the one in force seals")
            return 0
        named = ", ".join(map(str, gone))
        used = await in_use(pool, model, gone)
        if used:
            where = "; ".join(f"{name} {number:,}" for name, number in used.items())
            raise SettingsError(
                "keys.in_use", f"keys {named} are still needed ({where}): run `wangge keys rotate` first"
            )
        print(f"keys {named} seal nothing any more; backups from before the rotation need them")
        if not yes:
            print("keep a copy as long as those backups, then run `wangge keys retire --yes`")
            return 0
        async with pool.transaction() as connection:
            actor = Actor("system", "keys", reason=f"keys {named}", origin="command")
            await append(connection, actor, "retire_keys")
            retire_seals(settings, gone)
    print(f"keys {named} are retired")
    return 0


def _renewed(old: Keys, keys: Keys) -> Keys:
    """The keys after one was made. Raises `SettingsError` when there is none more."""
    from ..errors import SettingsError

    if keys.generation <= old.generation:
        raise SettingsError(
            "keys.not_renewed", "the key provider made no new key: see its log, then run `wangge keys rotate` again"
        )
    return keys


def _loaded(settings: Settings) -> tuple[Keys, Model]:
    from ..keys import keys_of
    from ..model.load import load_model
    from ..modules.discover import discover

    return keys_of(settings), load_model([module.folder for module in discover(settings.modules)])


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """The one rotation of a database. Raises `Conflict` when another one runs."""
    from ..errors import Conflict
    from ..store.connection import connect

    connection = await connect(database, "app")
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            raise Conflict("keys.rotating", "another `wangge keys rotate` runs on this database: let it end")
        yield
    finally:
        await connection.close()


def _progress(name: str, number: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{name} {number:,}", end="", file=sys.stderr, flush=True)
