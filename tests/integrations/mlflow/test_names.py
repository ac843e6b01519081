from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from gitexp.experiments.headers import Header
from gitexp.ids import name_fault
from gitexp.integrations.mlflow import names


def header(name: str = "tone", **tags: str) -> Header:
    """Return a header with tags; `_` in their names stands for a dot."""
    return Header(
        id="xaaaaaaaaaaaaaaaa",
        name=name,
        tags={key.replace("_", "."): value for key, value in tags.items()},
    )


def test_a_name_of_gitexp_stays_as_it_is() -> None:
    assert next(names.candidates("tone-2.1")) == "tone-2.1"


def test_another_name_is_made_safe_and_numbered() -> None:
    assert list(islice(names.candidates("My Exp/Öne"), 3)) == [
        "my-exp-one",
        "my-exp-one-2",
        "my-exp-one-3",
    ]
    assert list(islice(names.candidates("実験"), 2)) == ["experiment-2", "experiment-3"]
    assert next(names.candidates("CON")) == "con-2"


@given(st.text(max_size=600))
def test_whatever_a_name_is_all_candidates_are_usable(text: str) -> None:
    assert [name_fault(name) for name in islice(names.candidates(text), 12)] == [None] * 12


def test_a_number_follows_from_the_id_and_every_language_reads_it() -> None:
    number = names.number_of(header())
    assert number == names.number_of(header("renamed"))
    assert 0 < number < 2**53
    assert float(number) == number


def test_a_tag_names_another_number() -> None:
    assert names.number_of(header(mlflow_experimentId="12")) == 12
    assert names.number_of(header(mlflow_experimentId="-1")) == names.number_of(header())
    assert names.number_of(header(mlflow_experimentId="9" * 40)) == names.number_of(header())


def test_the_default_experiment_has_the_number_0() -> None:
    assert names.number_of(header("default")) == 0


def test_mlflow_sees_the_name_that_it_gave() -> None:
    assert names.mlflow_name(header()) == "tone"
    assert names.mlflow_name(header(mlflow_experimentName="My Exp/One")) == "My Exp/One"
