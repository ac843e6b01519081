"""Addresses: `gitexp:/path/to/project`, and those of the artifacts of its runs.

The path is that of a directory in a project, as for `gitexp -C`; it may be relative to the
current directory, and `%20` stands for a blank as in every address. `?project=ID` chooses one
project of a bare repository.

The artifacts of a run stand below `gitexp:///path/to/project/EXPERIMENT/RUN/artifacts`, with
EXPERIMENT as MLflow's number of it; those of a logged model below
`EXPERIMENT/models/MODEL/artifacts`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from gitexp.errors import InvalidInput

SCHEME = "gitexp"
ARTIFACTS = "artifacts"
MODELS = "models"

_DRIVE = re.compile(r"/[A-Za-z]:(?:/|\Z)")
_PLACE = re.compile(
    rf"\d+/(?:{MODELS}/(?P<model>m-\w+)|(?P<run>\w[\w\-]*))/{ARTIFACTS}(?:/(?P<inside>.+))?\Z",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class ProjectAddress:
    """Where a project is.

    Attributes:
        directory: a directory of it, perhaps relative.
        project: its id, where the directory is a bare repository of several.
    """

    directory: Path
    project: str | None = None


def parse_address(uri: str) -> ProjectAddress:
    """Return what an address says.

    Raises:
        InvalidInput: it is no address of a project.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme != SCHEME or parts.netloc not in ("", "localhost") or not path:
        raise InvalidInput(
            f"{uri!r} is no address of a project",
            hint="Write the path of its directory: `gitexp:/path/to/project`.",
        )
    project = parse_qs(parts.query).get("project")
    return ProjectAddress(
        directory=Path(path[1:] if _DRIVE.match(path) else path),
        project=project[-1] if project else None,
    )


def address_of(directory: Path, project: str | None = None) -> str:
    """Return the address of a project in an absolute directory."""
    path = quote(directory.as_posix())
    query = f"?project={quote(project, safe='')}" if project else ""
    return f"{SCHEME}://{path if path.startswith('/') else '/' + path}{query}"


@dataclass(frozen=True, kw_only=True)
class ArtifactPlace:
    """Where artifacts are: those of a run or of a logged model, at a path among them.

    Attributes:
        run, model: the id of whichever of the two it is; the other is empty.
        inside: the path among the artifacts, empty for the top.
    """

    run: str
    model: str
    inside: str


def place_of(path: str) -> ArtifactPlace | None:
    """Return what `EXPERIMENT/RUN/artifacts[/PATH]` says, or `EXPERIMENT/models/ID/artifacts`.

    None stands for any other path.
    """
    found = _PLACE.match(path.strip("/"))
    if found is None:
        return None
    return ArtifactPlace(
        run=found["run"] or "", model=found["model"] or "", inside=found["inside"] or ""
    )


def split_artifact_address(uri: str) -> tuple[str, str]:
    """Return the address of the project, and what comes behind it in the address of artifacts.

    That is empty where the address is one of a project.
    """
    parts = urlsplit(uri)
    segments = parts.path.rstrip("/").split("/")
    # From the end: the project may itself stand in directories of such names.
    for index in range(len(segments) - 3, 0, -1):
        inside = unquote("/".join(segments[index:]))
        if place_of(inside) is not None:
            root = "/".join(segments[:index]) or "/"
            return parts._replace(path=root).geturl(), inside
    return uri, ""
