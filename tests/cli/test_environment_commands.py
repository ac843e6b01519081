from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

Tone = list[str]


@pytest.fixture
def live(tone: Tone, gitexp: Run) -> Tone:
    """The versions of an experiment whose latest is live in staging."""
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "staging", "-m", "Looks good").ok()
    return tone


def values(gitexp: Run, *arguments: str) -> dict[str, object]:
    return dict(json.loads(gitexp("env", "get", *arguments).ok().out))


def test_environments_are_declared_and_listed(project: Path, gitexp: Run) -> None:
    gitexp("env", "create", "preview", "--description", "For a look").ok()
    assert gitexp("env", "list", "-q").ok().out == "staging\nproduction\npreview\n"
    assert gitexp("env").out == gitexp("env", "list").out
    listed = json.loads(gitexp("env", "list", "--format", "json").ok().out)
    assert [item["bound"] for item in listed] == [False, False, False]


def test_a_promotion_prints_what_is_live(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    promoted = gitexp(
        "promote", "tone", "staging", "--version", "latest~1", "--format", "json"
    ).ok()
    entry = json.loads(promoted.out)
    assert (entry["environment"], entry["experiment"]) == ("staging", "tone")
    assert (entry["version"], entry["action"]) == (tone[0], "promote")
    shown = json.loads(gitexp("env", "show", "staging", "--format", "json").ok().out)
    assert (shown["version"], shown["commit"], shown["bound"]) == (tone[0], entry["commit"], True)


@pytest.mark.parametrize(
    "command",
    [
        ("promote", "tone@latest~1", "staging"),
        ("blame", "tone@latest~1"),
        ("run", "tone@latest~1", "--dataset", "questions", "--endpoint", "bot"),
        ("run", "start", "tone@latest~1"),
        ("run", "exec", "tone@latest~1", "--", "true"),
        ("job", "create", "tone@latest~1", "--entrypoint", "nightly"),
    ],
)
def test_a_version_is_named_by_the_option_alone(
    tone: Tone, gitexp: Run, command: tuple[str, ...]
) -> None:
    result = gitexp(*command)
    assert result.code == 2
    assert result.err == (
        "error: 'tone@latest~1' is a version, and the name of an experiment is asked for\n"
        "hint: Name the version by the option: `tone ... --version latest~1`.\n"
    )


def test_a_private_version_is_not_promoted(tone: Tone, gitexp: Run) -> None:
    result = gitexp("promote", "tone", "staging")
    assert result.code == 1
    assert result.out == ""
    assert "gitexp share tone" in result.err


def test_promoting_what_is_live_says_so(live: Tone, gitexp: Run) -> None:
    again = gitexp("promote", "tone", "staging").ok()
    assert again.err == f"no change: tone@{live[1][:10]} is live in staging already\n"


def test_an_unknown_environment_is_an_error(tone: Tone, gitexp: Run) -> None:
    result = gitexp("env", "get", "stagin")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "hint: Did you mean 'staging'?" in result.err


def test_an_unbound_environment_is_an_error_with_a_hint(tone: Tone, gitexp: Run) -> None:
    result = gitexp("env", "get", "production", "--format", "dotenv")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "gitexp promote" in result.err


def test_values_are_printed_in_every_format(live: Tone, gitexp: Run) -> None:
    expected = {"temperature": 0.9, "prompt": "Be kind.", "stop": [], "api_key": "BOT_KEY"}
    assert values(gitexp, "staging") == expected
    assert gitexp("env", "get", "staging", "--format", "yaml").ok().out == (
        "temperature: 0.9\n\nprompt: Be kind.\n\nstop: []\n\napi_key: BOT_KEY\n"
    )
    assert gitexp("env", "get", "staging", "--format", "dotenv").ok().out == (
        "TEMPERATURE='0.9'\nPROMPT='Be kind.'\nSTOP='[]'\nAPI_KEY='BOT_KEY'\n"
    )
    assert gitexp("env", "get", "staging", "--format", "shell").ok().out == (
        "export TEMPERATURE='0.9'\nexport PROMPT='Be kind.'\nexport STOP='[]'\n"
        "export API_KEY='BOT_KEY'\n"
    )


def test_a_prefix_begins_every_variable(live: Tone, gitexp: Run) -> None:
    prefixed = ("env", "get", "staging", "--only", "prompt", "--prefix", "BOT_", "--format")
    assert gitexp(*prefixed, "dotenv").ok().out == "BOT_PROMPT='Be kind.'\n"
    assert gitexp(*prefixed, "shell").ok().out == "export BOT_PROMPT='Be kind.'\n"
    assert gitexp(*prefixed, "json").err.splitlines() == [
        "error: --prefix does not go together with --format json",
        "hint: Only dotenv and shell name variables.",
    ]


def test_a_prefix_that_begins_no_name_is_a_usage_error(live: Tone, gitexp: Run) -> None:
    result = gitexp("env", "get", "staging", "--format", "shell", "--prefix", "x;id;")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [
        "error: 'x;id;' is no beginning of a variable's name",
        "hint: Use letters, digits and _, and no digit first, as in `--prefix BOT_`.",
    ]


def test_only_values_that_were_asked_for_are_printed(live: Tone, gitexp: Run) -> None:
    assert values(gitexp, "staging", "--only", "prompt") == {"prompt": "Be kind."}
    result = gitexp("env", "get", "staging", "--only", "promt")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: no parameter 'promt'\nhint: There are: temperature, prompt, stop, api_key.\n"
    )


def test_secrets_are_printed_only_on_request(
    live: Tone, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_KEY", "s3cret")
    assert values(gitexp, "staging")["api_key"] == "BOT_KEY"
    assert values(gitexp, "staging", "--resolve-secrets")["api_key"] == "s3cret"
    monkeypatch.delenv("BOT_KEY")
    result = gitexp("env", "get", "staging", "--resolve-secrets")
    assert (result.code, result.out) == (1, "")
    assert "BOT_KEY" in result.err


def test_the_environment_is_named_by_a_variable_or_default(
    live: Tone, gitexp: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gitexp("env", "get").code == 1
    monkeypatch.setenv("GITEXP_ENVIRONMENT", "staging")
    assert values(gitexp)["temperature"] == 0.9


def test_contradicting_selectors_are_an_error(live: Tone, gitexp: Run) -> None:
    result = gitexp("env", "get", "staging", "--version", live[0])
    assert (result.code, result.out) == (1, "")


def test_a_version_is_read_without_an_environment(live: Tone, gitexp: Run) -> None:
    chosen = values(gitexp, "--experiment", "tone", "--version", "latest~1")
    assert chosen["temperature"] == 0.7


def test_resolve_tells_where_the_values_come_from(live: Tone, gitexp: Run) -> None:
    origin = json.loads(gitexp("env", "resolve", "staging", "--format", "json").ok().out)
    assert (origin["experiment"], origin["version"]) == ("tone", live[1])
    assert (origin["environment"], origin["stale"]) == ("staging", False)
    assert f"version             {live[1][:10]}\n" in gitexp("env", "resolve", "staging").ok().out


def test_the_history_tells_who_what_when_and_why(live: Tone, gitexp: Run) -> None:
    gitexp("promote", "tone", "staging", "--version", "latest~1").ok()
    lines = gitexp("env", "history", "staging").ok().out.splitlines()
    assert "temperature 0.9 → 0.7" in lines[1]
    assert "Ada Example" in lines[2]
    assert "Looks good" in lines[2]
    items = json.loads(gitexp("env", "history", "staging", "--format", "json").ok().out)
    assert [item["version"] for item in items] == [live[0], live[1]]
    assert items[0]["changes"] == [
        {"name": "temperature", "kind": "changed", "type": "number", "before": 0.9, "after": 0.7}
    ]
    assert len(gitexp("env", "history", "staging", "--limit", "1", "-q").ok().out.splitlines()) == 1


def test_a_roll_back_makes_the_previous_version_live(live: Tone, gitexp: Run) -> None:
    gitexp("promote", "tone", "staging", "--version", "latest~1").ok()
    back = json.loads(
        gitexp("env", "rollback", "staging", "-m", "Bad", "--format", "json").ok().out
    )
    assert (back["action"], back["version"], back["reason"]) == ("rollback", live[1], "Bad")
    assert values(gitexp, "staging")["temperature"] == 0.9


def test_an_unbound_environment_serves_nothing(live: Tone, gitexp: Run) -> None:
    gitexp("env", "unbind", "staging").ok()
    assert gitexp("env", "get", "staging").code == 1


def test_environments_are_compared(live: Tone, gitexp: Run) -> None:
    gitexp("promote", "tone", "production", "--version", "latest~1").ok()
    compared = gitexp("env", "diff", "production", "staging", "--exit-code")
    assert compared.code == 3
    assert "temperature  changed  0.7     0.9    +0.2 (+28.6 %)\n" in compared.out
    assert gitexp("env", "diff", "staging", "tone").ok().err == "no differences\n"


def test_a_pinned_commit_is_read(live: Tone, gitexp: Run) -> None:
    pinned = gitexp("env", "history", "staging", "-q").out.split()[0]
    gitexp("promote", "tone", "staging", "--version", "latest~1").ok()
    assert values(gitexp, "staging", "--at", pinned)["temperature"] == 0.9


def test_a_lock_pins_what_is_read(live: Tone, project: Path, gitexp: Run) -> None:
    assert gitexp("env", "lock", "staging").ok().out == f"{project / 'gitexp.lock'}\n"
    gitexp("promote", "tone", "staging", "--version", "latest~1").ok()
    assert values(gitexp, "staging")["temperature"] == 0.7
    assert values(gitexp, "staging", "--locked")["temperature"] == 0.9


def test_with_nothing_bound_no_lock_file_is_written(project: Path, gitexp: Run) -> None:
    result = gitexp("env", "lock")
    assert (result.code, result.out) == (1, "")
    assert "hint: Bind one with `gitexp promote EXPERIMENT ENVIRONMENT`" in result.err
    assert not (project / "gitexp.lock").exists()


@pytest.fixture
def broken(live: Tone, gitexp: Run) -> str:
    """A commit that says nothing readable, at the tip of production's branch."""
    gitexp("promote", "tone", "production").ok()
    tree = git("rev-parse", "origin/main^{tree}").strip()
    commit = git("commit-tree", tree, "-p", "origin/env/bot/production", "-m", "by hand").strip()
    git("push", "--quiet", "origin", f"{commit}:refs/heads/env/bot/production")
    return commit


def test_a_broken_environment_locks_nobody_out(live: Tone, broken: str, gitexp: Run) -> None:
    warning = (
        "warning: environment 'production' is broken: "
        f"{broken[:10]}:environment.yaml: the file is missing\n"
    )
    listed = gitexp("env", "list").ok()
    assert f"broken: {broken[:10]}:environment.yaml" in listed.out
    assert listed.err == warning
    items = json.loads(gitexp("env", "list", "--format", "json").ok().out)
    assert [(item["bound"], bool(item["problem"])) for item in items] == [
        (True, False),
        (False, True),
    ]
    assert "production  broken: " in gitexp("status").ok().out
    assert "broken: " in gitexp("env", "show", "production").ok().out
    assert gitexp("experiment", "list", "-q").ok().out == "tone\n"
    assert gitexp("env", "lock").ok().err == warning
    assert gitexp("env", "get", "production").code == 1
    assert gitexp("unshare", "tone", "--yes").code == 1


def test_a_broken_environment_is_repaired_by_a_rollback(
    live: Tone, broken: str, gitexp: Run
) -> None:
    gitexp("env", "rollback", "production").ok()
    assert values(gitexp, "production")["temperature"] == 0.9
    items = json.loads(gitexp("env", "history", "production", "--format", "json").ok().out)
    assert [item["action"] for item in items] == ["rollback", "unreadable", "promote"]
    assert [item["problem"] is None for item in items] == [True, False, True]
    assert "broken: " in gitexp("env", "history", "production").ok().out
    assert gitexp("env", "list").ok().err == ""


def test_production_is_read_from_a_bare_address(live: Tone, project: Path, gitexp: Run) -> None:
    url = str(project.parent / "remote.git")
    assert values(gitexp, "staging", "--repo", url)["temperature"] == 0.9
    assert values(gitexp, "staging", "--repo", url, "--project", "bot")["temperature"] == 0.9


def test_a_stale_answer_is_given_with_a_warning(live: Tone, project: Path, gitexp: Run) -> None:
    remote = project.parent / "remote.git"
    url = str(remote)
    values(gitexp, "staging", "--repo", url)
    remote.rename(project.parent / "gone.git")
    stale = gitexp("env", "get", "staging", "--repo", url).ok()
    assert json.loads(stale.out)["temperature"] == 0.9
    assert stale.err == (
        "warning: the remote cannot be reached; these values were read from it earlier\n"
    )


def test_an_address_serves_environments_only(project: Path, gitexp: Run) -> None:
    result = gitexp("env", "get", "staging", "--repo", "https://example.org/x.git", "--locked")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: --locked does not go together with --repo",
        "hint: Read an environment from the address, or clone the repository.",
    ]


def test_a_shell_takes_the_values_over(live: Tone, process: Run) -> None:
    exported = process("env", "get", "staging", "--format", "shell").ok().out
    done = subprocess.run(
        ["/bin/sh", "-c", f"{exported}printf '%s' \"$PROMPT\""],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == "Be kind."


def test_plain_git_reads_what_is_live(live: Tone) -> None:
    shown = git("show", "origin/env/bot/staging:parameters.yaml")
    assert "temperature: 0.9\n" in shown


def test_reading_again_imports_nothing_heavy(live: Tone, directory: Path) -> None:
    script = (
        "import sys\n"
        "from gitexp.cli.main import cli\n"
        "code = cli.run(['env', 'get', 'staging'], 'gitexp')\n"
        "heavy = ('dulwich', 'jsonschema', 'pandas', 'rich', 'yaml', 'asyncio')\n"
        "print('RESULT', code, [name for name in heavy if name in sys.modules])\n"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
        )
    assert done.stdout.splitlines()[-1] == "RESULT 0 []"
