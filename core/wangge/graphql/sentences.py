"""The sentences of refusals in the caller's language."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from typing import Any

import yaml

from ..errors import RequestError
from ..records.kit import fill
from ..records.kit import own_sentences as records_sentences
from ..values import Label


def own_sentences() -> dict[str, Label]:
    """code -> sentence of this room's catalogue."""
    text = importlib.resources.files(__package__).joinpath("messages.yaml").read_text("utf-8")
    return {code: Label(label["zh"], label["en"]) for code, label in yaml.safe_load(text)["messages"].items()}


class Refusals:
    """Puts refusals into GraphQL's form, with the sentence of their code."""

    def __init__(self, sentences: Mapping[str, Label]) -> None:
        self._sentences = {**sentences, **own_sentences()}

    def listed(self, language: str) -> list[tuple[str, str]]:
        """(code, sentence) of the core's codes; `{names}` are facts. Those of modules may name what a caller must not know of."""
        core = {**records_sentences(), **own_sentences()}
        return sorted((code, label.of(language)) for code, label in core.items())

    def __call__(self, error: RequestError, language: str) -> dict[str, Any]:
        """`{message, extensions: {code, facts...}}`; the error's own sentence where no catalogue has the code."""
        label = self._sentences.get(error.code)
        message = fill(label.of(language), error.facts) if label else error.message
        facts = {name: value if isinstance(value, int | bool) else str(value) for name, value in error.facts.items()}
        return {"message": message, "extensions": {"code": error.code, **facts}}
