"""Keep which policy and path found each mutant: `python -m tests.policy.kept FATES...` writes `mutants.json` anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.policy.mutants import MUTANTS

HINTS = Path(__file__).parent / "mutants.json"
"""mutant -> [policy, path] that killed it before, which are tried first: a stale one costs time only."""


def main() -> None:
    """Put what was found now before what was found earlier; forget mutants that there are no more."""
    hints: dict[str, list[list[str]]] = json.loads(HINTS.read_text("utf-8"))
    for name in sys.argv[1:]:
        for line in Path(name).read_text("utf-8").splitlines():
            fate = json.loads(line)
            if fate["killed"] and fate["policy"]:
                hints[fate["name"]] = [[fate["policy"], fate["path"]]]
    known = {mutant.name for mutant in MUTANTS}
    kept = {name: found for name, found in sorted(hints.items()) if name in known}
    HINTS.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
