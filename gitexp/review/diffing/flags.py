"""What of changed flags moves people who have them already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitexp.documents import layout
from gitexp.documents.parsed import ParsedDocument
from gitexp.project.workspace import Workspace
from gitexp.review.diffing.contents import Contents, value_at

_START = f"{layout.FLAGS_DIR}/"


def flag_notes(
    workspace: Workspace, before: Contents, after: Contents, changed: Iterable[str]
) -> Iterator[str]:
    """Yield how each changed flag that is valid on both sides moves people, a line each."""
    from gitexp.documents.schemas import check
    from gitexp.flags.documents import Flag
    from gitexp.flags.rebucketing import rebucketing

    for path in sorted(path for path in changed if layout.kind_of(path) == "flag"):
        key = path.removeprefix(_START).removesuffix(".yaml")
        values = [value_at(workspace, contents, path)[0] for contents in (before, after)]
        documents = [ParsedDocument(value=value) for value in values if value is not None]
        if len(documents) < 2 or any(check("flag", one, file=path) for one in documents):
            continue
        old, new = (Flag.from_dict(key, value) for value in values)
        yield from (f"flag {key}: {line}" for line in rebucketing(old, new))
