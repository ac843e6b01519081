"""Reports made by hand, with any text wherever a report holds text of somebody else."""

from __future__ import annotations

from gitexp.documents.problems import Problem
from gitexp.ids import Digest, ObjectId, RunId
from gitexp.review.diffing.model import (
    DatasetDiff,
    DocumentDiff,
    EntryDiff,
    ExperimentDiff,
    FileDiff,
    ParameterChange,
    PathChange,
    ProjectDiff,
    SampleDiff,
    Side,
)
from gitexp.review.diffing.results import MeasureDiff, ResultsDiff, RunBrief
from gitexp.review.policies.judgements import Requirement
from gitexp.review.reporting.report import Asked, Effect, Evaluated, Point, Report, Validity

BASE, HEAD, PARTED = "b" * 40, "a" * 40, "c" * 40

HOSTILE = (
    "x\n::add-mask::y",
    "::error file=a,line=1::owned",
    "##[error]owned",
    "a|pipe|b",
    "a\\|b",
    "a\\",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</details></summary></code></pre><h1>x</h1>",
    "</td></tr></table><iframe src=//evil>",
    "<!-- gitexp:report:bot -->",
    "--> <b>x</b> <!--",
    "@org/team",
    "@everyone",
    "mail@example.org",
    "#123",
    "org/repo#123",
    "GH-7",
    "!45",
    "JIRA-77",
    "%milestone",
    "~label",
    "$1 snippet",
    "$`a`$",
    ":tada:",
    "![alt](https://evil.example/x.png)",
    "[text](https://evil.example)",
    "[text][ref]",
    "[ref]: https://evil.example",
    "[^note]",
    "https://evil.example/?q=1",
    "www.evil.example",
    "<https://evil.example>",
    "javascript:alert(1)",
    "`code`",
    "``",
    "```\nfence\n```",
    "~~~\nfence\n~~~",
    "`",
    "*bold* _it_ ~~gone~~",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "---",
    "===",
    "/close",
    "\n/close\n",
    "| --- |",
    "&lt;b&gt; &amp; &#60;",
    "\x1b]0;title\x07\x1b[2J",
    "\u202egnp.exe",
    "\x00\r\n\t",
    "\ud800",
    "${{ secrets.TOKEN }}",
    "$(id) `id` ;id",
    "{{ 7*7 }}",
    "'\"><svg/onload=alert(1)>",
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
    "",
    " ",
    "x" * 70_000,
    "`" * 3000,
)


def path_change(text: str) -> PathChange:
    return PathChange(place=text, kind="changed", before=text, after=[text, {text: text}])


def experiment(text: str, name: str | None = None) -> ExperimentDiff:
    run = RunBrief(
        id=RunId(text),
        experiment=text,
        version=HEAD,
        digest=text,
        status=text,
        created_at=text,
        total=10,
        passed=9,
        failed=1,
    )
    measure = MeasureDiff(
        name=text,
        kind="scores",
        direction="maximize",
        before=0.9,
        after=0.8,
        difference=-0.1,
        interval=(-0.2, -0.05),
        p_value=0.01,
        pairs=10,
        verdict="worse",
    )
    return ExperimentDiff(
        name=text if name is None else name,
        kind="changed",
        former_name=text,
        digest_before=Digest("sha256:" + "0" * 64),
        digest_after=Digest("sha256:" + "1" * 64),
        header=(path_change(text),),
        parameters=(
            ParameterChange(name=text, kind="changed", type="text", before=text, after=text + "!"),
            ParameterChange(
                name="prompt",
                kind="changed",
                type="text",
                before=f"one\n{text}\nthree\n",
                after=f"one\n{text} more\n/close\nthree\n",
            ),
            ParameterChange(name="temperature", kind="changed", before=0.5, after=0.75),
        ),
        problems=(text,),
        results=(
            ResultsDiff(
                dataset=text,
                before=run,
                after=run,
                same_samples=True,
                measures=(measure,),
                notes=(text,),
            ),
        ),
    )


def report(text: str = "tone", *, experiments: int = 1) -> Report:
    """Return a report with a text wherever there is one that is not ours."""
    names = [text] + [f"{text[:40]}-{n}" for n in range(1, experiments)]
    diff = ProjectDiff(
        a=Side(label=text, kind="revision", commit=ObjectId(BASE)),
        b=Side(label=text, kind="revision", commit=ObjectId(HEAD)),
        experiments=tuple(experiment(text, name) for name in names),
        settings=(path_change(text),),
        slots=(EntryDiff(name=text, kind="changed", changes=(path_change(text),)),),
        environments=(EntryDiff(name=text, kind="added", changes=(path_change(text),)),),
        documents=(
            DocumentDiff(
                type=text,
                name=text,
                path=text,
                kind="changed",
                changes=(path_change(text),),
                problem=text,
            ),
        ),
        datasets=(
            DatasetDiff(
                name=text,
                path=text,
                kind="changed",
                added=1,
                changed=1,
                samples=(SampleDiff(id=text, kind="changed", changes=(path_change(text),)),),
                left_out=3,
                problem=text,
            ),
        ),
        files=(FileDiff(path=text, kind="added"),),
        notes=(text,),
    )
    return Report(
        project="bot",
        kind="project",
        base=Point(label=text, commit=BASE),
        head=Point(label=text, commit=HEAD),
        compared=PARTED,
        diff=diff,
        validity=Validity(
            files=3, problems=(Problem(file=text, place=text, message=text, line=3, column=1),)
        ),
        evaluated=(
            Evaluated(
                experiment=names[0],
                digest="sha256:" + "1" * 64,
                total=3,
                finished=1,
                runs=(
                    RunBrief(
                        id=RunId(text),
                        experiment=text,
                        version=None,
                        digest=None,
                        status="finished",
                        created_at="2026-11-21T10:00:00Z",
                    ),
                ),
            ),
        ),
        effects=(
            Effect(
                environment=text,
                experiment=text,
                relation="other",
                live=text,
                bound=True,
                verdict="approval_required",
                requirements=(
                    Requirement(
                        policy=text,
                        kind="approvals",
                        outcome="missing",
                        text=text,
                        who=(text, text),
                    ),
                    Requirement(policy=text, kind="gate", outcome="met", text=text),
                ),
            ),
            Effect(environment=text, experiment=text, relation="unreadable", problem=text),
        ),
        asked=Asked(
            action=text, live=text, by=text, at=text, reason=text, change=text, passed_over=(text,)
        ),
        notes=(text,),
    )
