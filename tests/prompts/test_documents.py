"""What a prompt says, and what can be wrong with it."""

from __future__ import annotations

import pytest

from gitexp.documents import schemas
from gitexp.documents.parsed import ParsedDocument
from gitexp.prompts.documents import Message, Prompt, Variable, faults, problems_of


def loaded(text: str) -> Prompt:
    return Prompt.from_dict("reply", schemas.load("prompt", text, file="reply.yaml"))


def test_a_text_with_variables_is_a_prompt() -> None:
    prompt = loaded(
        "template: Hi {{ name }}\n"
        "variables: {name: {type: string, description: whom}, n: {type: integer, default: 2}}\n"
        "model: m\nparameters: {temperature: 0}\ntags: {team: x}\n"
    )
    assert prompt.template == "Hi {{ name }}"
    assert prompt.variables == {
        "name": Variable(description="whom"),
        "n": Variable(type="integer", required=False, default=2),
    }
    assert (prompt.model, prompt.parameters, prompt.tags) == (
        "m",
        {"temperature": 0},
        {"team": "x"},
    )
    assert prompt.text == "Hi {{ name }}"


def test_a_chat_is_a_prompt_of_several_messages() -> None:
    prompt = loaded(
        "template:\n  - {role: system, content: Be kind.}\n  - {role: user, content: Hi}\n"
    )
    assert prompt.template == (
        Message(role="system", content="Be kind."),
        Message(role="user", content="Hi"),
    )
    assert prompt.text == "Be kind.\n\nHi"


def test_two_files_that_say_the_same_have_one_digest() -> None:
    assert loaded("template: a\nmodel: m\n").digest == loaded("model: 'm'\ntemplate: a\n").digest
    assert loaded("template: a\n").digest != loaded("template: b\n").digest


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"template": "Hi {{ nam }}", "variables": {"name": {}}},
            'template: there is no variable "nam"; did you mean "name"?',
        ),
        (
            {"template": "Hi {{ name }}"},
            'template: there is no variable "name": declare it in variables',
        ),
        (
            {"template": [{"role": "user", "content": "{{ a"}]},
            "template[0].content: ",
        ),
        (
            {"template": "a", "variables": {"n": {"type": "integer", "default": "x"}}},
            'variables.n.default: "x" is not of type integer',
        ),
        (
            {"template": "a", "variables": {"n": {"default": "x", "required": True}}},
            "variables.n.required: a variable with a default is not required",
        ),
        (
            {"template": "a", "variables": {"sample": {}}},
            'variables.sample: templates know "sample" already; call the variable otherwise',
        ),
        (
            {"template": "a", "variables": {"none": {}}},
            'variables.none: templates know "none" already; call the variable otherwise',
        ),
        ({"template": "a{% include 'b' %}"}, "template: {% include %} is not allowed"),
    ],
)
def test_what_the_schema_cannot_see_is_found(data: dict[str, object], message: str) -> None:
    found = [str(problem) for problem in problems_of(ParsedDocument(value=data), "f")]
    assert len(found) == 1
    assert found[0].startswith(f"f: {message}")
    assert ("declare it" in found[0]) == ("declare it" in message)


def test_a_good_prompt_has_no_faults() -> None:
    data = {"template": "{{ a }} {{ input }}", "variables": {"a": {}, "input": {}}}
    assert list(faults(data)) == []


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("string", "a", 1),
        ("integer", 1, True),
        ("integer", 1, 1.5),
        ("number", 1, "1"),
        ("number", 0.5, False),
        ("boolean", True, 1),
        ("list", [1], {}),
        ("object", {}, []),
    ],
)
def test_a_value_is_of_the_type_of_its_variable(kind: str, right: object, wrong: object) -> None:
    variable = Variable.from_dict({"type": kind})
    assert variable.fault(right) is None
    assert variable.fault(wrong) is not None
