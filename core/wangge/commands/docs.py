"""`wangge docs --as WHO --out FOLDER`: the interface and the data dictionary of a role or an account, as files."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

NAMES = {
    "zh": ("接口文档.html", "数据字典.html", "数据字典.xlsx"),
    "en": ("interface.html", "dictionary.html", "dictionary.xlsx"),
}


def add(subparsers: Any) -> None:
    """Describe the arguments."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "docs",
        help="write the interface and the data dictionary of a role",
        description="Write what a developer gets: 接口文档 with programs that run, 数据字典 (HTML and XLSX), the OpenAPI document of "
        "the trusted documents, and the GraphQL schema. Each holds only what the role, or the account, may see.",
    )
    parser.add_argument("--as", dest="who", required=True, metavar="WHO", help="a role, or the login of an account")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (WANGGE_HOME/docs)")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="of the texts")
    parser.add_argument(
        "--url", metavar="URL", help="the address of the server that the examples name (http://127.0.0.1:<WANGGE_PORT>)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the files."""
    from ..runtime import write_runtime
    from ..services import services_of
    from ..settings import Settings

    settings = Settings.from_environment(os.environ)
    address = (args.url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    with services_of(settings) as runtime:
        if runtime.supervisor == os.getpid():
            write_runtime(settings, runtime)
        files = asyncio.run(_files(settings, args.who, args.language, address))
    folder = args.out or settings.home / "docs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
        print(folder / name)
    return 0


async def _files(settings: Any, who: str, language: str, address: str) -> dict[str, bytes]:
    """name -> content."""
    from ..app import compose
    from ..documents.book import Documents
    from ..documents.handbook import Handbook
    from ..documents.who import scope_of_name

    parts = compose(settings)
    async with parts.pool:
        await parts.scopes.open()
        try:
            scope = await scope_of_name(parts.pool, parts.scopes, who)
            book = Handbook(parts.engine, Documents(parts.pool, parts.scopes))
            interface, dictionary, workbook = NAMES[language]
            return {
                interface: await book.interface(scope, who, address, language),
                dictionary: await book.dictionary(scope, who, workbook, language),
                workbook: await book.workbook(scope, language),
                "openapi.json": await book.openapi(scope, language),
                "schema.graphql": parts.engine.sdl(scope.shape, language).encode(),
            }
        finally:
            await parts.scopes.close()
