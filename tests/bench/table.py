"""The result as one table: how we stand to the floor and the peer, and the goals beside."""

from __future__ import annotations

from typing import Any

QUERIES = {
    "Q1": "one row by id, 10 fields",
    "Q2": "50 rows with a reference, ordered",
    "Q3": "25 cells x first 20 open cases",
    "Q4": "1,000 rows x 10 fields",
    "Q5": "aggregate by two fields",
    "Q6": "create one row",
    "Q7": "two-hop filter, ordered keyset page",
}
GOALS = {
    "Q1": (0.75, 3.5),
    "Q2": (0.85, 4.0),
    "Q3": (0.90, 6.0),
    "Q4": (1.00, 4.5),
    "Q5": (0.90, 9.0),
    "Q6": (0.60, 2.0),
    "Q7": (3.0, 4.0),
}
"""at 16 connections: requests/s of the floor's, and times PostGraphile's (GOALS.md of the harness)."""
OURS, FLOOR, PEER = "ours", "floor-wide", "postgraphile-rls"


def rows_by_cell(results: dict[str, Any]) -> dict[tuple[str, str, int], dict[str, Any]]:
    """(system, query, connections) -> the measured cell."""
    return {(row["system"], row["q"], row["c"]): row for row in results["res"]}


def table(results: dict[str, Any]) -> str:
    """Markdown: a section per concurrency, a line per query."""
    cells = rows_by_cell(results)
    found = []
    for connections in sorted({c for _, _, c in cells}):
        found += [f"{connections} connection{'s' if connections > 1 else ''}:", "", *_section(cells, connections), ""]
    found += [f"- {note}" for note in results["notes"]]
    return "\n".join(found).rstrip() + "\n"


def _section(cells: dict[tuple[str, str, int], dict[str, Any]], connections: int) -> list[str]:
    lines = [
        "| query | ours, requests/s | of floor-wide | goal | of PostGraphile with RLS | goal | p99, of the floor's "
        "| server CPU, of the floor's | server + database CPU, ms: ours, floor |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for query, title in QUERIES.items():
        ours, floor, peer = (cells.get((system, query, connections)) for system in (OURS, FLOOR, PEER))
        goal = GOALS[query] if connections == 16 else ("", "")
        if ours is None or floor is None:
            lines.append(f"| {query} {title} | not measured | | {goal[0]} | | {goal[1]} | | | |")
            continue
        lines.append(
            f"| {query} {title} | {ours['rps']:.0f} | {ours['rps'] / floor['rps']:.2f} | {goal[0]} "
            f"| {_times(ours, peer)} | {goal[1]} | {ours['p99'] / floor['p99']:.1f} "
            f"| {ours['cpu_ms'] / max(floor['cpu_ms'], 0.001):.1f} | {_cpu(ours)}, {_cpu(floor)} |"
        )
    memory = max(
        (row["rss"] for (system, _, c), row in cells.items() if system == OURS and c == connections), default=0
    )
    return [*lines, "", f"Resident memory of the worker: {memory:.0f} MiB."]


def _times(ours: dict[str, Any], peer: dict[str, Any] | None) -> str:
    """How many times the peer's requests/s."""
    return f"{ours['rps'] / peer['rps']:.1f}" if peer else ""


def _cpu(row: dict[str, Any]) -> str:
    """Milliseconds of the server and of the database a request."""
    return f"{row['cpu_ms']:.2f} + {row['pg_ms']:.2f}"
