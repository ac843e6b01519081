from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitexp.cli.dotenv import dotenv_text, shell_text
from gitexp.errors import InvalidDocuments, InvalidInput

VALUES = {
    "temperature": 0.7,
    "seed": 12,
    "tiny": 1e-05,
    "stream": True,
    "model": "gpt-4o mini",
    "prompt": 'It\'s "fine" \\ really\n\n  indented $5 `x`\n::add-mask::x\n',
    "stop": ["a b", "'"],
    "options": {"k": "v w"},
    "empty": "",
    "unicode": "ü日本🙂",
}
Writer = Callable[..., str]
PLAIN_PROMPT = 'It\'s "fine" \\n really\n\n  indented\n'

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def spelled(values: Mapping[str, object]) -> dict[str, str]:
    """Return what the environment shall hold: text as it stands, anything else as JSON."""
    return {
        name.upper(): value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }


def read_by_shell(text: str, names: list[str], directory: Path) -> dict[str, str]:
    """Return the variables that /bin/sh holds after reading the text."""
    file = directory / "values.env"
    file.write_bytes(text.encode())
    printed = "".join(f'printf "%s\\0" "${name}"; ' for name in names)
    script = f'unset {" ".join(names)}; set -a; . "$1"; set +a; {printed}'
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script, "sh", str(file)],
        capture_output=True,
        check=True,
        timeout=30,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\0"), strict=False))


def read_by_dotenv(text: str) -> dict[str, str]:
    """Return the variables as python-dotenv reads them, by the rules of its parser."""
    found, rest = {}, text
    line = re.compile(
        r"""([^=]+)=(?:'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)")[^\S\r\n]*(?:\r\n|\n|\r|\Z)"""
    )
    while rest:
        match = line.match(rest)
        assert match, rest
        single, double = match[2], match[3]
        if single is not None:
            value = re.sub(r"\\([\\'])", r"\1", single)
        else:
            value = re.sub(
                r"\\[\\'\"abfnrtv]", lambda m: m[0].encode().decode("unicode-escape"), double
            )
        found[match[1]] = re.sub(r"\$\{[^}]*\}", "", value)
        rest = rest[match.end() :]
    return found


def test_a_shell_reads_back_every_value(tmp_path: Path) -> None:
    read = read_by_shell(shell_text(VALUES), list(spelled(VALUES)), tmp_path)
    assert read == spelled(VALUES)


@given(texts)
def test_any_text_survives_the_quotes_of_a_shell(text: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", shell_text({"x": text}) + 'printf "%s" "$X"'],
        capture_output=True,
        check=True,
        timeout=30,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.stdout.decode() == text


def test_no_line_of_a_shell_script_is_a_workflow_command() -> None:
    text = shell_text({"x": "a\n::set-env name=y::z\n \t::error::", "y": "\n##[group]"})
    assert not any(line.strip().startswith(("::", "##[")) for line in text.splitlines())


def test_every_dotenv_reader_reads_back_the_same(tmp_path: Path) -> None:
    values = {**VALUES, "prompt": PLAIN_PROMPT}
    text = dotenv_text(values)
    assert read_by_shell(text, list(spelled(values)), tmp_path) == spelled(values)
    assert read_by_dotenv(text) == spelled(values)


@given(st.lists(st.text(alphabet="ab'\"\\$`{}\nn #=!") | texts, min_size=1, max_size=3))
def test_a_dotenv_text_is_exact_or_refused(written: list[str]) -> None:
    values = {f"x{number}": text for number, text in enumerate(written)}
    try:
        text = dotenv_text(values)
    except InvalidDocuments:
        return
    assert read_by_dotenv(text) == spelled(values)
    script = text + "".join(f'printf "%s\\0" "${name}"; ' for name in spelled(values))
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        capture_output=True,
        check=True,
        timeout=30,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert done.stdout.decode().split("\0")[:-1] == written


@pytest.mark.parametrize("text", ["it's $5", "${NAME}", "a\rb", "\\\\ and `x`", "a\0b"])
def test_what_readers_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        dotenv_text({"greeting": text, "fine": "x"})
    assert caught.value.message == (
        "dotenv: GREETING: no form of this value is read alike by all dotenv readers"
    )
    assert caught.value.hint == (
        "Use --format shell or --format json, or leave it out with --only."
    )


def test_a_nul_has_no_place_in_a_variable() -> None:
    with pytest.raises(InvalidDocuments, match="an environment variable cannot hold a NUL"):
        shell_text({"x": "a\0b"})


def test_slots_that_differ_by_case_alone_are_refused() -> None:
    with pytest.raises(InvalidInput, match="model and Model would both be the variable MODEL"):
        shell_text({"model": 1, "Model": 2})


@pytest.mark.parametrize("write", [dotenv_text, shell_text])
@pytest.mark.parametrize(
    "slot",
    # what shells obey first, then loaders, then tools
    [
        "path",
        "Path",
        "IFS",
        "env",
        "home",
        "shell",
        "prompt_command",
        "ps1",
        "ps4",
        "bash_env",
        "bash_func",
        "ld_preload",
        "dyld_insert_libraries",
        "git_ssh_command",
        "pythonpath",
        "pythonstartup",
        "node_options",
        "perl5opt",
        "rubyopt",
        "editor",
        "pager",
        "visual",
        "cdpath",
        "shellopts",
        "term",
        "user",
        "lang",
        "lc_all",
        "tmpdir",
        "https_proxy",
        "_",
    ],
)
def test_a_variable_that_programs_obey_is_refused(write: Writer, slot: str) -> None:
    with pytest.raises(InvalidDocuments) as caught:
        write({"model": "x", slot: "/tmp/evil"})
    assert caught.value.message == (
        f"variables: {slot.upper()}: a shell, a loader or a tool obeys this variable"
    )
    assert caught.value.hint == (
        "Put something before every name with `--prefix`, as in `--prefix BOT_`, or leave it out "
        "with --only."
    )
    assert write({slot: "x"}, prefix="BOT_").removeprefix("export ") == f"BOT_{slot.upper()}='x'\n"


def test_every_refused_name_is_told_at_once() -> None:
    with pytest.raises(InvalidDocuments) as caught:
        shell_text({"path": "x", "model": "y", "home": "z"})
    assert [problem.place for problem in caught.value.problems] == ["PATH", "HOME"]


@pytest.mark.parametrize(
    "slot", ["prompt", "language", "history", "tools", "gitlab", "lcd", "model_path", "environment"]
)
def test_a_name_that_only_resembles_one_is_written(slot: str) -> None:
    assert shell_text({slot: "x"}) == f"export {slot.upper()}='x'\n"


@pytest.mark.parametrize(("prefix", "slot"), [("LD_", "preload"), ("ld_", "preload"), ("PA", "th")])
def test_a_prefix_makes_no_name_that_programs_obey(prefix: str, slot: str) -> None:
    with pytest.raises(InvalidDocuments, match="obeys this variable"):
        shell_text({slot: "x"}, prefix=prefix)


@pytest.mark.parametrize("prefix", ["1", "BOT-", "a b", "x;id;", "$(id)", "\n", "é", "A="])
def test_a_prefix_that_begins_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="is no beginning of a variable's name"):
        dotenv_text({"model": "x"}, prefix=prefix)
