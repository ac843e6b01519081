"""Endpoints of the type chat: what a model is asked, and how its answers are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from gitexp.evaluation.answers import Answer, CallFailed, Usage
from gitexp.evaluation.endpoints.chat import provider_of
from tests.evaluation.systems import Asker, asked, failed, failure, run

CHAT = {
    "type": "chat",
    "base_url": "BASE/v1/",
    "model": "{{ parameters.model }}",
    "prompt": "Say {{ input }}",
}
KEY = {"api_key": "{{ secrets.key }}"}
ASKER = Asker(
    parameters={"model": "m-1", "t": 0.5}, secrets={"key": "K"}, environ={"K": "sk-s3cret"}
)


def completion(message: Any, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": more.pop("reason", "stop")}
    return {"id": "c-1", "model": "m-1-2026", "choices": [choice], **more}


class Model:
    """A model that gives one answer and keeps what it was asked."""

    def __init__(self, answer: Any, status: int = 200) -> None:
        self.answer = answer
        self.status = status
        self.path = ""
        self.body: dict[str, Any] = {}
        self.headers: Mapping[str, str] = {}

    async def __call__(self, request: web.Request) -> web.Response:
        self.path = request.raw_path
        self.headers = request.headers
        self.body = await request.json()
        return web.json_response(self.answer, status=self.status)


def says(text: Any = "ok", **more: Any) -> Model:
    return Model(completion({"role": "assistant", "content": text}, **more))


def ask(model: Model, given: Any = "hi", **keys: Any) -> Answer:
    return asked({**CHAT, **keys}, model, given, asker=ASKER)


def fails(model: Model, given: Any = "hi", **keys: Any) -> CallFailed:
    return failed({**CHAT, **keys}, model, given, asker=ASKER)


# --- what is asked ---------------------------------------------------------------------------


def test_a_prompt_becomes_a_user_message() -> None:
    model = says()
    answer = ask(model, "{{ 7 * 7 }}", system="Be {{ parameters.model }}", **KEY)
    assert answer.output == "ok"
    assert model.path == "/v1/chat/completions"
    assert model.headers["Authorization"] == "Bearer sk-s3cret"
    assert model.body == {
        "model": "m-1",
        "messages": [
            {"role": "system", "content": "Be m-1"},
            {"role": "user", "content": "Say {{ 7 * 7 }}"},
        ],
    }


def test_messages_may_be_given_one_by_one() -> None:
    model = says()
    messages = [{"role": "user", "content": [{"type": "text", "text": "{{ input.q }}"}]}]
    del_prompt = {k: v for k, v in CHAT.items() if k != "prompt"}
    asked({**del_prompt, "messages": messages}, model, {"q": "hi"}, asker=ASKER)
    assert model.body["messages"][0]["content"] == [{"type": "text", "text": "hi"}]


def test_messages_may_come_from_the_sample() -> None:
    model, history = says(), [{"role": "user", "content": "{{ x }}"}]
    data = {k: v for k, v in CHAT.items() if k != "prompt"} | {"messages": "{{ input }}"}
    asked(data, model, history, asker=ASKER)
    assert model.body["messages"] == history
    exc = failed(data, model, "text", asker=ASKER)
    assert (str(exc), exc.kind) == ("endpoint 'bot': messages: it gives no list", "Template")


def test_an_input_that_is_no_text_stands_in_a_prompt_as_json() -> None:
    model = says()
    ask(model, {"a": [1]}, prompt="{{ input }}")
    assert model.body["messages"][0]["content"] == '{"a": [1]}'


def test_parts_of_a_message_may_be_one_value() -> None:
    model, parts = says(), [{"type": "image_url", "image_url": {"url": "data:,"}}]
    ask(model, parts, prompt="{{ input }}")
    assert model.body["messages"][0]["content"] == parts


def test_settings_keep_their_types() -> None:
    model = says()
    ask(
        model,
        temperature="{{ parameters.t }}",
        max_tokens=5,
        seed="{{ seed }}",
        stop=["\n", "{{ input }}"],
        extra={"top_k": 3, "user": "{{ sample.id }}", "nothing": None},
    )
    body = {k: v for k, v in model.body.items() if k not in ("model", "messages")}
    assert body == {
        "temperature": 0.5, "max_tokens": 5, "stop": ["\n", "hi"], "top_k": 3, "user": "s1"
    }  # fmt: skip


def test_a_seed_of_the_run_is_passed_on() -> None:
    model = says()
    asked({**CHAT, "seed": "{{ seed }}"}, model, asker=ASKER, seed=7)
    assert model.body["seed"] == 7


def test_headers_and_a_query_may_be_given() -> None:
    model = says()
    headers = {"api-key": "{{ secrets.key }}"}
    asked(
        {**CHAT, "base_url": "BASE/deployments/x?api-version=3", "headers": headers},
        model,
        asker=ASKER,
    )
    assert model.path == "/deployments/x/chat/completions?api-version=3"
    assert model.headers["api-key"] == "sk-s3cret"
    assert "Authorization" not in model.headers


@pytest.mark.parametrize("base", ["ftp://x", "nowhere", "http://", "http://[x/"])
def test_a_base_url_that_is_none_says_so(base: str) -> None:
    exc = run(failure(ASKER.ask({**CHAT, "base_url": base})))
    assert str(exc).startswith("endpoint 'bot': base_url: ")
    assert exc.kind == "Template"


# --- what is answered ------------------------------------------------------------------------


def test_json_is_parsed_where_it_was_asked_for() -> None:
    model = says('{"a": 1}')
    assert ask(model, response_format="json").output == {"a": 1}
    assert model.body["response_format"] == {"type": "json_object"}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert ask(model, response_format=schema).output == {"a": 1}
    assert model.body["response_format"] == schema
    assert ask(says('{"a": 1}'), response_format="text").output == '{"a": 1}'


def test_tool_calls_are_the_output() -> None:
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": ""}},
        {"id": "3", "type": "function", "function": {"name": "h", "arguments": "{broken"}},
    ]
    model = Model(completion({"content": None, "tool_calls": calls}, reason="tool_calls"))
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert ask(model, tools=tools, tool_choice="auto").output == [
        {"name": "f", "arguments": {"x": 1}},
        {"name": "g", "arguments": {}},
        {"name": "h", "arguments": "{broken"},
    ]
    assert (model.body["tools"], model.body["tool_choice"]) == (tools, "auto")


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "thinking"}, {"type": "text", "text": "b"}]
    assert ask(says(parts)).output == "ab"


@pytest.mark.parametrize("calls", [5, {"a": 1}, "x"])
def test_tool_calls_that_are_no_list_are_none(calls: Any) -> None:
    assert ask(Model(completion({"content": "ok", "tool_calls": calls}))).output == "ok"


def test_a_tool_call_of_another_form_has_no_name() -> None:
    answer = ask(Model(completion({"content": None, "tool_calls": [{"function": "x"}, 1]})))
    assert answer.output == [{"name": None, "arguments": None}] * 2


def test_usage_that_cannot_be_is_not_believed() -> None:
    usage = {"prompt_tokens": -4, "completion_tokens": 10**400, "cost": -1.0}
    assert ask(says(usage=usage)).usage == Usage()


def test_an_empty_answer_is_an_answer() -> None:
    assert ask(says("")).output == ""


def test_usage_is_read_and_priced() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    price = {"input_per_million": 2, "output_per_million": 10}
    assert ask(says(usage=usage)).usage == Usage(input_tokens=1000, output_tokens=100)
    assert ask(says(usage=usage), price=price).usage.cost == 0.003
    assert ask(says(usage={**usage, "cost": 0.5}), price=price).usage.cost == 0.5
    assert ask(says(usage=None), price=price).usage == Usage()
    assert ask(says(usage={"prompt_tokens": "many"})).usage == Usage()


def test_a_trace_is_told_by_the_names_of_the_conventions() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    model = says(usage=usage, system_fingerprint="fp")
    found = ask(model, temperature=0.2, extra={"max_completion_tokens": 9}, provider="acme")
    attributes = dict(found.attributes)
    assert attributes.pop("server.port") > 0
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.output.type": "text",
        "gen_ai.response.id": "c-1",
        "gen_ai.response.model": "m-1-2026",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "openai.response.system_fingerprint": "fp",
        "server.address": "127.0.0.1",
    }


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("x.openai.azure.com", "azure.ai.openai"),
        ("localhost", "localhost"),
        ("evil-openai.azure.com", "evil-openai.azure.com"),
    ],
)
def test_the_provider_follows_from_the_host(host: str, provider: str) -> None:
    assert provider_of(host) == provider


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "more", "words", "kind"),
    [
        ({"content": None}, {}, "the answer has no content: ", "BadResponse"),
        ({"content": None, "refusal": "no"}, {}, 'the model refused: "no"', "Refusal"),
        ({"content": "{"}, {}, "the answer is no JSON: ", "BadResponse"),
        ({"content": "```json\n{}\n```"}, {}, "the answer is no JSON: ", "BadResponse"),
        ({"content": '{"a'}, {"reason": "length"}, "the answer was cut off at its most tokens: ",
         "BadResponse"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_an_error(
    message: Any, more: dict[str, Any], words: str, kind: str
) -> None:
    exc = fails(Model(completion(message, **more)), response_format="json")
    assert str(exc).startswith(f"endpoint 'bot': {words}")
    assert (exc.kind, exc.retryable) == (kind, False)


def test_an_answer_that_cannot_be_used_was_paid_for() -> None:
    paid = {"prompt_tokens": 1000, "completion_tokens": 10}
    price = {"input_per_million": 2, "output_per_million": 8}
    model = Model(completion({"content": "{"}, usage=paid))
    exc = fails(model, response_format="json", price=price)
    assert (exc.usage.input_tokens, exc.usage.output_tokens) == (1000, 10)
    assert exc.usage.cost == pytest.approx(0.00208)


def test_a_refusal_is_an_answer_where_text_was_asked_for() -> None:
    assert ask(Model(completion({"content": None, "refusal": "I will not"}))).output == "I will not"


@pytest.mark.parametrize("answer", [[], {}, {"choices": []}, {"choices": [{"text": "x"}]}, "x"])
def test_an_answer_of_another_form_is_an_error(answer: Any) -> None:
    exc = fails(Model(answer))
    assert str(exc).startswith("endpoint 'bot': the answer has no choices: ")
    assert exc.kind == "BadResponse"


@pytest.mark.parametrize(
    ("status", "error", "message", "retryable"),
    [
        (400, {"message": "bad", "type": "invalid"}, "HTTP 400 Bad Request: bad", False),
        (429, {"message": "slow down", "code": "rate_limit"},
         "HTTP 429 Too Many Requests: slow down", True),
        (429, {"message": "no money", "code": "insufficient_quota"},
         "HTTP 429 Too Many Requests: no money", False),
        (500, "oops", "HTTP 500 Internal Server Error: oops", True),
        (401, {"message": "wrong key sk-s3cret"}, "HTTP 401 Unauthorized: wrong key <secret>",
         False),
    ],
)  # fmt: skip
def test_an_error_of_the_api_is_told(
    status: int, error: Any, message: str, retryable: bool
) -> None:
    exc = fails(Model({"error": error}, status=status), **KEY)
    assert (str(exc), exc.kind, exc.retryable) == (
        f"endpoint 'bot': {message}", f"HTTP {status}", retryable
    )  # fmt: skip


@pytest.mark.parametrize("code", [[], {"a": 1}])
def test_an_error_of_another_form_is_still_told(code: Any) -> None:
    exc = fails(Model({"error": {"code": code, "type": code, "message": "busy"}}, status=503))
    assert str(exc) == "endpoint 'bot': HTTP 503 Service Unavailable: busy"
    assert (exc.kind, exc.retryable) == ("HTTP 503", True)


def test_an_error_behind_the_status_200_is_an_error() -> None:
    exc = fails(Model({"error": {"message": "overloaded", "code": 503}}))
    assert (str(exc), exc.kind, exc.retryable) == (
        "endpoint 'bot': overloaded", "HTTP 503", True
    )  # fmt: skip
    exc = fails(Model({"error": {"message": "what"}}))
    assert (exc.kind, exc.retryable) == ("BadResponse", False)


def test_the_messages_are_sent_as_utf8() -> None:
    model = says("ä")
    assert ask(model, "ö\x00").output == "ä"
    assert model.body["messages"][0]["content"] == "Say ö\x00"
    assert json.dumps(model.body)
