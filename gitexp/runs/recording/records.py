"""Records: what the ledger keeps of a run, as the files that stand on the runs branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitexp.documents import layout
from gitexp.documents.json_codec import dump_json, dump_jsonl
from gitexp.runs.metrics import MetricPoint, NamedPoint, dump_points, in_order, take_in
from gitexp.runs.rows import ResultRow
from gitexp.runs.run import Run
from gitexp.runs.tallies import Tally, tally_of
from gitexp.store.model import NewObject
from gitexp.store.objects import make_object
from gitexp.store.streamed import StreamedBlob

Content = bytes | StreamedBlob
"""What stands in a file beside a record."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A run as it goes into the ledger.

    Attributes:
        run: the run, which is over.
        files: what stands beside it, by name, such as `results.jsonl`; nothing empty is written.
        texts: what it shares with other runs, by path on the branch.
    """

    run: Run
    files: Mapping[str, Content] = field(default_factory=dict)
    texts: Mapping[str, bytes] = field(default_factory=dict)

    def contents(self) -> dict[str, Content]:
        """Return the bytes of every file by its path on the runs branch."""
        directory = layout.run_dir(self.run.id)
        beside = {f"{directory}/{name}": data for name, data in self.files.items() if data}
        return {
            layout.run_path(self.run.id): dump_json(self.run.to_dict()),
            **beside,
            **self.texts,
        }


def blob_of(content: Content, hash_length: int) -> NewObject:
    """Return the object that a content is."""
    if isinstance(content, bytes):
        return make_object("blob", content, hash_length=hash_length)
    return content


def record_of(
    run: Run,
    rows: Sequence[ResultRow] = (),
    points: Sequence[NamedPoint] = (),
    *,
    files: Mapping[str, Content] | None = None,
    texts: Mapping[str, bytes] | None = None,
) -> Record:
    """Return the record of a run that is over.

    Its totals are counted from its rows, and its latest metrics are those of its points.

    Args:
        files: what else stands beside it, by name.
    """
    run = counted(run, tally_of(rows)) if rows else run
    if points:
        run = replace(run, metrics=_latest(run, points))
    own: dict[str, Content] = {
        layout.RESULTS_FILE: dump_jsonl(row.to_dict() for row in rows),
        layout.METRICS_FILE: dump_points(in_order(points)),
    }
    return Record(run=run, files={**own, **(files or {})}, texts=texts or {})


def counted(run: Run, tally: Tally) -> Run:
    """Return a run with what was counted over its rows."""
    return replace(
        run, stats=tally.stats, rates=tally.rates(), scores=tally.scores(), usage=tally.usage()
    )


def _latest(run: Run, points: Sequence[NamedPoint]) -> dict[str, MetricPoint]:
    latest = dict(run.metrics)
    take_in(latest, points)
    return latest
