"""What a run was made with, by reference: files, code, the machine, the way its program ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A file that a run used, by name and by the digest of what it said."""

    name: str
    digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return name and digest."""
        return {"name": self.name, "digest": self.digest}


@dataclass(frozen=True, kw_only=True)
class DatasetReference(Reference):
    """The samples that a run used.

    Attributes:
        path: the file in the project.
        digest: over the samples that were used, in whatever order.
        samples: how many they are.
    """

    path: str
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that the run's document holds."""
        return {
            "name": self.name,
            "path": self.path,
            "digest": self.digest,
            "samples": self.samples,
        }


@dataclass(frozen=True, kw_only=True)
class CodeReference:
    """The code that a run used: the commit checked out, and how the files differed from it.

    None stands for what is not known: no commit yet, or no `git` to ask.

    Attributes:
        branch: the branch that was checked out, as people type it; None when HEAD was detached.
        diff: the digest of `git diff HEAD`, whose text is on the runs branch; None when clean.
        untracked: the new files that are not ignored, by path.
    """

    commit: str | None = None
    dirty: bool | None = None
    branch: str | None = None
    diff: str | None = None
    untracked: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CodeReference:
        """Return the reference that a checked mapping describes."""
        return cls(
            commit=data["commit"],
            dirty=data["dirty"],
            branch=data.get("branch"),
            diff=data.get("diff"),
            untracked=tuple(data.get("untracked", ())),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return commit and dirty flag, and the rest where there is something to say."""
        more = {"branch": self.branch, "diff": self.diff, "untracked": list(self.untracked)}
        return {"commit": self.commit, "dirty": self.dirty, **filled(**more)}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where and how a run was started.

    Attributes:
        packages: the digest of the list of installed packages, whose text is on the runs branch.
    """

    argv: tuple[str, ...] = ()
    python: str = ""
    platform: str = ""
    gitexp: str = ""
    packages: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Machine:
        """Return the machine that a run's document describes."""
        return cls(
            argv=tuple(data.get("argv", ())),
            python=data.get("python", ""),
            platform=data.get("platform", ""),
            gitexp=data.get("gitexp", ""),
            packages=data.get("packages"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; what is not known is left out."""
        data: dict[str, Any] = {
            "argv": list(self.argv),
            "python": self.python,
            "platform": self.platform,
            "gitexp": self.gitexp,
            "packages": self.packages,
        }
        return {key: value for key, value in data.items() if value}


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a program that was executed as a run ended.

    Attributes:
        code: its exit code; None when a signal ended it or it did not start.
        signal: the name of that signal, such as `SIGKILL`.
        output_tail: the end of what it wrote.
    """

    code: int | None = None
    signal: str | None = None
    output_tail: str = ""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Exit | None:
        """Return the ending that a checked mapping describes; None for none."""
        if data is None:
            return None
        return cls(
            code=data.get("code"),
            signal=data.get("signal"),
            output_tail=data.get("output_tail", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; what is not known is left out."""
        data = {"code": self.code, "signal": self.signal, "output_tail": self.output_tail}
        return {key: value for key, value in data.items() if value not in (None, "")}


def filled(**fields: Any) -> dict[str, Any]:
    """Return the fields that hold something."""
    return {name: value for name, value in fields.items() if value}
