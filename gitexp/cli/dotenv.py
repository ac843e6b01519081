r"""Values as environment variables, for readers of `.env` files and for a shell.

A dotenv file is read by programs that disagree. A POSIX shell (`set -a; . ./file`) takes nothing
as special between single quotes, and `\`, `$`, `` ` `` and `"` between double quotes. python-dotenv
(`parser.py`, 1.0) undoes `\\` and `\'` between single quotes, `\\`, `\"` and letters such as `\n`
between double quotes, and then replaces `${NAME}` everywhere. So a value is written in the one of
the two quotes in which both read it back exactly, and refused where neither does; the shell form
has no such limits.

Names are refused that a shell, a loader or a tool obeys, such as `PATH`: whoever may promote values
would otherwise decide which programs run where they are read. A prefix makes other names of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gitexp.cli.plain import json_line
from gitexp.documents.problems import ProblemCollector
from gitexp.errors import InvalidInput

_UNDONE_IN_SINGLE = re.compile(r"\\[\\']|\\\Z|'")
_SPECIAL_IN_DOUBLE = re.compile(r"[$`]")
_EXPANDED = re.compile(r"\$\{[^}]*\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_COMMAND_LINE = re.compile(r"\n(?=\s*(?:::|##\[))")

_SHELLS = """
    _ ARGV0 BASH BASHOPTS BASHPID CDPATH COLUMNS DIRSTACK ENV EUID EXECIGNORE FCEDIT
    FIGNORE FPATH FUNCNAME GLOBIGNORE GROUPS HISTCMD HISTCONTROL HISTFILE HISTFILESIZE
    HISTIGNORE HISTSIZE HISTTIMEFORMAT HOME HOSTNAME IFS INPUTRC LINENO LINES LOGNAME MAIL
    MAILCHECK MAILPATH MODULE_PATH NULLCMD OLDPWD OPTARG OPTERR OPTIND PATH PIPESTATUS
    POSIXLY_CORRECT PPID PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 PWD RANDOM READNULLCMD SECONDS
    SHELL SHELLOPTS SHLVL TERM TERMCAP TERMINFO TMOUT UID USER USERNAME ZDOTDIR
"""
"""What shells run, where they look, how they split, and what cannot be set in them."""

_LIBRARIES = """
    GCONV_PATH GLIBC_TUNABLES HOSTALIASES LANG LOCALDOMAIN LOCPATH NLSPATH
    RESOLV_HOST_CONF RES_OPTIONS TEMP TMP TMPDIR TZ TZDIR
"""
"""The loader, the C library and the place of temporary files."""

_STARTED = """
    BROWSER EDITOR GREP_OPTIONS LESS LESSCLOSE LESSOPEN MAKEFILES MAKEFLAGS MANPAGER
    MANPATH PAGER VISUAL
"""
"""Programs that others start, and their options."""

_INTERPRETERS = """
    CLASSPATH JAVA_HOME JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS
    NODE_EXTRA_CA_CERTS NODE_OPTIONS NODE_PATH NODE_TLS_REJECT_UNAUTHORIZED RUSTC
    RUSTC_WRAPPER RUSTFLAGS VIRTUAL_ENV
"""
"""Interpreters and build tools."""

_NETWORK = """
    ALL_PROXY CURL_CA_BUNDLE CURL_HOME DOCKER_HOST FTP_PROXY HTTPS_PROXY HTTP_PROXY
    KUBECONFIG NO_PROXY REQUESTS_CA_BUNDLE SSL_CERT_DIR SSL_CERT_FILE
"""
"""The way to the network, and whom to trust there."""

_OBEYED = frozenset(
    name
    for group in (_SHELLS, _LIBRARIES, _STARTED, _INTERPRETERS, _NETWORK)
    for name in group.split()
)
_OBEYED_FAMILIES = (
    *("BASH_", "BUNDLE_", "CARGO_", "DYLD_", "GEM_", "GIT_", "GITEXP_", "GITHUB_"),
    *("LC_", "LD_", "MALLOC_", "NPM_CONFIG_", "PERL5", "PERLLIB", "PIP_", "PYTHON"),
    *("RUBYLIB", "RUBYOPT", "SSH_", "XDG_"),
)


def dotenv_text(values: Mapping[str, Any], *, prefix: str = "") -> str:
    """Return a line `NAME=value` for each value, read back exactly by every reader.

    Args:
        prefix: what each name begins with, before the slot in capitals.

    Raises:
        InvalidDocuments: values that no dotenv form holds exactly, all of them; or names that
            programs obey.
        InvalidInput: two slots differ by case alone, or no variable begins like this.
    """
    found, lines = ProblemCollector(), []
    for name, text in _variables(values, prefix):
        quoted = _dotenv_quoted(text)
        if quoted is None:
            found.add("dotenv", name, "no form of this value is read alike by all dotenv readers")
        lines.append(f"{name}={quoted}\n")
    found.raise_if_any(hint="Use --format shell or --format json, or leave it out with --only.")
    return "".join(lines)


def _dotenv_quoted(text: str) -> str | None:
    """Return the text in the quotes in which a shell and python-dotenv agree, or None."""
    if "\0" in text or "\r" in text or _EXPANDED.search(text):
        return None
    if not _UNDONE_IN_SINGLE.search(text):
        return f"'{text}'"
    if _SPECIAL_IN_DOUBLE.search(text):
        return None
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shell_text(values: Mapping[str, Any], *, prefix: str = "") -> str:
    """Return a line `export NAME='value'` for each value, exact in every POSIX shell.

    Args:
        prefix: what each name begins with, before the slot in capitals.

    Raises:
        InvalidDocuments: values with a NUL, which no environment variable holds; or names that
            programs obey.
        InvalidInput: two slots differ by case alone, or no variable begins like this.
    """
    found, lines = ProblemCollector(), []
    for name, text in _variables(values, prefix):
        if "\0" in text:
            found.add("shell", name, "an environment variable cannot hold a NUL")
        lines.append(f"export {name}={_shell_quoted(text)}\n")
    found.raise_if_any(hint="Use --format json, or leave it out with --only.")
    return "".join(lines)


def _shell_quoted(text: str) -> str:
    quoted = text.replace("'", "'\\''")
    # Closing and opening the quotes adds nothing, and keeps a CI log from seeing a command.
    return "'" + _COMMAND_LINE.sub("\n''", quoted) + "'"


def check_prefix(prefix: str) -> None:
    """Check that variables may begin like this.

    Raises:
        InvalidInput: they may not.
    """
    if prefix and not _NAME.match(prefix):
        raise InvalidInput(
            f"{prefix!r} is no beginning of a variable's name",
            hint="Use letters, digits and _, and no digit first, as in `--prefix BOT_`.",
        )


def _variables(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    check_prefix(prefix)
    _refuse_same(values)
    named = [(prefix + slot.upper(), _variable_text(value)) for slot, value in values.items()]
    _refuse_obeyed(name for name, _ in named)
    return named


def _refuse_obeyed(names: Iterable[str]) -> None:
    found = ProblemCollector()
    for name in names:
        if name.upper() in _OBEYED or name.upper().startswith(_OBEYED_FAMILIES):
            found.add("variables", name, "a shell, a loader or a tool obeys this variable")
    found.raise_if_any(
        hint="Put something before every name with `--prefix`, as in `--prefix BOT_`, or leave it "
        "out with --only."
    )


def _refuse_same(values: Iterable[str]) -> None:
    names: dict[str, str] = {}
    for slot in values:
        other = names.setdefault(slot.upper(), slot)
        if other != slot:
            raise InvalidInput(
                f"{other} and {slot} would both be the variable {slot.upper()}",
                hint="Use --format json, or leave one out with --only.",
            )


def _variable_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json_line(value)
