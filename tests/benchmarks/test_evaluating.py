"""Evaluations as they are measured: the server that they ask, and the checks of what they find."""

from __future__ import annotations

import json
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.benchmarks.measuring import CommandFailed
from tests.benchmarks.rows.evaluating import new_ground
from tests.benchmarks.servers import started_server
from tests.benchmarks.settings import Setting


def test_a_server_answers_until_its_benchmark_is_over(setting: Setting) -> None:
    address = started_server(setting)
    question = json.dumps({"input": "What is 21 plus 21? Just the number."}).encode()
    for path in ("instant", "later"):
        with urlopen(f"{address}/{path}", question) as response:
            assert json.load(response) == {"output": "42"}
    setting.closing.close()
    with pytest.raises(URLError):
        urlopen(f"{address}/instant", question)


def test_an_evaluation_that_finds_something_else_has_no_figure(setting: Setting) -> None:
    with setting.closing:
        ground = new_ground(setting)
        rows, url = setting.sizes.rows, ground.url("instant")
        assert float(
            setting.call(ground.clone, ground.worker("bare", ground.dataset(rows), rows, url))
        )
        wrong = ground.worker("bare", ground.dataset(rows), rows + 10, url)
        with pytest.raises(CommandFailed, match=r"passed=90, failed=10, .*not .*passed=99"):
            setting.call(ground.clone, wrong)
