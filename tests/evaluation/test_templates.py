"""Templates: values stay values, data stays data, and nothing outside is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.environments.parameters import Parameters, Provenance
from gitexp.errors import InvalidInput
from gitexp.evaluation.answers import CallFailed
from gitexp.evaluation.sandbox import MAX_TEXT
from gitexp.evaluation.templates import VARIABLES, Template, compile_all, render_all
from gitexp.ids import Digest, VersionId

WHERE = "endpoint 'bot': json.question"
INPUT = {"text": "how {{ 7 * 7 }}", "n": 3, "items": [1, 2], "none": None, "half": 0.5}
VALUES: Mapping[str, Any] = {
    "input": INPUT,
    "sample": {"id": "a", "input": INPUT, "expected": None, "metadata": {"lang": "en"}},
    "parameters": {"tone": "warm", "limits": [1.5, 2]},
    "outputs": {},
    "repeat": 0,
    "seed": None,
}


def rendered(source: str, values: Mapping[str, Any] = VALUES) -> Any:
    return Template(source, where=WHERE, names=VARIABLES).render(values)


def fault(source: str) -> str:
    with pytest.raises(CallFailed) as caught:
        rendered(source)
    assert caught.value.kind == "Template"
    assert not caught.value.retryable
    return str(caught.value).removeprefix(f"{WHERE}: ")


def refusal(source: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        Template(source, where=WHERE, names=VARIABLES)
    assert caught.value.hint
    return str(caught.value).removeprefix(f"{WHERE}: ")


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ input.n }}", 3),
        ("{{ input['n'] }}", 3),
        ("{{ input.half }}", 0.5),
        ("{{ input.items }}", [1, 2]),
        ("{{ input.none }}", None),
        ("{{ seed }}", None),
        ("{{ input.n + 1 }}", 4),
        ("{{ input.n == 3 }}", True),
        ("{{ input }}", INPUT),
        ("{{ [input.n, input.text] }}", [3, "how {{ 7 * 7 }}"]),
        ("{{ input.items | map('string') }}", ["1", "2"]),
        ("{{ input.items | reverse }}", [2, 1]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ input.items() }}", None),
        ("{{ input.missing | default('d') }}", "d"),
        ("{{ input.get('missing', 4) }}", 4),
        ("{{ sample.metadata.keys() }}", ["lang"]),
    ],
)
def test_one_expression_gives_its_value(source: str, value: Any) -> None:
    if source == "{{ input.items() }}":  # a key hides the method of that name
        assert fault(source) == "TypeError: 'list' object is not callable"
        return
    found = rendered(source)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain", "plain"),
        (" {{ input.n }}", " 3"),
        ("{{ input.n }}\n", "3\n"),
        ("{{ input.n }}{{ input.half }}", "30.5"),
        ("-> {{ input.items }} {{ true }} {{ input.none }}", "-> [1, 2] true null"),
        ("-> {{ sample.metadata }}", '-> {"lang": "en"}'),
        ("{% for x in input['items'] %}{{ loop.index }}:{{ x }} {% endfor %}", "1:1 2:2 "),
        ("{% if input.n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{% raw %}{{ input }}{% endraw %}", "{{ input }}"),
        ("a{# nothing #}b", "ab"),
        ("<{{ '<a & b>' | escape }}>", "<&lt;a &amp; b&gt;>"),
        ("{{ ', '.join(['a', 'b']) }}!", "a, b!"),
        ("{{ 'a-b'.replace('-', '+') }}!", "a+b!"),
        ("{{ input | tojson }}!", f"{INPUT}!".replace("'", '"').replace("None", "null")),
        ("{{ 'x' ~ 1 ~ none }}!", "x1null!"),
        ("{{ 'a\nb' | indent(2) }}!", "a\n  b!"),
        ("{{ 'é' }}<>&", "é<>&"),
    ],
)
def test_anything_else_gives_text(source: str, text: str) -> None:
    assert rendered(source) == text


def test_data_is_never_expanded_again() -> None:
    assert rendered("{{ input.text }}") == "how {{ 7 * 7 }}"
    assert rendered("Q: {{ input.text }}") == "Q: how {{ 7 * 7 }}"


@given(st.text())
def test_every_text_comes_through_as_it_is(text: str) -> None:
    values = {**VALUES, "input": text}
    assert rendered("{{ input }}", values) == text
    assert rendered("[{{ input }}]", values) == f"[{text}]"


def test_a_large_cell_comes_through() -> None:
    cell = "x" * (10 * 2**20)
    assert rendered("[{{ input }}]", {**VALUES, "input": cell}) == f"[{cell}]"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ parameters.ton }}", 'there is no "ton"; did you mean "tone"?'),
        ("{{ parameters['ton'] }}!", 'there is no "ton"; did you mean "tone"?'),
        ("{{ parameters.zzz }}", 'there is no "zzz"; there are "limits", "tone"'),
        ("{{ outputs.first }}", 'there is no "first"; it is empty'),
        ("{{ parameters.limits[2] }}", "there is no item 2 in a list of 2"),
        ("{{ input.none.more }}", 'null has no "more"'),
        ("{{ input.text.more }}!", '"how {{ 7 * 7 }}" has no "more"'),
        ("{{ input.n + 'a' }}", "TypeError: unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ input.n / 0 }}", "ZeroDivisionError: division by zero"),
        (
            "{{ 'a'.upper }}",
            "TypeError: builtin_function_or_method is no data; call it, if it is a method",
        ),
        ("{{ 1e308 * 10 }}!", "ValueError: Out of range float values are not JSON compliant"),
    ],
)
def test_what_cannot_be_worked_out_says_why(source: str, message: str) -> None:
    assert fault(source).startswith(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ inptu }}", 'there is no variable "inptu"; did you mean "input"?'),
        ("{{ env.HOME }}", 'there is no variable "env"; there are input, outputs, parameters'),
        ("{{ secrets.key }}", "secrets are not given to this part"),
        ("a\n{{ input", "line 2: unexpected end of template, expected 'end of print statement'."),
        ("{{ input | nope }}", "No filter named 'nope'."),
        ("{{ input | _counted }}", "there is no filter '_counted'"),
        ("{% include 'a' %}", "{% include %} is not allowed"),
        ("{% import 'a' as b %}", "{% import %} is not allowed"),
        ("{% from 'a' import b %}", "{% from %} is not allowed"),
        ("{% extends 'a' %}", "{% extends %} is not allowed"),
        ("{% block a %}{% endblock %}", "{% block %} is not allowed"),
        ("{% macro f() %}{{ f() }}{% endmacro %}", "{% macro %} is not allowed"),
        ("{% for a in input recursive %}{{ loop(a) }}{% endfor %}", "a loop that is recursive"),
        ("{% with input = 1 %}{{ input }}{% endwith %}", "'input' is the name of a variable"),
        ("{% set input = 1 %}{{ input }}", "'input' is the name of a variable already"),
        ("{% for parameters in input %}{% endfor %}", "'parameters' is the name of"),
        ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "it cannot be compiled: it is nested"),
        ("{{ " + "9" * 5000 + " }}", "it cannot be compiled: ValueError: "),
    ],
)  # fmt: skip
def test_a_wrong_template_is_refused_when_it_is_compiled(source: str, message: str) -> None:
    assert refusal(source).startswith(message)


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ input.__class__ }}!",
        "{{ input['__class__'] }}!",
        "{{ input | map(attribute='__class__') | list }}",
        "{{ range.__globals__ }}!",
        "{{ (1).__class__ }}!",
        "{{ [].append }}!",
        "{{ input.update({'n': 4}) }}!",
        "{{ input['items'].append(3) }}!",
        "{{ input['items'].pop() }}!",
        "{{ 'x'.encode() }}!",
        "{{ '{0.__class__}'.format(1) }}!",
        "{{ self.__init__ }}!",
        "{{ loop }}!",
        "{{ input | attr('__class__') }}!",
        "{{ (input | map('upper')).gi_frame }}!",
        "{% for x in [1] %}{{ loop.cycle.__func__ }}{% endfor %}",
        "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
        "{{ namespace(a=1).a }}!",
        "{{ dict(a=1).a }}!",
        "{{ cycler('a').next }}!",
    ],
)
def test_nothing_outside_is_reached(source: str) -> None:
    try:
        template = Template(source, where=WHERE, names=VARIABLES)
    except InvalidInput:
        return
    with pytest.raises(CallFailed):
        template.render(VALUES)


def test_methods_of_the_values_are_out_of_reach() -> None:
    parameters = Parameters(
        {"key": "HOME"},
        types={"key": "secret"},
        provenance=Provenance(
            experiment="e", experiment_id="e", version=VersionId("0" * 40), digest=Digest("")
        ),
        environ={"HOME": "hidden"},
    )
    values = {**VALUES, "parameters": parameters}
    assert rendered("{{ parameters.key }}", values) == "HOME"
    assert rendered("{{ parameters }}", values) == {"key": "HOME"}
    for source in ("{{ parameters.secret('key') }}", "{{ parameters['secret']('key') }}"):
        with pytest.raises(CallFailed, match='there is no "secret"'):
            rendered(source, values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ [1] * 10**9 }}",
        "{{ 2 ** (9 ** 9) }}",
        "{{ 10**4000 * 10**4000 }}!",
        "{{ '%999999999d' % 1 }}",
        "{{ 'a'.ljust(10**9) }}",
        "{{ 'a'.center(10**9) }}",
        "{{ '1'.zfill(10**9) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ range(10**9) }}",
        "{{ 5 | round(-10**9) }}",
        "{{ 5 | round(10**9, 'ceil') }}",
        "{{ range(100000) | join('a' * 1000000) }}",
        "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
        "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
        "{{ ('a' * 40000000) ~ ('b' * 40000000) }}",
        "{{ ('a' * 40000000) + ('b' * 40000000) }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% set _passes = [10 ** 9] %}{% for a in 'a' * 1100000 %}{% endfor %}",
        "{% for a in range(100000) %}{{ 'a' * 1000000 }}{% endfor %}",
        "{% set x %}{% for a in range(9) %}{{ 'a' * 9000000 }}{% endfor %}{% endset %}{{ x[0] }}",
    ],
)
def test_what_would_grow_without_end_is_stopped(source: str) -> None:
    with pytest.raises((CallFailed, InvalidInput)):
        rendered(source)


def test_the_longest_text_is_bounded_to_the_character() -> None:
    cell = "x" * (MAX_TEXT // 2)
    assert len(rendered("{{ input }}{{ input }}", {**VALUES, "input": cell})) == MAX_TEXT
    with pytest.raises(CallFailed, match="the text becomes too large"):
        rendered("{{ input }}{{ input }}!", {**VALUES, "input": cell})


def test_without_names_a_template_finds_out_when_it_is_rendered() -> None:
    template = Template("{{ output }} of {{ nobody }}", where="evaluator 'judge': prompt")
    with pytest.raises(CallFailed) as caught:
        template.render({"output": 1, "nobodi": 2})
    assert (
        str(caught.value)
        == 'evaluator \'judge\': prompt: there is no "nobody"; did you mean "nobodi"?'
    )


def test_secrets_are_named_one_by_one() -> None:
    names = VARIABLES | {"secrets"}
    template = Template("Bearer {{ secrets.key }}", where=WHERE, names=names)
    assert template.secrets == {"key"}
    assert template.render({**VALUES, "secrets": {"key": "abc"}}) == "Bearer abc"
    for source in ("{{ secrets }}", "{{ secrets[input] }}", "{{ secrets | tojson }}"):
        with pytest.raises(InvalidInput, match="secrets are named one by one"):
            Template(source, where=WHERE, names=names)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ parameters.base }}/ask/{{ input }}", "http://host/a b/ask/\ufdd0..%2F%3Fx%23%40"),
        ("http://host/{% if input %}{{ input }}{% endif %}", "http://host/\ufdd0..%2F%3Fx%23%40"),
        ("{{ input }}", "\ufdd0..%2F%3Fx%23%40"),
        ("http://host/{{ repeat }}?n={{ 1 + 1 }}", "http://host/\ufdd00?n=2"),
    ],
)
def test_data_in_an_address_is_encoded_and_marked(source: str, text: str) -> None:
    values = {**VALUES, "input": "../?x#@", "parameters": {"base": "http://host/a b"}}
    template = Template(source, where=WHERE, names=VARIABLES, address=True)
    assert template.render(values) == text


def test_templates_in_a_tree_are_rendered_in_their_places() -> None:
    tree = {"q": "{{ input.n }}", "list": ["a", "{{ parameters.tone }}!"], "n": 5, "{{ k }}": None}
    assert render_all(tree, VALUES, where=WHERE) == {
        "q": 3, "list": ["a", "warm!"], "n": 5, "{{ k }}": None
    }  # fmt: skip


def test_a_fault_in_a_tree_names_its_place() -> None:
    found = compile_all({"a": [{"b": "{{ input.zz }}"}]}, where="endpoint 'bot': json")
    with pytest.raises(CallFailed) as caught:
        found.render({"input": {}})
    assert str(caught.value) == "endpoint 'bot': json: a[0].b: there is no \"zz\"; it is empty"
