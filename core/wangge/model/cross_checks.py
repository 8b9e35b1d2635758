"""What can only be checked when all modules are known, noun by noun."""

from __future__ import annotations

from collections.abc import Sequence

from .entity_checks import check_entity
from .field_checks import check_fields
from .mistakes import Mistakes
from .module_checks import check_modules, check_pages, check_purposes, check_roles
from .module_draft import ModuleDraft
from .name_checks import check_names
from .seed_checks import check_seed
from .vocabulary import Vocabulary


def check_all(
    drafts: Sequence[ModuleDraft], words: Vocabulary, mistakes: Mistakes, first_party: frozenset[str]
) -> None:
    """Everything but conditions and rules; `kind_of` leads to an end."""
    check_modules(drafts, words)
    check_purposes(drafts, words)
    check_roles(drafts, words)
    check_names(drafts, words, first_party)
    for draft in drafts:
        for entity in draft.entities:
            check_entity(entity, draft, words)
            check_fields(entity, draft, words)
        check_pages(draft, words)
        for seed in draft.seeds:
            check_seed(seed, draft, words, mistakes)
