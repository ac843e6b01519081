"""`gitexp run resume RUN`: go on with an evaluation."""

from __future__ import annotations

import click

from gitexp.cli.evaluating import carried_out
from gitexp.cli.groups import command
from gitexp.cli.output import Output, output_options
from gitexp.cli.run_arguments import push_option, run_argument, run_id_of


@command(
    "resume",
    examples=[
        "gitexp run resume 20261121T131502-k3f9q2x7",
        "gitexp run resume 20261121T131502 --push",
    ],
)
@run_argument()
@click.option("--force", is_flag=True, help="Go on even where it may still go on elsewhere")
@push_option
@output_options
def resume_command(output: Output, run: str, force: bool, push: bool) -> None:
    """Go on with an evaluation that was broken off

    Only those samples are done that are missing or were errors. Dataset, workflow, endpoints and
    evaluators must be what they were. A run that others shared while it went on with them is
    refused for a day after that.
    """
    from gitexp.evaluation.running.runner import resume

    session = output.session
    run_id = run_id_of(session, run)
    workspace = session.repository.workspace
    carried_out(
        output,
        f"going on with {run_id}",
        lambda report, begun: resume(workspace, run_id, force=force, progress=report, begun=begun),
        push=push,
    )
