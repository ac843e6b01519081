"""What others alone may read is not shown, however it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gitexp.repository import Repository
from gitexp.surroundings import Surroundings

LEADS = "members:\n  grace@example.org: {roles: [admin]}\n"


def test_runs_that_others_alone_may_read_are_not_found(
    project: Path, repository: Repository, surroundings: Surroundings, git: Callable[..., str]
) -> None:
    tone = repository.experiments.create("tone")
    tone.commit({"model": "small"})
    with tone.start_run():
        pass
    assert len(repository.runs.search(experiments=["tone"]).runs) == 1
    (project / "groups").mkdir()
    (project / "groups" / "leads.yaml").write_text(LEADS)
    definition = project / "gitexp.yaml"
    definition.write_text(definition.read_text().replace("id: bot\n", "id: bot\n\ngroup: leads\n"))
    git(project, "add", "groups", "gitexp.yaml")
    git(project, "commit", "--quiet", "--message=leads")
    git(project, "push", "--quiet", "origin", "main")
    with Repository.open(project, surroundings=surroundings) as as_ada:
        assert as_ada.runs.search(experiments=["tone"]).runs == ()
        assert as_ada.runs.search().runs == ()
