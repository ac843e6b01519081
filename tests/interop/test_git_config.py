"""Configuration: every key has the value that git itself gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitexp.errors import StoreError
from gitexp.store.disk import DiskStore
from gitexp.store.gitconfig import GitConfig, Place, canonical_key, parse_bool, parse_config
from tests.real_git import Git, new_repository

TRICKY = r"""
# a comment
; another one
[core] editor = vi ; not this
	pager = "less # not a comment" # but this
[user]
	name = "Ada \"the first\"	Example"@
	email=ada@example.org
	Flag
	empty =
	spaces =   a   b@
	continued = one \
two
	escapes = a\tb\nc\\d\"e
	quoted = "  kept  " and more
[Section "Sub \"quoted\" \\ One"]
	Key = 1
	key = 2
[old.Style]
	key = dotted
[url "https://example.org/#fragment"]
	insteadOf = x:
[remote "origin"]
	url = https://example.org/team/repository
[crlf] a = b
""".replace("@\n", "   \n")  # spaces at the end of a line


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return new_repository(tmp_path / "home" / "repository")


def config_of(git: Git) -> GitConfig:
    git_dir = str(git.path / ".git")
    with DiskStore.open(git.path) as store:
        return GitConfig(Place(git_dir, git_dir, lambda: store.head().branch), git.environ)


def as_git_lists(git: Git) -> list[tuple[str, str]]:
    found = git.raw("config", "--list", "--null").decode().split("\0")[:-1]
    pairs = [item.partition("\n") for item in found]
    # A key without a value is told apart from an empty one by the missing line break.
    return [(key, value if line_break else "true") for key, line_break, value in pairs]


def assert_same(git: Git) -> None:
    config = config_of(git)
    listed = as_git_lists(git)
    for key, _ in listed:
        expected = [value for other, value in listed if other == key]
        got = config.get_all(key)
        assert got == expected, key
    assert {setting.key for setting in config.settings()} == {key for key, _ in listed}


def test_every_odd_form_has_the_value_that_git_gives_it(git: Git) -> None:
    file = git.path / ".git/config"
    file.write_text(file.read_text() + TRICKY)
    assert_same(git)
    config = config_of(git)
    assert config.get("USER.Name") == 'Ada "the first"\tExample'
    assert config.get('section.Sub "quoted" \\ One.KEY') == "2"
    assert config.get("user.flag") == "true"


def test_windows_line_ends_and_a_byte_order_mark_are_understood(git: Git) -> None:
    file = git.path / ".git/config"
    text = file.read_text() + "[user]\nname = Ada\nlong = a \\\n b\n"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert_same(git)


def test_layers_are_read_in_gits_order(git: Git, tmp_path: Path) -> None:
    home = Path(git.environ["HOME"])
    git("config", "user.name", "repository")
    git("config", "extensions.worktreeConfig", "true")
    git("config", "--worktree", "user.name", "worktree")
    (home / ".gitconfig").write_text("[user]\nname = home\nemail = home\n[a]\nb = home\n")
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/config").write_text("[user]\nemail = xdg\n[c]\nd = xdg\n")
    assert_same(git)
    git.environ["XDG_CONFIG_HOME"] = str(tmp_path / "elsewhere")
    assert_same(git)
    system = tmp_path / "system"
    system.write_text("[s]\nt = system\n")
    git.environ |= {"GIT_CONFIG_SYSTEM": str(system), "GIT_CONFIG_NOSYSTEM": "0"}
    assert_same(git)
    git.environ["GIT_CONFIG_GLOBAL"] = str(system)
    assert_same(git)
    git.environ |= {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.Name",
        "GIT_CONFIG_VALUE_0": "environment",
        "GIT_CONFIG_PARAMETERS": "'x.y'='of a command' 'x.flag'",
    }
    assert_same(git)
    assert config_of(git).get("user.name") == "environment"


def test_includes_are_followed_where_their_condition_holds(git: Git) -> None:
    home = Path(git.environ["HOME"])
    conditions = [
        f"gitdir:{git.path}/",
        f"gitdir:{git.path}",
        "gitdir:repository/",
        "gitdir:~/repository/.git",
        "gitdir:elsewhere/",
        f"gitdir/i:{str(git.path).upper()}/",
        "gitdir:**/repo*/**",
        "onbranch:main",
        "onbranch:ma*",
        "onbranch:main/",
        "onbranch:**",
        "onbranch:other",
        "hasconfig:remote.*.url:https://example.org/**",
        "hasconfig:remote.*.url:https://elsewhere.org/**",
        "unknown:x",
    ]
    text = ['[remote "origin"]\nurl = https://example.org/a/b\n', "[include]\npath = plain\n"]
    (home / "plain").write_text("[plain]\na = 1\n[include]\npath = ~/deeper/file\n")
    (home / "deeper").mkdir()
    (home / "deeper/file").write_text("[deeper]\na = 1\n[include]\npath = beside\n")
    (home / "deeper/beside").write_text("[beside]\na = 1\n")
    for number, condition in enumerate(conditions):
        (home / f"c{number}").write_text(f"[c{number}]\na = yes\n")
        text.append(f'[includeIf "{condition}"]\npath = c{number}\n')
    (home / ".gitconfig").write_text("".join(text))
    assert_same(git)
    config = config_of(git)
    assert config.get("beside.a") == "1"
    held = [condition for n, condition in enumerate(conditions) if config.get(f"c{n}.a")]
    assert "onbranch:main" in held
    assert "gitdir:repository/" in held


def test_a_file_that_includes_itself_ends(git: Git) -> None:
    with (git.path / ".git/config").open("a") as file:
        file.write("[include]\npath = config\n[user]\nname = Ada\n")
    assert config_of(git).get("user.name") == "Ada"


def test_a_change_is_noticed_and_a_new_file_too(git: Git) -> None:
    config = config_of(git)
    assert config.get("user.name") is None
    git("config", "user.name", "Ada")
    assert config.get("user.name") == "Ada"
    (Path(git.environ["HOME"]) / ".gitconfig").write_text("[user]\nemail = ada@example.org\n")
    assert config.get("user.email") == "ada@example.org"


@pytest.mark.parametrize(
    "text, line",
    [
        ("key = 1\n", 1),
        ("[a]\n\n= 1\n", 3),
        ("[a\n", 1),
        ('[a]\nb = "c\n', 2),
        ("[a]\nb = \\x\n", 2),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_line(text: str, line: int) -> None:
    with pytest.raises(StoreError) as caught:
        list(parse_config(text, "config"))
    assert caught.value.message == (
        f"the Git configuration cannot be understood: config, line {line}"
    )


@pytest.mark.parametrize(
    "value, meaning",
    [
        *[(text, True) for text in ("yes", "On", "TRUE", "1", "42", "-1", "maybe")],
        *[(text, False) for text in ("no", "OFF", "false", "0", "", "00")],
    ],
)
def test_booleans_are_those_of_git(value: str, meaning: bool) -> None:
    assert parse_bool(value, True) == meaning


def test_keys_are_compared_as_git_does() -> None:
    assert canonical_key("Core.FileMode") == "core.filemode"
    assert canonical_key("Remote.My Origin.URL") == "remote.My Origin.url"
    assert canonical_key("url.https://A.b/.insteadOf") == "url.https://A.b/.insteadof"


def test_nothing_that_the_configuration_names_is_run(git: Git, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    command = f"touch {canary}"
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "gpg.program", "diff.external"):
        git("config", key, command)
    git("config", "filter.x.clean", command)
    git("config", "filter.x.smudge", command)
    git("config", "alias.save", "!" + command)
    hook = git.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-commit", "pre-commit", "post-index-change"):
        hook.with_name(name).write_text(f"#!/bin/sh\n{command}\n")
        hook.with_name(name).chmod(0o755)
    from tests.builders import commit_files

    with DiskStore.open(git.path) as store:
        commit_files(store, {"a.txt": b"a\n", ".gitattributes": b"* text\n"})
        commit_files(store, {"b.txt": b"b\n"})
    assert not canary.exists()
