"""What a developer gets for one caller: pages, a workbook, examples, OpenAPI; each from the caller's own schema."""

from __future__ import annotations

import msgspec

from ..graphql.engine import Engine
from ..graphql.exchange import Request
from ..graphql.plans import InvalidDocument
from ..policy.scope import Scope
from .book import Documents
from .dictionary import Dictionary, dictionary
from .examples import Example, examples
from .openapi import describe
from .pages import dictionary_page, interface_page
from .workbook import workbook


class Handbook:
    """Makes them."""

    def __init__(self, engine: Engine, documents: Documents) -> None:
        self._engine = engine
        self._documents = documents

    async def interface(self, scope: Scope, caller: str, address: str, language: str) -> bytes:
        """接口文档 as a page; `address` is that of the server."""
        found, codes = await self._documents.of(scope), self._engine.refusal.listed(language)
        made = await self._examples(scope, language)
        return interface_page(address, made, found, codes, caller, language).encode()

    async def dictionary(self, scope: Scope, caller: str, workbook: str, language: str) -> bytes:
        """数据字典 as a page; `workbook` is where it lies as a workbook."""
        return dictionary_page(await self._dictionary(scope, language), caller, workbook, language).encode()

    async def workbook(self, scope: Scope, language: str) -> bytes:
        """数据字典 as a workbook."""
        return workbook(await self._dictionary(scope, language), language)

    async def examples(self, scope: Scope, language: str) -> bytes:
        """The examples as JSON: `[{entity, label, kind, title, query, variables}]`."""
        return msgspec.json.encode(await self._examples(scope, language))

    async def openapi(self, scope: Scope, language: str) -> bytes:
        """The OpenAPI document of the caller's own documents, those left out that ask for what this caller has not."""
        found = []
        for document in await self._documents.of(scope):
            request = Request(document.document, language=language, document=document.id)
            try:
                operation = await self._engine.operation_of(request, scope)
            except InvalidDocument:
                continue
            if not operation.is_subscription:
                found.append((document, operation))
        caller = await self._engine.caller_of(scope, language)
        return msgspec.json.encode(describe(found, caller.schema, language))

    async def _dictionary(self, scope: Scope, language: str) -> Dictionary:
        return dictionary(await self._engine.caller_of(scope, language), language)

    async def _examples(self, scope: Scope, language: str) -> list[Example]:
        return examples(await self._engine.caller_of(scope, language), language)
