from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, git

Tone = list[str]


def test_init_makes_a_project_and_is_harmless_the_second_time(directory: Path, gitexp: Run) -> None:
    created = json.loads(gitexp("init", "bot", "--format", "json").ok().out)
    assert created == {"project": "bot", "directory": str(directory / "bot"), "created": True}
    before = git("rev-parse", "HEAD", directory=directory / "bot")
    again = gitexp("-C", "bot", "init").ok()
    assert again.err == "this is a project already; nothing was changed\n"
    assert git("rev-parse", "HEAD", directory=directory / "bot") == before
    assert git("status", "--porcelain", directory=directory / "bot") == ""


def test_an_experiment_is_created_and_shown(project: Path, gitexp: Run) -> None:
    made = gitexp(
        "experiment", "create", "tone", "--description", "How it sounds", "--tag", "team=chat"
    ).ok()
    assert made.out.startswith("experiment   tone\nvisibility   private\n")
    entry = json.loads(gitexp("experiment", "show", "tone", "--format", "json").ok().out)
    assert entry["name"] == "tone"
    assert entry["description"] == "How it sounds"
    assert entry["tags"] == {"team": "chat"}
    assert entry["visibility"] == "private"
    assert entry["versions_count"] == 0
    assert entry["latest_version"] is None
    assert entry["project_id"] == "bot"


def test_a_bad_name_is_an_error_with_a_hint(project: Path, gitexp: Run) -> None:
    result = gitexp("experiment", "create", "../x")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: '../x' is not a usable ")
    assert "\nhint: Use lower-case letters" in result.err


def test_an_unknown_experiment_is_an_error(project: Path, gitexp: Run) -> None:
    result = gitexp("versions", "tonne", "--format", "json")
    assert result.code == 1
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert "'tonne'" in result.err


def test_experiments_are_listed_in_every_format(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "create", "length").ok()
    listed = json.loads(gitexp("experiment", "list", "--format", "json").ok().out)
    assert listed["total"] == 2
    assert [item["name"] for item in listed["items"]] == ["length", "tone"]
    assert listed["items"][1]["latest_version"] == tone[1]
    lines = gitexp("experiment", "list", "--format", "jsonl").ok().out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["length", "tone"]
    rows = list(
        csv.DictReader(io.StringIO(gitexp("experiment", "list", "--format", "csv").ok().out))
    )
    assert [(row["name"], row["latest_version"]) for row in rows] == [
        ("length", ""),
        ("tone", tone[1]),
    ]
    markdown = gitexp("experiment", "list", "--format", "md").ok().out.splitlines()
    assert markdown[3].startswith(f"| `tone` | private | active | 2 | `{tone[1][:10]}` |")
    assert gitexp("experiment", "list", "-q").ok().out == "length\ntone\n"


def test_a_bare_noun_lists(tone: Tone, gitexp: Run) -> None:
    assert gitexp("experiment").ok().out == gitexp("experiment", "list").ok().out
    assert "tone" in gitexp("experiment").out


def test_a_page_says_what_it_leaves_out(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "create", "length").ok()
    assert gitexp("experiment", "list", "--limit", "1").ok().err == "1 to 1 of 2\n"
    assert gitexp("experiment", "list", "--offset", "1", "-q").ok().out == "tone\n"


def test_listings_are_filtered(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "create", "length", "--tag", "team=chat").ok()
    assert gitexp("experiment", "list", "--search", "SOUND", "-q").ok().out == "tone\n"
    assert gitexp("experiment", "list", "--tag", "team=chat", "-q").ok().out == "length\n"
    assert gitexp("experiment", "list", "--visibility", "shared", "-q").ok().out == ""


def test_header_and_tags_are_changed(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "update", "tone", "--hypothesis", "Calm wins").ok()
    gitexp("experiment", "tag", "tone", "team=chat", "quarter=3").ok()
    gitexp("experiment", "tag", "tone", "-d", "team").ok()
    entry = json.loads(gitexp("experiment", "show", "tone", "--format", "json").ok().out)
    assert (entry["hypothesis"], entry["tags"]) == ("Calm wins", {"quarter": "3"})
    assert entry["versions_count"] == 2


def test_nothing_to_change_is_a_usage_error(tone: Tone, gitexp: Run) -> None:
    result = gitexp("experiment", "update", "tone")
    assert (result.code, result.err) == (
        2,
        "error: nothing to change\nhint: Give `--description TEXT` or another option.\n",
    )


def test_an_experiment_is_renamed_archived_deleted_and_restored(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "rename", "tone", "voice").ok()
    assert gitexp("experiment", "list", "-q").ok().out == "voice\n"
    gitexp("experiment", "archive", "voice").ok()
    assert gitexp("experiment", "list", "-q").ok().out == ""
    assert gitexp("experiment", "list", "--lifecycle", "archived", "-q").ok().out == "voice\n"
    gitexp("experiment", "unarchive", "voice").ok()
    gitexp("experiment", "delete", "voice").ok()
    assert gitexp("experiment", "list", "--lifecycle", "deleted", "-q").ok().out == "voice\n"
    gitexp("experiment", "restore", "voice").ok()
    assert gitexp("experiment", "list", "-q").ok().out == "voice\n"
    assert gitexp("versions", "voice", "-q").ok().out.splitlines() == tone[::-1]


def test_purge_needs_a_yes_where_nobody_can_be_asked(tone: Tone, gitexp: Run) -> None:
    gitexp("experiment", "delete", "tone").ok()
    result = gitexp("experiment", "purge", "tone")
    assert result.code == 2
    assert result.err == ("error: there is no terminal to ask on\nhint: Add `--yes` to go ahead.\n")
    assert gitexp("experiment", "list", "--lifecycle", "all", "-q").ok().out == "tone\n"
    assert gitexp("experiment", "purge", "tone", "--yes").ok().err == "tone is gone\n"
    assert gitexp("experiment", "list", "--lifecycle", "all", "-q").ok().out == ""


def test_a_save_prints_the_version(tone: Tone, gitexp: Run) -> None:
    saved = gitexp("commit", "tone", "--set", "temperature=0.3", "-m", "Calm").ok()
    lines = dict(line.split(None, 1) for line in saved.out.splitlines())
    assert lines["parent"] == tone[1][:10]
    assert lines["changed"] == "temperature 0.9 → 0.3"
    assert gitexp("versions", "tone", "-q").out.splitlines()[0].startswith(lines["version"])


def test_a_save_in_json_is_the_version_entry(tone: Tone, gitexp: Run) -> None:
    entry = json.loads(
        gitexp("commit", "tone", "--set", 'stop=["a"]', "-m", "Stop", "--format", "json").ok().out
    )
    assert list(entry)[:8] == [
        "version",
        "digest",
        "parent_version",
        "message",
        "author",
        "created_at",
        "values",
        "created",
    ]
    assert entry["parent_version"] == tone[1]
    assert entry["values"] == {
        "temperature": 0.9,
        "prompt": "Be kind.",
        "stop": ["a"],
        "api_key": "BOT_KEY",
    }
    assert entry["created"] is True


def test_a_save_without_a_change_says_so(tone: Tone, gitexp: Run) -> None:
    result = gitexp("commit", "tone", "--set", "temperature=0.9", "-q").ok()
    assert result.out == f"{tone[1]}\n"
    assert result.err == "no change: these are the values of the latest version\n"
    entry = json.loads(gitexp("commit", "tone", "--set", "temperature=0.9", "--format", "json").out)
    assert (entry["version"], entry["created"]) == (tone[1], False)


def test_everything_wrong_with_a_save_is_told_at_once(tone: Tone, gitexp: Run) -> None:
    result = gitexp(
        "commit", "tone", "--set", "temperature=7", "--set", "temperatur=1", "--set", "stop=a"
    )
    assert result.code == 1
    assert result.out == ""
    assert result.err.splitlines()[:3] == [
        "error: --set: temperature: 7.0 is greater than 2",
        "error: --set: no parameter slot 'temperatur'",
        'error: --set: stop: "a" is not a JSON list',
    ]
    assert gitexp("versions", "tone", "-q").out.splitlines() == tone[::-1]


def test_a_stale_parent_is_refused(tone: Tone, gitexp: Run) -> None:
    result = gitexp("commit", "tone", "--set", "temperature=0.1", "--parent", tone[0])
    assert result.code == 1
    assert result.err.startswith("error: ")
    assert gitexp("versions", "tone", "-q").out.splitlines() == tone[::-1]


def test_values_come_from_files_and_standard_input(tone: Tone, project: Path, gitexp: Run) -> None:
    (project / "prompt.txt").write_text("Be brief.\nBe kind.\n")
    gitexp("commit", "tone", "--set-file", "prompt=prompt.txt").ok()
    gitexp("commit", "tone", "--unset", "temperature").ok()
    shown = json.loads(gitexp("show", "tone", "--format", "json").ok().out)["values"]
    assert (shown["prompt"], shown["temperature"]) == ("Be brief.\nBe kind.\n", 0.5)
    gitexp("commit", "tone", "--values", "-", stdin='{"temperature": 1.5}').ok()
    shown = json.loads(gitexp("show", "tone", "--format", "json").ok().out)["values"]
    assert (shown["prompt"], shown["temperature"]) == ("Be kind.", 1.5)


@pytest.mark.parametrize(
    "arguments", [["--values", "nowhere.yaml"], ["--set-file", "prompt=nowhere.yaml"]]
)
def test_a_missing_file_is_an_error_with_a_hint(
    arguments: list[str], tone: Tone, project: Path, gitexp: Run
) -> None:
    result = gitexp("commit", "tone", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: nowhere.yaml cannot be read: no such file or directory\n"
        f"hint: Name a file that can be read; a relative path starts from {project}.\n"
    )


def test_a_blank_message_counts_as_not_given(tone: Tone, gitexp: Run) -> None:
    saved = gitexp("commit", "tone", "--set", "temperature=0.1", "-m", " \t", "--format", "json")
    assert json.loads(saved.ok().out)["message"] == "tone: temperature 0.9 -> 0.1"


def test_controls_in_messages_are_written_out_in_csv(tone: Tone, gitexp: Run) -> None:
    message = "\x1b]0;owned\x07 \u202etxt\x9b2J"
    gitexp("commit", "tone", "--set", "temperature=0.1", "-m", message).ok()
    out = gitexp("versions", "tone", "--format", "csv").ok().out
    assert "\\x1b]0;owned\\x07 \\u202etxt\\x9b2J" in out
    assert not any(character in out for character in "\x1b\x07\u202e\x9b")


def test_replacing_and_patching_exclude_each_other(tone: Tone, gitexp: Run) -> None:
    result = gitexp("commit", "tone", "--values", "-", "--set", "temperature=1")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: --values replaces all values",
        "hint: Use it without --set, --set-file and --unset.",
    ]


def test_versions_go_from_oldest_to_newest_in_data_and_back_in_tables(
    tone: Tone, gitexp: Run
) -> None:
    listed = json.loads(gitexp("versions", "tone", "--format", "json").ok().out)
    assert [entry["version"] for entry in listed] == tone
    assert gitexp("versions", "tone", "-q").ok().out.splitlines() == tone[::-1]
    lines = gitexp("versions", "tone").ok().out.splitlines()
    assert [line.split()[0] for line in lines] == ["version", tone[1][:10], tone[0][:10]]
    assert gitexp("versions", "tone", "--limit", "1", "-q").ok().out == f"{tone[1]}\n"


@pytest.mark.parametrize("revision", ["", "@latest", "@latest~0"])
def test_the_latest_version_is_shown(revision: str, tone: Tone, gitexp: Run) -> None:
    page = gitexp("show", f"tone{revision}").ok().out
    assert page.startswith(f"experiment  tone\nversion     {tone[1]}\ndigest      sha256:")
    assert "    Hot\n" in page
    assert "temperature  0.9\n" in page


def test_a_version_is_shown_by_a_prefix(tone: Tone, gitexp: Run) -> None:
    entry = json.loads(gitexp("show", f"tone@{tone[0][:8]}", "--format", "json").ok().out)
    assert (entry["version"], entry["values"]["temperature"]) == (tone[0], 0.7)
    assert gitexp("show", "tone@latest~1", "-q").ok().out == f"{tone[0]}\n"


def test_a_version_in_csv_has_a_column_for_each_value(tone: Tone, gitexp: Run) -> None:
    [row] = csv.DictReader(io.StringIO(gitexp("show", "tone", "--format", "csv").ok().out))
    assert (row["version"], row["values.temperature"], row["values.stop"]) == (tone[1], "0.9", "[]")


def test_two_versions_are_compared(tone: Tone, gitexp: Run) -> None:
    compared = gitexp("diff", "tone@latest~1", "tone").ok()
    assert compared.out == (
        "parameter    kind     before  after  change\n"
        "temperature  changed  0.7     0.9    +0.2 (+28.6 %)\n"
    )
    document = json.loads(gitexp("diff", "tone@latest~1", "tone", "--format", "json").ok().out)
    assert document["changes"] == [
        {"name": "temperature", "kind": "changed", "type": "number", "before": 0.7, "after": 0.9}
    ]
    assert document["a"]["version"] == tone[0]
    assert document["b"]["version"] == tone[1]


def test_differences_are_told_by_the_exit_code_when_asked(tone: Tone, gitexp: Run) -> None:
    assert gitexp("diff", "tone@latest~1", "tone", "--exit-code").code == 3
    same = gitexp("diff", "tone", "tone", "--exit-code").ok()
    assert (same.out, same.err) == ("", "no differences\n")


def test_a_changed_prompt_is_a_unified_diff(tone: Tone, gitexp: Run) -> None:
    gitexp("commit", "tone", "--set", "prompt=Be kind.\nBe brief.\n").ok()
    out = gitexp("diff", "tone@latest~1", "tone").ok().out
    assert "prompt     changed  (1 line)  (2 lines)  see below\n" in out
    assert "+Be brief.\n" in out
    markdown = gitexp("diff", "tone@latest~1", "tone", "--format", "md").ok().out
    assert "```diff\n" in markdown


def test_escape_sequences_in_messages_are_shown_and_not_obeyed(tone: Tone, gitexp: Run) -> None:
    gitexp("commit", "tone", "--set", "temperature=0.1", "-m", "\x1b[2J::error::x").ok()
    for arguments in (["versions", "tone"], ["show", "tone"], ["experiment"]):
        out = gitexp(*arguments).ok().out
        assert "\x1b" not in out
        assert "\\x1b[2J" in out


def test_completion_offers_experiments_and_environments(tone: Tone, process: Run) -> None:
    def offered(*words: str) -> list[str]:
        line = " ".join(["gitexp", *words])
        answer = process(
            env={
                "_GITEXP_COMPLETE": "bash_complete",
                "COMP_WORDS": line,
                "COMP_CWORD": str(len(words)),
            }
        )
        return answer.ok().out.split()

    assert offered("show", "to") == ["plain,tone"]
    assert offered("promote", "tone", "p") == ["plain,production"]
