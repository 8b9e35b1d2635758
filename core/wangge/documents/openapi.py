"""The OpenAPI 3.1 document of some trusted documents, as one caller may use them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLSchema

from ..graphql.plans import Operation
from ..identity.scopes import PUBLIC_ROLE
from .book import Document
from .shapes import Schema, Shapes, nullable

TEXTS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "网格 备案查询接口",
        "about": "每个接口对应一个备案查询，权限、使用事由与审计台账和 GraphQL 相同。",
        "token": "接口凭证：Authorization: Bearer wg_...",
        "purpose": "使用事由",
        "done": "已执行；errors 中有内容时，部分结果为空",
        "refused": "未执行：errors 说明原因，extensions.code 为错误代码",
    },
    "en": {
        "title": "Wangge trusted documents",
        "about": "Each path is one trusted document, with the rights, the purpose and the ledger that GraphQL has.",
        "token": "A token: Authorization: Bearer wg_...",
        "purpose": "Purpose",
        "done": "Executed; where there are errors, a part of the data is null",
        "refused": "Not executed: errors say why, extensions.code is the code of the error",
    },
}
PROBLEM: Schema = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string"},
        "path": {"type": "array", "items": {"type": ["string", "integer"]}},
        "locations": {"type": "array", "items": {"type": "object"}},
        "extensions": {
            "type": "object",
            "required": ["code"],
            "properties": {"code": {"type": "string"}},
            "additionalProperties": True,
        },
    },
}
REFUSED: Schema = {
    "type": "object",
    "required": ["errors"],
    "properties": {"errors": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/_Error"}}},
}
REFUSALS = ("400", "401", "403", "404", "405", "410", "413", "415", "422", "429", "500", "503")


def describe(documents: Iterable[tuple[Document, Operation]], schema: GraphQLSchema, language: str) -> Schema:
    """The whole document; each operation was read in `schema`, the caller's."""
    texts = TEXTS[language]
    named: dict[str, Schema] = {"_Error": PROBLEM, "_Refused": REFUSED}
    paths = {
        f"/api/q/{d.id}": _path(d, o, Shapes(o.fragments, named, schema.type_map), texts, language)
        for d, o in documents
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": texts["title"],
            "version": importlib.metadata.version("wangge"),
            "description": texts["about"],
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": named,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": texts["token"]}},
        },
    }


def _path(document: Document, operation: Operation, shapes: Shapes, texts: Mapping[str, str], language: str) -> Schema:
    """GET for a query, POST for all."""
    shared: Schema = {
        "summary": document.label.of(language),
        "responses": _responses(operation, shapes, texts),
        "security": [{}, {"token": []}] if PUBLIC_ROLE in document.roles else [{"token": []}],
    }
    if document.purpose is not None:
        shared["description"] = f"{texts['purpose']}: {document.purpose}"
    if document.deprecated_on is not None:
        shared["deprecated"] = True
    name = f"{document.name}-v{document.version}"
    made: Schema = {}
    if operation.is_query:
        made["get"] = {**shared, "operationId": f"get-{name}", "parameters": _parameters(operation, shapes)}
    made["post"] = {**shared, "operationId": f"post-{name}", "requestBody": _body(operation, shapes)}
    return made


def _variables(operation: Operation) -> list[tuple[str, Any, Any, bool]]:
    """(name, type, default in the document, whether it must be given)."""
    found = []
    for definition in operation.node.variable_definitions or ():
        type_ = operation.types[definition.variable.name.value]
        needed = isinstance(type_, GraphQLNonNull) and definition.default_value is None
        found.append((definition.variable.name.value, type_, definition.default_value, needed))
    return found


def _parameters(operation: Operation, shapes: Shapes) -> list[Schema]:
    """The variables in a query string: a list as a parameter that repeats, an object as JSON."""
    made = []
    for name, type_, _, needed in _variables(operation):
        bare = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        inner = bare.of_type if isinstance(bare, GraphQLList) else bare
        inner = inner.of_type if isinstance(inner, GraphQLNonNull) else inner
        parameter: Schema = {"name": name, "in": "query", "required": needed}
        if isinstance(inner, GraphQLInputObjectType | GraphQLList):
            as_json = {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": shapes.of_input(inner),
            }
            schema = {"type": "array", "items": as_json} if isinstance(bare, GraphQLList) else as_json
        else:
            given = shapes.of_input(GraphQLNonNull(inner))
            schema = {"type": "array", "items": given} if isinstance(bare, GraphQLList) else given
        made.append({**parameter, "schema": schema})
    return made


def _body(operation: Operation, shapes: Shapes) -> Schema:
    """The variables as one JSON object."""
    found = _variables(operation)
    schema: Schema = {
        "type": "object",
        "properties": {name: shapes.of_input(type_) for name, type_, _, _ in found},
    }
    required = [name for name, _, _, needed in found if needed]
    if required:
        schema["required"] = required
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _responses(operation: Operation, shapes: Shapes, texts: Mapping[str, str]) -> Schema:
    """What comes back."""
    data = nullable(shapes.of_answer([operation.node.selection_set], operation.root))
    done: Schema = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": data,
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/_Error"}},
            "extensions": {"type": "object", "properties": {"cost": {"type": "integer"}}},
        },
    }
    refused = {"$ref": "#/components/schemas/_Refused"}
    return {
        "200": {"description": texts["done"], "content": {"application/json": {"schema": done}}},
        **{
            status: {"description": texts["refused"], "content": {"application/json": {"schema": refused}}}
            for status in REFUSALS
        },
    }
