"""What is shipped for CI: it has the form that runners want, does what it says in the checkouts
that they make, and runs nothing of a branch."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.remotes_conftest import http_server
from tests.integrations.forge_server import TOKEN, FakeForge, served
from tests.interop.actions import ACTION, ROOT, Runner, load
from tests.review.reporting.conftest import World, made_world, parameters, world

__all__ = ["made_world", "world"]

pytestmark = pytest.mark.interop

HOSTILE = (
    '$(touch "$CANARY") `touch "$CANARY"` ${{ secrets.TOKEN }}\n::add-mask::x\n"; touch "$CANARY"'
)
COMMANDS = ("validate", "report", "comment", "check", "gate", "read", "lock")


# --- their form -----------------------------------------------------------------------------


def test_the_action_has_the_form_of_a_composite_action() -> None:
    action = load(ACTION)
    assert set(action) == {"name", "description", "branding", "inputs", "outputs", "runs"}
    assert action["runs"]["using"] == "composite"
    for spec in action["inputs"].values():
        assert set(spec) <= {"description", "required", "default"}
        assert isinstance(spec["description"], str)
        assert isinstance(spec.get("default", ""), str)
    for spec in action["outputs"].values():
        assert set(spec) == {"description", "value"}
    for step in action["runs"]["steps"]:
        assert set(step) == {"id", "shell", "env", "run"}
        assert step["shell"] == "bash"
        assert all(isinstance(value, str) for value in step["env"].values())


def test_no_script_is_put_together_from_what_somebody_else_wrote() -> None:
    for step in load(ACTION)["runs"]["steps"]:
        assert "${{" not in step["run"]
    for job in load(ROOT / "ci/github/pull-request.yml")["jobs"].values():
        assert all("run" not in step for step in job["steps"])


def test_every_input_is_used_and_every_one_that_is_used_is_declared() -> None:
    action = load(ACTION)
    used = set(re.findall(r"inputs\.([a-z_]+)", ACTION.read_text()))
    assert used == set(action["inputs"])
    described = action["inputs"]["command"]["description"]
    script = action["runs"]["steps"][1]["run"]
    for command in COMMANDS:
        assert command in described
        assert f"\n  {command})\n" in script


def test_the_workflow_gives_each_job_no_more_than_it_needs() -> None:
    workflow = load(ROOT / "ci/github/pull-request.yml")
    assert set(workflow) == {"name", "on", "permissions", "jobs"}
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "report": {"contents": "read"},
        "comment": {"pull-requests": "write"},
        "check": {"contents": "read", "pull-requests": "read"},
    }
    for name, job in jobs.items():
        assert set(job) <= {"if", "needs", "runs-on", "permissions", "steps"}
        for step in job["steps"]:
            assert set(step) <= {"id", "uses", "with"}
            given = step.get("with", {})
            if step["uses"].startswith("actions/checkout@"):
                # The trunk alone is checked out, never what a pull request brings.
                assert given == {"ref": "${{ github.event.repository.default_branch }}"}
            if "ci/github@" in step["uses"]:
                assert set(given) <= set(load(ACTION)["inputs"])
        checks_out = any("checkout" in step["uses"] for step in job["steps"])
        assert not (checks_out and "write" in str(job["permissions"]))
        assert checks_out == (name != "comment")


_JOB_KEYS = {
    *("image", "stage", "rules", "before_script", "script", "extends", "artifacts", "needs"),
    "variables",
}


def test_the_gitlab_template_has_the_form_of_jobs() -> None:
    template = load(ROOT / "ci/gitlab/gitexp.yml")
    for name, job in template.items():
        if name == "variables":
            assert all(isinstance(value, str) for value in job.values())
            continue
        assert set(job) <= _JOB_KEYS
        assert name == ".gitexp" or job["extends"] == ".gitexp"
        assert name == ".gitexp" or all(isinstance(line, str) for line in job["script"])
        for rule in job.get("rules", []):
            assert set(rule) <= {"if", "when"}


def test_the_hooks_have_the_form_of_pre_commit_hooks() -> None:
    hooks = load(ROOT / ".pre-commit-hooks.yaml")
    assert [hook["id"] for hook in hooks] == [
        *("gitexp-validate", "gitexp-report", "gitexp-gate", "gitexp-read", "gitexp-lock")
    ]
    for hook in hooks:
        assert set(hook) <= {
            *("id", "name", "description", "entry", "language", "files", "stages", "always_run"),
            *("pass_filenames", "require_serial", "verbose"),
        }
        assert hook["language"] == "python"
        assert set(hook.get("stages", [])) <= {"pre-commit", "pre-push", "manual"}
        assert "files" in hook or hook["always_run"] is True
        re.compile(hook.get("files", ""))


@pytest.mark.parametrize(
    "path",
    [
        *("gitexp.yaml", "bots/gitexp.yaml", "experiments/tone/parameters.yaml"),
        *("groups/leads.yaml", "flags/new-cart.yaml", "prompts/answer.yaml", "allowed_signers"),
    ],
)
def test_every_kind_of_file_is_validated_before_a_commit(path: str) -> None:
    hooks = {hook["id"]: hook for hook in load(ROOT / ".pre-commit-hooks.yaml")}
    assert re.search(hooks["gitexp-validate"]["files"], path)
    assert not re.search(hooks["gitexp-validate"]["files"], f"{path}.orig".replace("/", "-"))


# --- what they do ---------------------------------------------------------------------------


Make = Callable[..., Runner]


@pytest.fixture
def make(world: World, tmp_path: Path) -> Make:
    """Makes a runner whose checkout is as CI makes it."""

    def runner(
        workspace: Path, *, base: str = "", head: str = "", branch: str = "main", **environ: str
    ) -> Runner:
        made = Runner(
            workspace=workspace,
            temp=tmp_path / f"temp-{len(list(tmp_path.glob('temp-*')))}",
            event={
                "pull_request": {
                    "number": 12,
                    "base": {"sha": base, "ref": branch},
                    "head": {"sha": head, "ref": HOSTILE},
                    "user": {"login": "grace"},
                    "title": HOSTILE,
                },
                "repository": {"default_branch": "main"},
            },
            environ={
                **{k: v for k, v in world.surroundings.environ.items() if k != "PATH"},
                "CANARY": str(tmp_path / "canary"),
                **environ,
            },
        )
        made.install()
        return made

    return runner


def canary(runner: Runner) -> Path:
    return Path(runner.environ["CANARY"])


@pytest.fixture
def change(world: World) -> tuple[str, str]:
    """The base and the head of a pull request to the trunk."""
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    return world.git("rev-parse", "main"), head


def test_installing_puts_the_package_into_a_place_of_its_own(tmp_path: Path) -> None:
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    workspace = tmp_path / "hostile"
    workspace.mkdir()
    for name in ("pip", "venv", "encodings", "sitecustomize", "subprocess"):
        (workspace / f"{name}.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    runner = Runner(workspace=workspace, temp=tmp_path / "temp", environ={"HOME": str(tmp_path)})
    step = load(ACTION)["runs"]["steps"][0]
    done = runner.step(step, {"install": str(wheel), "python": "python3"})
    assert done.code == 0, done
    assert list((runner.temp / "gitexp").glob("lib/*/site-packages/tiny.py"))
    assert not (tmp_path / "canary").exists()
    again = runner.step(step, {"install": "nothing-of-that-name", "python": "python3"})
    assert again.code == 0


def test_validate_says_what_is_wrong_and_fails(world: World, make: Make) -> None:
    world.branch("bad", parameters("temperature: hot\n"))
    assert make(world.shallow("main", "good")).use(command="validate").code == 0
    done = make(world.shallow("bad")).use(command="validate")
    assert done.code == 3
    assert done.out.startswith("::error file=experiments/tone/parameters.yaml,line=1")


def test_a_report_is_made_in_a_checkout_of_one_commit(
    world: World, make: Make, change: tuple[str, str]
) -> None:
    world.run(1, [True, True, False], temperature=0.75)
    runner = make(world.shallow(), base=change[0], head=change[1])
    done = runner.use(command="report")
    assert done.code == 0, done
    data = json.loads((runner.temp / "gitexp-report.json").read_text())
    assert [p["name"] for p in data["diff"]["experiments"][0]["parameters"]] == ["temperature"]
    assert data["evaluated"][0]["total"] == 1
    assert {e["environment"] for e in data["effects"]} == {"staging", "production"}
    assert runner.summary.read_text().startswith("<!-- gitexp:report:bot -->\n")
    assert runner.output.read_text() == f"report={runner.temp}/gitexp-report.json\n"


def test_a_checkout_from_a_web_server_fetches_what_it_lacks(world: World, make: Make) -> None:
    world.run(1, [True, True, False], temperature=0.75)
    head = world.branch("warmer", parameters("temperature: 0.75\n"))
    base = world.git("rev-parse", "main")
    (world.clone / "README").write_text("new\n")
    world.git("add", "README")
    world.git("commit", "--quiet", "--message=trunk moves on")
    world.git("push", "--quiet", "origin", "main")
    where = world.path / "from-the-web"
    login = b64encode(b"x-access-token:pass").decode()
    with http_server(world.path, {"x-access-token": "pass"}) as address:
        # The checkout of Actions leaves the job's token in the configuration like this.
        header = f"http.{address}/.extraHeader=AUTHORIZATION: Basic {login}"
        options = ("--quiet", "--depth=1", "-c", header)
        world.git("clone", *options, f"{address}/shared.git", str(where), directory=world.path)
        runner = make(where, base=world.git("rev-parse", "main"), head=head)
        done = runner.use(command="report")
        assert done.code == 0, done
        data = json.loads((runner.temp / "gitexp-report.json").read_text())
        assert (data["compared"], data["notes"]) == (base, [])
        assert data["evaluated"][0]["total"] == 1
        assert runner.use(command="check").code == 0


def test_a_report_is_made_where_an_environment_is_checked_out(world: World, make: Make) -> None:
    head = world.git("rev-parse", world.proposed(temperature=0.75))
    base = world.git("rev-parse", "origin/env/bot/production")
    branch = "env/bot/production"
    runner = make(world.shallow(branch), base=base, head=head, branch=branch)
    assert not (runner.workspace / "gitexp.yaml").exists()
    done = runner.use(command="report")
    assert done.code == 0, done
    data = json.loads((runner.temp / "gitexp-report.json").read_text())
    assert (data["kind"], data["effects"][0]["environment"]) == ("environment", "production")


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    with served("github") as found:
        found.user = None
        yield found


def test_the_comment_comes_from_a_job_that_sees_the_report_alone(
    world: World, make: Make, change: tuple[str, str], forge: FakeForge, tmp_path: Path
) -> None:
    first = make(world.shallow(), base=change[0], head=change[1])
    assert first.use(command="report").code == 0
    empty = tmp_path / "empty"
    empty.mkdir()
    second = make(
        empty,
        base=change[0],
        head=change[1],
        GITHUB_API_URL=forge.address,
        GITHUB_REPOSITORY="team/bot",
        GITHUB_REF="refs/pull/12/merge",
    )
    report = str(first.temp / "gitexp-report.json")
    done = second.use(command="comment", report=report, token=TOKEN)
    assert done.code == 0, done
    (comment,) = forge.comments
    assert comment["body"].startswith("<!-- gitexp:report:bot -->\n")
    assert "`0.75`" in comment["body"]
    assert TOKEN not in done.out + done.err


def test_a_report_that_somebody_tampered_with_is_refused_or_harmless(
    world: World, make: Make, change: tuple[str, str], forge: FakeForge, tmp_path: Path
) -> None:
    first = make(world.shallow(), base=change[0], head=change[1])
    first.use(command="report")
    path = first.temp / "gitexp-report.json"
    data = json.loads(path.read_text())
    data["base"]["label"] = "@org/team <img src=x> [x](https://evil.example)\n/close\n"
    data["notes"] = ["</details>\n\n/approve"]
    path.write_text(json.dumps(data))
    environ = {
        "GITHUB_API_URL": forge.address,
        "GITHUB_REPOSITORY": "team/bot",
        "GITHUB_REF": "refs/pull/12/merge",
    }
    second = make(tmp_path, **environ)
    assert second.use(command="comment", report=str(path), token=TOKEN).code == 0
    body = forge.comments[0]["body"]
    assert "`@org/team <img src=x> [x](https://evil.example)\\n/close\\n`" in body
    assert not re.search(r"(?m)^\s*/", body)
    data["project"] = "bot --><img src=x>"
    path.write_text(json.dumps(data))
    refused = make(tmp_path, **environ).use(command="comment", report=str(path), token=TOKEN)
    assert refused.code == 1
    assert len(forge.comments) == 1


def test_a_check_tells_yes_from_no(world: World, make: Make, change: tuple[str, str]) -> None:
    allowed = make(world.shallow(), base=change[0], head=change[1]).use(command="check")
    assert allowed.code == 0, allowed
    loose = (world.clone / "gitexp.yaml").read_text().partition("    policies:")[0]
    head = world.branch("loose", {"gitexp.yaml": loose.replace("production:", "production: {}")})
    refused = make(world.shallow(name="other"), base=change[0], head=head).use(command="check")
    assert refused.code == 3
    assert "the merge into main is not allowed:" in refused.out


def test_a_gate_is_judged_in_a_checkout_of_one_commit(world: World, make: Make) -> None:
    run = world.run(1, [True, True, False], temperature=0.75)
    where = world.shallow()
    branch = "refs/heads/runs/bot/tone:refs/remotes/origin/runs/bot/tone"
    world.git("fetch", "--quiet", "--depth=1", "origin", branch, directory=where)
    rules = "--min exact-match=0.5\n\n--max-error-rate 0.1\n"
    assert make(where).use(command="gate", run=run.id, rules=rules).code == 0
    failed = make(where).use(command="gate", run=run.id, rules="--min exact-match=0.9")
    assert failed.code == 3
    assert make(where).use(command="gate", run=run.id, rules="").code == 2


def test_an_environment_is_read_into_an_output_that_nobody_can_break(
    world: World, make: Make
) -> None:
    with world.open() as repository:
        tone = repository.experiments.get("tone")
        tone.commit({"prompt": "x\nend_0\nreport=evil\nvalues<<end_0\n"}, message="sly")
        tone.share()
        tone.promote("staging")
    runner = make(world.shallow())
    done = runner.use(command="read", environment="staging")
    assert done.code == 0, done
    first, *lines, last = runner.output.read_text().splitlines()
    assert re.fullmatch(r"values<<end_[0-9a-f]{32}", first)
    assert first == f"values<<{last}"
    assert last not in lines
    assert json.loads("\n".join(lines))["prompt"].startswith("x\nend_0\n")


def test_environments_are_pinned(world: World, make: Make) -> None:
    runner = make(world.shallow())
    assert runner.use(command="lock", environment="production").code == 0
    assert "production" in (runner.workspace / "gitexp.lock").read_text()


def test_inputs_are_data(world: World, make: Make, change: tuple[str, str]) -> None:
    where = world.shallow()
    for inputs in (
        {"command": HOSTILE},
        {"command": "report", "base": HOSTILE},
        {"command": "report", "trunk": HOSTILE},
        {"command": "check", "actor": HOSTILE, "branch": HOSTILE},
        {"command": "gate", "run": HOSTILE, "rules": HOSTILE},
        {"command": "read", "environment": HOSTILE},
        {"command": "read", "environment": "--resolve-secrets"},
        {"command": "lock", "environment": "--help"},
        {"command": "validate", "directory": HOSTILE},
        {"command": "report", "report": f"/nowhere/{HOSTILE}"},
    ):
        runner = make(where, base=change[0], head=change[1])
        done = runner.use(**inputs)
        assert done.code != 0, inputs
        assert not canary(runner).exists(), inputs
        for line in (*done.out.splitlines(), *done.err.splitlines()):
            assert not line.lstrip().startswith("::add-mask"), inputs


# --- nothing of a branch is run -------------------------------------------------------------

_MODULES = (
    *("gitexp", "yaml", "click", "dulwich", "json", "re", "os", "sitecustomize", "usercustomize"),
    *("conftest", "setup", "encodings", "typing", "evaluators", "endpoints"),
)
_SETTINGS = (
    *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy"),
    *("core.askPass", "credential.helper", "diff.external", "diff.evil.command"),
    *("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process"),
    *("merge.evil.driver", "gpg.program", "gpg.ssh.program", "sequence.editor", "alias.fetch"),
    *("pager.log", "interactive.diffFilter", "uploadpack.packObjectsHook", "gpg.x509.program"),
)
_HOOKS = ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "pre-push",
          "post-merge", "pre-auto-gc", "fsmonitor-watchman", "post-rewrite")  # fmt: skip


def make_hostile(where: Path, canary: Path, git: Callable[..., str]) -> None:
    """Put something into every place of a checkout from which something could be run."""
    evil = where / "evil.sh"
    evil.write_text(f'#!/bin/sh\necho "$0 $*" >> "{canary}"\ncat\n')
    evil.chmod(evil.stat().st_mode | stat.S_IXUSR)
    for name in _MODULES:
        (where / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').write({name!r})\n")
    package = where / "gitexp"
    package.mkdir()
    for file in ("__init__.py", "__main__.py"):
        shutil.copy(where / "gitexp.py", package / file)
    for program in ("git", "ssh", "python", "python3", "pip", "gitexp", "less", "gpg"):
        shutil.copy(evil, where / program)
    (where / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (where / ".gitmodules").write_text(
        '[submodule "x"]\n\tpath = x\n\turl = -u./evil.sh\n\tupdate = !./evil.sh\n'
    )
    (where / ".env").write_text("LD_PRELOAD=./evil.so\nPYTHONPATH=.\nGIT_SSH_COMMAND=./evil.sh\n")
    for key in _SETTINGS:
        git("config", key, str(evil), directory=where)
    (where / ".git" / "hooks").mkdir(exist_ok=True)
    for hook in _HOOKS:
        shutil.copy(evil, where / ".git" / "hooks" / hook)
    git("config", "core.hooksPath", str(where / ".git" / "hooks"), directory=where)


@pytest.mark.parametrize("command", ["validate", "report", "check", "read", "lock", "gate"])
def test_nothing_of_a_checkout_is_run(
    world: World, make: Make, change: tuple[str, str], command: str
) -> None:
    run = world.run(1, [True, True, False], temperature=0.75)
    runner = make(world.shallow(), base=change[0], head=change[1])
    make_hostile(runner.workspace, canary(runner), world.git)
    canary(runner).unlink(missing_ok=True)
    inputs = {"environment": "production"} if command in ("read", "lock") else {}
    if command == "gate":
        inputs = {"run": run.id, "rules": "--min exact-match=0.5"}
    done = runner.use(command=command, **inputs)
    assert not canary(runner).exists(), canary(runner).read_text()
    if command in ("report", "check", "read", "lock"):
        assert done.code == 0, done


def test_nothing_of_the_change_itself_is_run(world: World, make: Make, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    files: dict[str, str | None] = {
        f"{name}.py": f"open({str(canary)!r}, 'w')\n" for name in _MODULES
    }
    files |= {
        ".gitattributes": "* filter=evil diff=evil merge=evil\n",
        "endpoints/app.yaml": f"kind: command\ncommand: [touch, {canary}]\n",
        "evaluators/mine.yaml": "kind: python\nfunction: evaluators:run\n",
        "datasets/golden.jsonl": '{"id": "1", "input": "{{ cycler.__init__.__globals__ }}"}\n',
        **parameters("temperature: 0.75\n\nprompt: '{{ 7*7 }} $(touch x)'\n"),
    }
    head = world.branch("evil", files)
    base = world.git("rev-parse", "main")
    runner = make(world.shallow(), base=base, head=head)
    assert runner.use(command="report").code == 0
    assert runner.use(command="check").code in (0, 3)
    assert not canary.exists()


def test_no_variable_of_a_job_comes_into_a_report(
    world: World, make: Make, change: tuple[str, str]
) -> None:
    secret = "c4n4ry-5ecret"
    runner = make(world.shallow(), base=change[0], head=change[1], BOT_KEY=secret, MY_TOKEN=secret)
    done = runner.use(command="report", token=secret)
    assert done.code == 0
    written = [done.out, done.err, runner.summary.read_text(), runner.output.read_text()]
    written.append((runner.temp / "gitexp-report.json").read_text())
    assert all(secret not in text for text in written)


# --- GitLab ---------------------------------------------------------------------------------


def gitlab(world: World, job: str, where: Path, tmp_path: Path, **environ: str) -> Any:
    """Return what came of a job of the template, its lines run by a shell in one go."""
    template = load(ROOT / "ci/gitlab/gitexp.yml")
    lines = [*template[".gitexp"]["before_script"], *template[job]["script"]]
    text = "\n".join(lines)
    # The package under test is the one installed; all else runs as it stands.
    text = re.sub(r"(?m)^python3 -I -m venv .*$|^/tmp/gitexp/bin/python -I -m pip .*$", ":", text)
    runner = Runner(workspace=where, temp=tmp_path / "gitlab")
    if not (runner.temp / "gitexp").exists():
        runner.install()
    text = text.replace("/tmp/gitexp/bin/python", str(runner.temp / "gitexp" / "bin" / "python"))
    return subprocess.run(
        ["sh", "-c", text],
        cwd=where,
        env={
            **world.surroundings.environ,
            **template["variables"],
            "GITEXP_TRUNK": "main",
            "CI": "true",
            "CI_PROJECT_DIR": str(where),
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            "GITLAB_USER_LOGIN": "grace",
            **environ,
        },
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_jobs_of_gitlab_do_what_they_say(
    world: World, tmp_path: Path, change: tuple[str, str]
) -> None:
    where = world.shallow("warmer")
    world.git("switch", "--quiet", "--detach", directory=where)
    commit = {"CI_COMMIT_SHA": change[1]}
    for job in ("gitexp:validate", "gitexp:report", "gitexp:check"):
        done = gitlab(world, job, where, tmp_path, **commit)
        assert done.returncode == 0, (job, done.stdout, done.stderr)
    assert "temperature" in (where / "gitexp-report.html").read_text()
    with served("gitlab") as forge:
        environ = {
            "GITLAB_TOKEN": TOKEN,
            "CI_API_V4_URL": forge.address,
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": "12",
        }
        done = gitlab(world, "gitexp:comment", where, tmp_path, **commit, **environ)
        assert done.returncode == 0, done.stderr
        assert forge.comments[0]["body"].startswith("<!-- gitexp:report:bot -->")


def test_a_check_of_gitlab_says_no(world: World, tmp_path: Path, change: tuple[str, str]) -> None:
    done = gitlab(
        world,
        "gitexp:check",
        world.shallow("warmer"),
        tmp_path,
        CI_COMMIT_SHA=change[1],
        GITLAB_USER_LOGIN="lin",
    )
    assert done.returncode == 3, done.stderr
