"""Endpoints as files: what is read of them, and everything that is wrong, all at once."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from gitexp.errors import InvalidDocuments
from gitexp.evaluation.answers import Usage
from gitexp.evaluation.endpoints.loading import (
    Endpoint,
    Price,
    RateLimit,
    Retry,
    load_endpoint,
)


def load(directory: Path, text: str) -> Endpoint:
    target = directory / "endpoints" / "bot.yaml"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return load_endpoint(directory, "bot")


def problems(directory: Path, text: str) -> list[str]:
    with pytest.raises(InvalidDocuments) as caught:
        load(directory, text)
    return [f"{p.place}: {p.message}".removeprefix(": ") for p in caught.value.problems]


def test_what_all_types_know_is_read(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """\
type: http
description: The bot.
timeout: 20
concurrency: 4
retry: {attempts: 5, backoff_seconds: 0.5, max_backoff_seconds: 8, statuses: [429]}
rate_limit: {requests_per_minute: 60, tokens_per_minute: 1000}
price: {input_per_million: 2, output_per_million: 8, currency: EUR}
cache: false
url: https://bot.test/ask
json: {q: "{{ input }}"}
""",
    )
    assert (found.name, found.type, found.description) == ("bot", "http", "The bot.")
    assert (found.timeout, found.concurrency, found.cache) == (20, 4, False)
    assert found.retry == Retry(
        attempts=5, backoff_seconds=0.5, max_backoff_seconds=8, statuses=(429,)
    )
    assert found.rate_limit == RateLimit(requests_per_minute=60, tokens_per_minute=1000)
    assert found.price == Price(input_per_million=2, output_per_million=8, currency="EUR")
    assert found.options == {"url": "https://bot.test/ask", "json": {"q": "{{ input }}"}}
    assert found.reference.name == "bot"
    assert found.digest.startswith("sha256:")
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("text", "timeout", "attempts"),
    [
        ("type: http\nurl: http://x/\n", 300, 3),
        ("type: chat\nbase_url: http://x/\nmodel: m\nprompt: p\n", 300, 3),
        ("type: command\ncommand: [cat]\n", None, 1),
        ("type: python\ncallable: a:b\n", None, 1),
        ("type: replay\n", None, 1),
    ],
)
def test_what_holds_when_nothing_is_said(
    tmp_path: Path, text: str, timeout: float | None, attempts: int
) -> None:
    found = load(tmp_path, text)
    assert (found.timeout, found.retry) == (timeout, Retry(attempts=attempts))
    # What answers by code that may change unnoticed is not cached unless its file says so.
    assert found.cache is (found.type in ("http", "chat"))
    assert (found.concurrency, found.price, found.rate_limit) == (None, None, RateLimit())


def test_what_a_call_costs() -> None:
    price = Price(input_per_million=2, output_per_million=10)
    assert price.cost_of(Usage(input_tokens=1000, output_tokens=100)) == 0.003
    assert price.cost_of(Usage(output_tokens=100)) == 0.001
    assert price.cost_of(Usage()) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type: ftp\n", ['type: "ftp" is not one of']),
        ("type: http\n", ['the key "url" is missing']),
        ("type: http\nurl: x\ncallable: a:b\n", ['callable: not used with the type "http"']),
        ("type: replay\nurl: x\n", ['url: not used with the type "replay"']),
        ("type: python\ncallable: a:b\ntimeout: 0\n", ["timeout: 0 is not greater than 0"]),
        ("type: python\ncallable: a:b\nrate_limit: {}\n", ["rate_limit: 0 keys are fewer than 1"]),
        (
            (
                'type: http\nurl: "{{ inptu }}"\nheaders: {A: "{{ x", Host: b}\nbody: a\njson: 1\n'
                'response: {extract: "a[", usage: {cost: /~2}}\n'
            ),
            [
                'url: there is no variable "inptu"; did you mean "input"?',
                "headers.A: unexpected end of template",
                'response.extract: "a[" is no JMESPath expression',
                'response.usage.cost: "/~2" is no JSON pointer: after ~ comes 0 or 1',
                "body: the body is given by json already",
                "headers.Host: this header is set by the client itself",
            ],
        ),
        ("type: http\nurl: x\nmethod: GET\nbody: a\n", ["method: a GET request has no body"]),
        (
            "type: http\nurl: x\nresponse: {format: text, extract: a}\n",
            ["response.extract: text has nothing to follow a path in; let the format be json"],
        ),
        (
            (
                'type: chat\nbase_url: "{{ input }}"\nmodel: "{{ secrets.a }}"\napi_key: sk-123\n'
                "temperature: hot\nresponse_format: xml\n"
            ),
            [
                'base_url: there is no variable "input"; there are parameters',
                "model: secrets are not given to this part",
                "the key prompt is missing, or messages in its place",
                "api_key: a key in a file is no secret; name a secret slot: {{ secrets.SLOT }}",
                "temperature: 'hot' is neither a number nor a template",
                "response_format: 'xml' is not json, text or a mapping",
            ],
        ),
        (
            "type: chat\nbase_url: x\nmodel: m\nmessages: []\nprompt: a\n",
            ["messages: 0 items are fewer than 1"],
        ),
        (
            'type: chat\nbase_url: x\nmodel: m\nmessages: "{{ input }}"\nprompt: a\nsystem: b\n',
            [
                "system: the messages are given by messages already",
                "prompt: the messages are given by messages already",
            ],
        ),
        (
            (
                'type: command\ncommand: ["{{ input }}", "{{ secrets.a }}"]\n'
                "response: {status: [200]}\n"
            ),
            [
                "command[1]: secrets are not given to this part",
                "response.status: a program has no HTTP status; see exit_codes",
                'command[0]: there is no variable "input"; there are parameters',
            ],
        ),
        (
            (
                'type: command\nprotocol: jsonl\ncommand: [a, "{{ input }}"]\nstdin: x\n'
                'environment: {A: "{{ repeat }}"}\n'
            ),
            [
                "stdin: not used with the protocol jsonl",
                "command[1]: the program is started once for many samples: ",
                "environment.A: the program is started once for many samples: ",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_is_told_at_once(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    found = problems(tmp_path, text)
    assert len(found) == len(expected), found
    for message, words in zip(found, expected, strict=True):
        assert message.startswith(words)
