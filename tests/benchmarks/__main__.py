"""`make bench`: every benchmark, one table, and the same as JSON in `var/bench.json`."""

import asyncio
import inspect
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    bench_first_sync,
    bench_guard,
    bench_lane,
    bench_lifecycle,
    bench_process,
    bench_route,
    bench_router,
    bench_sync,
    bench_width,
)

MODULES = (
    bench_guard,
    bench_router,
    bench_sync,
    bench_first_sync,
    bench_width,
    bench_route,
    bench_lane,
    bench_lifecycle,
    bench_process,
)
_HIDDEN = {"name", "baseline", "data", "command", "python", "steps"}


def _rows(module: Any) -> list[dict[str, Any]]:
    found = module.run()
    return asyncio.run(found) if inspect.iscoroutine(found) else found


def _commit() -> str:
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def main() -> None:
    """Print what was measured, with the baseline of every ratio."""
    every: list[dict[str, Any]] = []
    for module in MODULES:
        for row in _rows(module):
            every.append(row)
            figures = ", ".join(f"{key} {value}" for key, value in row.items() if key not in _HIDDEN)
            print(f"{row['name']}: {figures} (baseline: {row['baseline']}; {row['command']})", flush=True)  # noqa: T201 - a benchmark prints
    report = {
        "commit": _commit(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rows": every,
    }
    Path("var").mkdir(exist_ok=True)
    Path("var/bench.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
