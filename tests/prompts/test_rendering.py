"""Prompts with values in them."""

from __future__ import annotations

from typing import Any

import pytest

from gitexp.errors import InvalidInput
from gitexp.evaluation.templates import render_all
from gitexp.prompts.documents import Message, Prompt
from gitexp.prompts.rendering import over_samples, render


def prompt(template: Any, **variables: Any) -> Prompt:
    return Prompt.from_dict("reply", {"template": template, "variables": variables, "model": "m"})


def test_a_text_is_rendered_and_is_a_message_of_the_user() -> None:
    found = render(prompt("Hi {{ name }}, {{ n + 1 }}", name={}, n={"type": "integer"}),
                   {"name": "Ada", "n": 1})  # fmt: skip
    assert found.text == "Hi Ada, 2"
    assert found.messages == (Message(role="user", content="Hi Ada, 2"),)
    assert found.to_dict() == {
        "name": "reply",
        "text": "Hi Ada, 2",
        "messages": [{"role": "user", "content": "Hi Ada, 2"}],
        "model": "m",
        "parameters": {},
    }


def test_a_chat_is_rendered_message_by_message() -> None:
    chat = [{"role": "system", "content": "For {{ a }}"}, {"role": "user", "content": "{{ b }}"}]
    found = render(prompt(chat, a={}, b={"type": "list"}), {"a": "x", "b": [1, "y"]})
    assert found.text is None
    assert [message.content for message in found.messages] == ["For x", '[1, "y"]']


def test_a_default_stands_in_for_what_is_not_given() -> None:
    assert render(prompt("{{ a }}", a={"default": "x"}), {}).text == "x"
    assert render(prompt("[{{ a or '' }}]", a={"required": False}), {}).text == "[]"


def test_a_value_is_never_a_template() -> None:
    assert render(prompt("{{ a }}!", a={}), {"a": "{{ 1 + 1 }}"}).text == "{{ 1 + 1 }}!"


def test_everything_that_is_wrong_with_values_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        render(prompt("{{ a }}{{ b }}", a={}, b={"type": "integer"}), {"b": "x", "c": 1})
    assert caught.value.message == (
        "prompt 'reply' cannot be rendered: there is no variable \"c\"; a is missing; "
        'b: "x" is not of type integer'
    )
    assert caught.value.hint == "Its variables are a, b."


def test_a_template_that_cannot_be_worked_out_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="prompt 'reply': "):
        render(prompt("{{ a.b.c }}", a={"type": "object"}), {"a": {}})


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"name": "Ada"}, "Hi Ada, kindly and 2"),
        ({"name": "Ada", "how": "coldly", "n": 3}, "Hi Ada, coldly and 3"),
        ("Ada", "Hi Ada, kindly and 2"),
    ],
)
def test_a_prompt_takes_its_variables_from_what_a_sample_asks(asked: Any, text: str) -> None:
    made = over_samples(
        prompt(
            "Hi {{ name }}, {{ how }} and {{ n }}",
            name={},
            how={"default": "kindly"},
            n={"type": "integer", "default": 2},
        )
    )
    assert render_all(made, {"input": asked}, where="w") == text


def test_a_chat_takes_them_in_every_message() -> None:
    chat = [{"role": "system", "content": "{{ a }}"}, {"role": "user", "content": "{{ input }}"}]
    made = over_samples(prompt(chat, a={"type": "object", "default": {"x": [None, True, "}}"]}}))
    assert render_all(made, {"input": "q"}, where="w") == [
        {"role": "system", "content": '{"x": [null, true, "}}"]}'},
        {"role": "user", "content": "q"},
    ]
