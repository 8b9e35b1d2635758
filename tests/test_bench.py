"""The benchmark stands on the language of today: its module loads, so that `make bench` does not rot unseen."""

from __future__ import annotations

from pathlib import Path

from wangge.model.load import load_model
from wangge.modules.discover import discover

BENCH = Path(__file__).parent / "bench" / "bench"


def test_the_module_of_the_benchmark_is_without_mistakes() -> None:
    model = load_model([module.folder for module in discover((BENCH,))])
    assert sorted(name for name in model.entities if name.startswith("bench.")) == [
        "bench.case_report",
        "bench.community",
        "bench.grid_cell",
        "bench.house",
        "bench.person",
    ]
