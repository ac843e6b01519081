"""What some benchmarks start as a process: work in a loop, with as little around it as can be.

workers.py save CLONE EXPERIMENT COUNT ROUND    prints the seconds that COUNT saves took
workers.py ask PROJECT DATASET                  asks an endpoint and compares, row by row
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def save(clone: str, experiment: str, count: str, number: str) -> None:
    """Save new values again and again, and print the seconds it took."""
    from gitexp import Repository

    target = Repository.open(clone).experiments.get(experiment)
    first = 1_000_000 + int(number) * int(count)
    start = time.perf_counter()
    for value in range(first, first + int(count)):
        target.commit(patch={"max_tokens": value})
    print(time.perf_counter() - start)


def ask(project: str, dataset: str) -> None:
    """Ask the endpoint of the project for every row, as the shortest program would."""
    sys.path.insert(0, project)
    from instant import answer  # type: ignore[import-not-found]

    parameters = {"temperature": 0.5}
    with open(dataset, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    passed = sum(answer(row["input"], parameters) == row["expected"] for row in rows)
    print(passed)


WORK: dict[str, Callable[..., None]] = {"save": save, "ask": ask}

if __name__ == "__main__":
    WORK[sys.argv[1]](*sys.argv[2:])
