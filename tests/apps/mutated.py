"""A server of a wrong version of Wangge: `python -m tests.apps.mutated HOME MUTANT` prints its address and serves until its input ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.policy.mutants import MUTANTS
from tests.policy.mutation import Changed


async def serve(home: Path) -> None:
    """Serve the city of a home."""
    from tests.city import served
    from wangge.runtime import load_runtime
    from wangge.settings import Settings

    settings = Settings(home=home, port=0, nightly=False)
    async with served(settings, load_runtime(settings).database) as city:
        print(city.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Change the program before any of it is imported."""
    home, name = sys.argv[1:]
    sys.meta_path.insert(0, Changed(next(m for m in MUTANTS if m.name == name)))
    asyncio.run(serve(Path(home)))


if __name__ == "__main__":
    main()
