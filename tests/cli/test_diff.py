"""`gitexp diff`: two states of a project, versions and environments, for people and programs."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from gitexp.repository import Repository
from gitexp.runs.recording.ledger import append
from gitexp.runs.recording.records import counted, record_of
from gitexp.runs.tallies import tally_of
from tests.cli.conftest import DEFINITION, Run, git
from tests.runs.making import dataset_reference, make_row, make_run, references, run_id

Tone = list[str]


def commit(project: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message=change")


HEADER = "id: xaaaaaaaaaaaaaaaa\n\nname: calm\n"


@pytest.fixture
def calm(project: Path) -> Path:
    """A project whose trunk has an experiment and a dataset."""
    commit(
        project,
        {
            "experiments/calm/experiment.yaml": HEADER,
            "experiments/calm/parameters.yaml": "temperature: 0.5\n",
            "datasets/golden.jsonl": '{"id": "a", "input": "x", "expected": "1"}\n',
        },
    )
    return project


CHANGED = {
    "gitexp.yaml": DEFINITION.replace("maximum: 2", "maximum: 3"),
    "experiments/calm/parameters.yaml": (
        "temperature: 0.6\nstop: [a]\nprompt: |\n  Be kind to people.\n  Be brief.\n"
    ),
    "datasets/golden.jsonl": '{"id": "a", "input": "x", "expected": "2"}\n',
    "endpoints/llm.yaml": "type: http\nurl: http://localhost\n",
    "src/app.py": "print()\n",
}


def test_two_revisions_are_compared_section_by_section(calm: Path, gitexp: Run) -> None:
    commit(calm, CHANGED)
    result = gitexp("diff", "HEAD~1", "HEAD").ok()
    table, _, texts = result.out.partition("\n\n")
    assert [line.split() for line in table.splitlines()[:3]] == [
        ["what", "name", "place", "kind", "before", "after", "change"],
        ["slot", "temperature", "maximum", "changed", "2", "3", "+1", "(+50.0", "%)"],
        ["parameter", "calm", "temperature", "changed", "0.5", "0.6", "+0.1", "(+20.0", "%)"],
    ]
    rows = list(
        csv.DictReader(io.StringIO(gitexp("diff", "HEAD~1", "HEAD", "--format", "csv").ok().out))
    )
    told = [(row["section"], row["name"], row["place"], row["kind"]) for row in rows]
    assert told == [
        ("slot", "temperature", "maximum", "changed"),
        ("parameter", "calm", "temperature", "changed"),
        ("parameter", "calm", "prompt", "changed"),
        ("parameter", "calm", "stop[0]", "added"),
        ("endpoint", "llm", "", "added"),
        ("endpoint", "llm", "type", "added"),
        ("endpoint", "llm", "url", "added"),
        ("dataset", "golden", "", "changed"),
        ("sample", "golden", "a: expected", "changed"),
        ("file", "src/app.py", "", "added"),
    ]
    assert texts == (
        "--- HEAD~1 calm prompt\n+++ HEAD calm prompt\n!Be kind{+ to people+}.{+\\n+}\n+Be brief.\n"
    )
    assert gitexp("diff", "HEAD~1", "HEAD", "-q").ok().out.splitlines() == [
        "slot temperature",
        "experiment calm",
        "endpoint llm",
        "dataset golden",
        "file src/app.py",
    ]


def test_without_a_second_side_it_is_the_working_tree(calm: Path, gitexp: Run) -> None:
    (calm / "experiments/calm/parameters.yaml").write_text("temperature: 0.9\n")
    (calm / "endpoints").mkdir()
    (calm / "endpoints/new.yaml").write_text("type: http\n")
    for arguments in ([], ["HEAD"], ["main"]):
        document = json.loads(gitexp("diff", *arguments, "--format", "json").ok().out)
        assert document["b"] == {
            "label": "working tree",
            "kind": "worktree",
            **dict.fromkeys(("commit", "experiment", "version", "digest", "environment")),
        }
        [experiment] = document["experiments"]
        assert [c["after"] for c in experiment["parameters"]] == [0.9]
        assert [d["path"] for d in document["documents"]] == ["endpoints/new.yaml"]
    of_values = json.loads(gitexp("diff", "calm", "--format", "json").ok().out)
    assert [c["name"] for c in of_values["changes"]] == ["temperature"]
    assert of_values["b"]["experiment"] == "calm"


def test_what_is_live_is_compared_with_the_latest_version(tone: Tone, gitexp: Run) -> None:
    gitexp("share", "tone").ok()
    gitexp("promote", "tone", "production", "--version", tone[0]).ok()
    for left in ("env:production", "production", "tone@latest~1"):
        document = json.loads(gitexp("diff", left, "--format", "json").ok().out)
        assert document["b"]["version"] == tone[1]
        assert [c["after"] for c in document["changes"]] == [0.9]


def test_the_exit_code_says_whether_there_are_differences(calm: Path, gitexp: Run) -> None:
    same = gitexp("diff", "HEAD", "HEAD", "--exit-code").ok()
    assert (same.out, same.err) == ("", "no differences\n")
    assert gitexp("diff", "--exit-code").ok().out == ""
    commit(calm, {"src/app.py": "print()\n"})
    assert gitexp("diff", "HEAD~1", "HEAD").ok()
    assert gitexp("diff", "HEAD~1", "HEAD", "--exit-code").code == 3
    assert gitexp("diff", "nothing", "HEAD", "--exit-code").code == 1


def test_what_is_not_valid_is_told_and_is_a_difference(calm: Path, gitexp: Run) -> None:
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.5\nnonsense: 1\n"})
    result = gitexp("diff", "HEAD~1", "HEAD", "--exit-code")
    assert result.code == 3
    assert "calm: parameters.yaml: nonsense: unknown parameter" in result.err


def test_a_branch_is_compared_with_where_it_left_another(calm: Path, gitexp: Run) -> None:
    git("switch", "--quiet", "--create", "side")
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.6\n"})
    git("switch", "--quiet", "main")
    commit(calm, {"src/app.py": "print()\n"})
    three = json.loads(gitexp("diff", "main...side", "--format", "json").ok().out)
    option = json.loads(gitexp("diff", "--merge-base", "main", "side", "--format", "json").ok().out)
    assert three == option
    assert three["files"] == []
    assert three["base"] == git("merge-base", "main", "side").strip()


def test_the_branch_of_a_review_is_fetched(calm: Path, gitexp: Run) -> None:
    git("switch", "--quiet", "--detach")
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.6\n"})
    git("push", "--quiet", "origin", "HEAD:refs/pull/12/head")
    git("switch", "--quiet", "main")
    document = json.loads(
        gitexp("diff", "main", "origin/pull/12/head", "--format", "json").ok().out
    )
    assert document["b"]["label"] == "origin/pull/12/head"
    assert [c["after"] for c in document["experiments"][0]["parameters"]] == [0.6]
    missing = gitexp("diff", "main", "origin/pull/13/head")
    assert missing.code == 1
    assert missing.err.startswith("error: 'origin/pull/13/head' is no experiment, environment")


def test_a_shallow_clone_says_what_to_fetch(
    calm: Path, gitexp: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("switch", "--quiet", "--create", "side")
    commit(calm, {"src/a.py": "1\n"})
    git("push", "--quiet", "origin", "main", "side")
    url = (tmp_path / "remote.git").as_uri()
    git("clone", "--quiet", "--depth=1", "--branch=side", url, str(tmp_path / "ci"))
    monkeypatch.chdir(tmp_path / "ci")
    absent = gitexp("diff", "origin/main", "HEAD")
    assert (absent.code, absent.out) == (1, "")
    command = "git fetch --depth=1 origin +refs/heads/main:refs/remotes/origin/main"
    assert absent.err == (
        "error: 'origin/main' is no experiment, environment or commit\n"
        f"hint: Bring it here with `{command}`.\n"
    )
    git(*command.split()[1:])
    gitexp("diff", "origin/main", "HEAD").ok()
    hidden = gitexp("diff", "origin/main...HEAD")
    assert hidden.code == 1
    assert "this clone is shallow, its history is cut off" in hidden.err
    assert "Run `git fetch --unshallow`" in hidden.err


def test_markdown_obeys_nothing_that_stands_in_the_repository(calm: Path, gitexp: Run) -> None:
    evil = "@ada #1 </details> | ![x](http://e) <img src=x> `a` ``b``"
    commit(
        calm,
        {
            "experiments/calm/parameters.yaml": (
                f"prompt: |\n  ```\n  {evil}\n  ::error::x\nstop: ['{evil}']\n"
            )
        },
    )
    out = gitexp("diff", "HEAD~1", "HEAD", "--format", "md").ok().out
    table, _, rest = out.partition("\n\n")
    for line in table.splitlines():
        assert line.replace("\\|", "").count("|") == 8
    assert "````diff\n" in rest
    assert "`calm prompt`" in rest
    for line in out.splitlines():
        assert not line.startswith(("::", "#", "@", "<"))


def test_control_sequences_are_shown_and_not_obeyed(calm: Path, gitexp: Run) -> None:
    commit(calm, {"datasets/golden.jsonl": json.dumps({"id": "\x1b[2J", "input": "\x1b]0;x"})})
    for form in ("table", "md", "json", "jsonl", "csv"):
        assert "\x1b" not in gitexp("diff", "HEAD~1", "HEAD", "--format", form).ok().out


def test_secrets_are_masked_in_every_form(calm: Path, gitexp: Run) -> None:
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.5\napi_key: OTHER_KEY\n"})
    for form in ("table", "md", "json", "jsonl", "csv"):
        result = gitexp("diff", "HEAD~1", "HEAD", "--format", form).ok()
        assert "_KEY" not in result.out + result.err
        assert "secret" in result.out


def test_of_many_other_files_the_first_are_listed(calm: Path, gitexp: Run) -> None:
    commit(calm, {f"src/f{number:02d}.py": "x" for number in range(30)})
    result = gitexp("diff", "HEAD~1", "HEAD").ok()
    assert len(result.out.splitlines()) == 21
    assert result.err == "10 more files differ; `git diff --stat` lists them\n"
    document = json.loads(gitexp("diff", "HEAD~1", "HEAD", "--format", "json").ok().out)
    assert len(document["files"]) == 30


def test_a_value_and_its_text_are_told_apart(calm: Path, gitexp: Run) -> None:
    commit(calm, {"flags/a.yaml": "x: 1\ny: null\n"})
    commit(calm, {"flags/a.yaml": "x: '1'\n"})
    out = gitexp("diff", "HEAD~1", "HEAD").ok().out
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["flag", "a", "x", "changed", "1", '"1"'],
        ["flag", "a", "y", "removed", "null"],
    ]


def test_results_of_both_sides_follow(calm: Path, gitexp: Run) -> None:
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.6\n"})
    for revision, outcomes in (("HEAD~1", [True] * 10 + [False] * 10), ("HEAD", [True] * 20)):
        record(calm, revision, outcomes)
    result = gitexp("diff", "HEAD~1", "HEAD").ok()
    table = result.out.split("\n\n")[1].splitlines()
    cells = [re.split("  +", line) for line in table]
    assert cells[0][:7] == [
        *("experiment", "dataset", "result", "before", "after", "difference", "interval")
    ]
    assert cells[1] == [
        *("calm", "q", "pass_rate ↑", "50.0 % (29.9–70.1)", "100.0 % (83.9–100.0)"),
        *("+50.0 points", "+19.0 to +71.9", "0.0020", "20", "better"),
    ]
    assert cells[2][2:6] == ["exact-match ↑", "0.5 (0.299 to 0.701)", "1 (0.839 to 1)", "+0.5"]
    document = json.loads(gitexp("diff", "HEAD~1", "HEAD", "--format", "json").ok().out)
    [results] = document["experiments"][0]["results"]
    assert [m["verdict"] for m in results["measures"]] == ["better", "better"]
    without = gitexp("diff", "HEAD~1", "HEAD", "--no-results").ok()
    assert "pass_rate" not in without.out
    markdown = gitexp("diff", "HEAD~1", "HEAD", "--format", "md").ok().out
    assert "\n\n| experiment | dataset | result |" in markdown


def test_a_side_without_a_run_is_told(calm: Path, gitexp: Run) -> None:
    commit(calm, {"experiments/calm/parameters.yaml": "temperature: 0.6\n"})
    record(calm, "HEAD", [True])
    result = gitexp("diff", "HEAD~1", "HEAD").ok()
    assert "calm: no finished run over q with the values before\n" in result.err


def record(project: Path, revision: str, outcomes: list[bool]) -> None:
    """Record an evaluation of the values that a revision gives to `calm`."""
    with Repository.open(project) as repository:
        version = repository.experiments.get("calm").version(revision)
        rows = [make_row(f"s{n}", "passed" if ok else "failed") for n, ok in enumerate(outcomes)]
        run = make_run(
            run_id(len(outcomes) + (revision == "HEAD")),
            experiment="calm",
            digest=version.digest,
            dataset=dataset_reference("q", samples=len(rows)),
            evaluators=references("exact-match"),
        )
        records = [record_of(counted(run, tally_of(rows)), rows)]
        append(repository.workspace, "calm", records)
