"""The parameters of a GraphQL request, wherever it came from: a body, a query string, a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import Invalid
from ..graphql.exchange import Request
from .messages import language_of


class BadRequest(Invalid):
    """It holds no GraphQL request."""

    status = 400


def checked(given: Any, headers: Mapping[str, str], *, reads_only: bool) -> Request:
    """The parameters, of the right types."""
    if not isinstance(given, dict):
        raise BadRequest("request.malformed", "the body is one JSON object: {query, variables, operationName}")
    document = given.get("documentId")
    if document is not None and (not isinstance(document, str) or given.get("query") is not None):
        raise BadRequest(
            "request.malformed", '"documentId" names a trusted document, and stands there instead of "query"'
        )
    if document is None and (not isinstance(given.get("query"), str) or not given["query"]):
        raise BadRequest("request.no_query", 'the request has no text under "query"')
    operation = given.get("operationName")
    if operation is not None and not isinstance(operation, str):
        raise BadRequest("request.malformed", '"operationName" is a string')
    for name in ("variables", "extensions"):
        if given.get(name) is not None and not isinstance(given[name], dict):
            raise BadRequest("request.malformed", f'"{name}" is an object')
    return Request(
        given.get("query") or "",
        given.get("variables") or {},
        operation or None,
        language_of(headers),
        reads_only,
        headers.get("wangge-purpose", "").strip() or None,
        headers["wangge-preview-as"].strip() if "wangge-preview-as" in headers else None,
        document,
    )
