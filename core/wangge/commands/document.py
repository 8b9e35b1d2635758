"""`wangge document`: register a folder of trusted documents, list them, end one."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "document",
        help="register trusted documents",
        description="Queries that were agreed on beforehand: each has a name, a version, a purpose and roles, and is REST too: "
        "GET or POST /api/q/<name>/v<version>.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    register = actions.add_parser(
        "register",
        help="register the documents of a folder",
        description="Each file <name>.v<version>.graphql begins with comments: # zh: and # en: (its name), # roles: (who may use "
        "it), and where they are needed # purpose: and # deprecated_on: (a day). Each is checked against the schema of each of "
        "its roles; when one is wrong, none is stored. The text and the purpose of a version never change.",
    )
    register.add_argument("folder", type=Path, metavar="FOLDER", help="the folder with .graphql files")
    register.add_argument("--check", action="store_true", help="only check")
    register.set_defaults(run=run_register)
    listed = actions.add_parser("list", help="list the documents in use", description="One line for each document.")
    listed.set_defaults(run=run_list)
    end = actions.add_parser(
        "end", help="end a document", description="Who asks for it afterwards is told that it has been ended."
    )
    end.add_argument("document", metavar="NAME/vN", help="the document, like incidents/v1")
    end.set_defaults(run=run_end)


def run_register(args: argparse.Namespace) -> int:
    """Check and store a folder."""
    from ..app import compose
    from ..documents.files import read_folder
    from ..documents.registration import check, register
    from ..identity.loading import load_world
    from ..identity.trail import OPERATOR

    documents = read_folder(args.folder)

    async def work(settings: Any) -> list[str]:
        parts = compose(settings)
        async with parts.pool:
            async with parts.pool.connection() as connection:
                world = await load_world(connection, parts.engine.catalog.model)
            for given in documents:
                check(given, parts.engine, world)
            if args.check:
                return [f"{given.id}: right" for given in documents]
            async with parts.pool.transaction() as connection:
                return [f"{id_}: {step}" for id_, step in await register(connection, OPERATOR, documents)]

    return _run(work)


def run_list(_: argparse.Namespace) -> int:
    """Print the documents."""

    async def work(settings: Any) -> list[str]:
        from ..app import compose
        from ..documents.book import ALL

        parts = compose(settings)
        async with parts.pool:
            rows = await parts.pool.fetch(ALL)
        return [_line(row) for row in rows]

    return _run(work)


def run_end(args: argparse.Namespace) -> int:
    """End one."""

    async def work(settings: Any) -> list[str]:
        from ..app import compose
        from ..documents.registration import end
        from ..identity.trail import OPERATOR

        parts = compose(settings)
        async with parts.pool, parts.pool.transaction() as connection:
            await end(connection, OPERATOR, args.document)
        return [f"{args.document}: ended"]

    return _run(work)


def _line(row: Any) -> str:
    """One document for a reader."""
    state = (
        "ended" if row["ended_at"] else f"deprecated on {row['deprecated_on']}" if row["deprecated_on"] else "in use"
    )
    return f"{row['name']}/v{row['version']}  {row['en']}  roles: {', '.join(row['roles'])}  purpose: {row['purpose'] or '-'}  {state}"


def _run(work: Callable[[Any], Awaitable[list[str]]]) -> int:
    """Do it with the services of this home, and print the lines."""
    from ..runtime import write_runtime
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    with services_of(settings) as runtime:
        if runtime.supervisor == os.getpid():
            write_runtime(settings, runtime)

        async def whole() -> list[str]:
            return await work(settings)

        for line in asyncio.run(whole()):
            print(line)
    return 0
