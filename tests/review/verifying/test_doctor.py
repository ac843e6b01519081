"""Each thing that the doctor mends, broken first: it is told, left alone, then mended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitexp.ids import ObjectId
from gitexp.review.verifying.mending.ailments import Ailment, Diagnosis
from gitexp.review.verifying.mending.doctor import diagnose
from gitexp.runs.index.verifying import status
from tests.review.verifying.world import ENV, EXP, RUNS, Ground


def seen(ground: Ground, *, fix: bool = False) -> Diagnosis:
    return diagnose(ground.repository.workspace, fix=fix)


def files(ground: Ground) -> dict[str, bytes]:
    """Return the files of the working tree."""
    top = ground.git.path
    found = (p for p in sorted(top.rglob("*")) if p.is_file() and ".git" not in p.parts)
    return {str(path.relative_to(top)): path.read_bytes() for path in found}


def told_then_mended(ground: Ground, *, kind: str) -> list[Ailment]:
    """Return what is told without `fix`; all of it can be mended, and is."""
    before, refs = files(ground), ground.remote("for-each-ref")
    told = [one for one in seen(ground).ailments if one.kind == kind]
    assert told
    assert [one for one in seen(ground).ailments if one.kind == kind] == told
    diagnosis = seen(ground.reopened(), fix=True)
    assert [one.what for one in diagnosis.remaining] == []
    after = seen(ground.reopened())
    assert after.healthy, after
    assert files(ground) == before
    if kind != "pin":
        assert ground.remote("for-each-ref") == refs
    ground.git("fsck", "--strict")
    return told


def object_file(ground: Ground, revision: str) -> tuple[ObjectId, Path]:
    """Return an object and its own file, taken out of a pack if need be."""
    objects = ground.git.path / ".git" / "objects"
    for pack in list((objects / "pack").glob("*.pack")):
        aside = ground.git.path.parent / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        ground.git.raw("unpack-objects", "-q", data=aside.read_bytes())
    name = ground.git("rev-parse", revision)
    path = objects / name[:2] / name[2:]
    path.chmod(0o644)
    return ObjectId(name), path


def test_a_healthy_repository_is_left_alone(ground: Ground) -> None:
    assert seen(ground) == Diagnosis(ailments=(), fixed=False)
    assert seen(ground, fix=True) == Diagnosis(ailments=(), fixed=True)


# --- objects --------------------------------------------------------------------------------

REVISIONS = {
    "a commit": f"origin/{ENV}~1",
    "the tree of a version": f"{EXP}^{{tree}}",
    "the values of a version": f"{EXP}:experiments/tone/parameters.yaml",
    "the directory of the runs": f"{RUNS}:runs",
    "the definition": "main:gitexp.yaml",
}


@pytest.mark.parametrize("revision", REVISIONS.values(), ids=list(REVISIONS))
@pytest.mark.parametrize("damage", ["empty", "cut", "changed", "gone"])
def test_an_object_is_got_again(ground: Ground, revision: str, damage: str) -> None:
    name, path = object_file(ground, revision)
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]
        path.write_bytes({"empty": b"", "cut": data[:middle], "changed": changed}[damage])
    ground = ground.reopened()
    (told, *_) = told_then_mended(ground, kind="object")
    assert f"object {name}" in told.what
    assert ground.git("cat-file", "-t", name)


def test_many_objects_behind_each_other_are_got_again(ground: Ground) -> None:
    for _, path in [object_file(ground, revision) for revision in REVISIONS.values()]:
        path.write_bytes(b"")
    told_then_mended(ground.reopened(), kind="object")


def test_an_object_that_nobody_has_is_told_to_be_lost(ground: Ground) -> None:
    ground.repository.experiments.create("private").commit({"model": "secret"})
    name, path = object_file(ground, "exp/bot/private:experiments/private/parameters.yaml")
    path.write_bytes(b"")
    diagnosis = seen(ground.reopened(), fix=True)
    (lost,) = (one for one in diagnosis.remaining if one.kind == "object")
    assert lost.state == "not mended"
    assert lost.outcome == f"nobody who was asked has object {name}"
    assert "exp/bot/private@" in lost.what


def test_an_object_of_the_working_tree_needs_no_remote(ground: Ground) -> None:
    name, path = object_file(ground, "main:gitexp.yaml")
    path.write_bytes(b"")
    ground.git("remote", "set-url", "origin", str(ground.git.path.parent / "nowhere"))
    diagnosis = seen(ground.reopened(), fix=True)
    (mended,) = (one for one in diagnosis.ailments if one.kind == "object")
    assert mended.outcome == "set aside; got again from the working tree"
    assert ground.git("cat-file", "-t", name) == "blob"


def test_what_was_damaged_is_kept_in_the_quarantine(ground: Ground) -> None:
    name, path = object_file(ground, f"origin/{ENV}")
    path.write_bytes(b"damaged")
    seen(ground.reopened(), fix=True)
    aside = ground.git.path / ".git" / "gitexp" / "quarantine" / f"{name[:2]}-{name[2:]}"
    assert aside.read_bytes() == b"damaged"
    assert seen(ground.reopened()).notes[0].startswith("1 file set aside earlier in ")


def test_a_damaged_object_that_nothing_needs_is_out_of_the_way(ground: Ground) -> None:
    name = ground.git("hash-object", "-w", "--stdin", text="never committed")
    path = ground.git.path / ".git" / "objects" / name[:2] / name[2:]
    path.chmod(0o644)
    path.write_bytes(b"")
    (told,) = told_then_mended(ground.reopened(), kind="object")
    assert told.lost == "Nothing."
    assert not path.exists()


def test_an_object_damaged_in_a_pack_is_written_beside_it(ground: Ground) -> None:
    ground.git("repack", "-adfq")
    (pack,) = (ground.git.path / ".git" / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[len(data) // 3] ^= 0x55
    pack.write_bytes(bytes(data))
    ground = ground.reopened()
    assert [one for one in seen(ground).ailments if one.kind == "object"]
    diagnosis = seen(ground.reopened(), fix=True)
    assert diagnosis.healthy, diagnosis.remaining
    assert ground.reopened().problems(full=True) == []


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_the_index_of_a_pack_is_made_anew(ground: Ground, damage: str) -> None:
    ground.git("repack", "-adq")
    ground.git("prune-packed")
    (index,) = (ground.git.path / ".git" / "objects" / "pack").glob("*.idx")
    index.chmod(0o644)
    if damage == "gone":
        index.unlink()
    else:
        index.write_bytes(index.read_bytes()[:500])
    told_then_mended(ground.reopened(), kind="pack")


# --- references and the index ---------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"\0" * 41, b"nonsense\n"])
def test_a_tracking_reference_that_cannot_be_read_is_forgotten(
    ground: Ground, content: bytes
) -> None:
    path = ground.git.path / ".git" / "refs" / "remotes" / "origin" / "env" / "bot" / "production"
    path.write_bytes(content)
    (told,) = told_then_mended(ground.reopened(), kind="reference")
    assert told.what.startswith(f"refs/remotes/origin/{ENV}: its file ")
    ground.repository.fetch()
    assert ground.git("rev-parse", f"origin/{ENV}") == ground.remote("rev-parse", ENV)


@pytest.mark.parametrize("content", [b"", b"\0" * 41])
def test_a_branch_that_a_power_cut_emptied_stands_where_its_reflog_says(
    ground: Ground, content: bytes
) -> None:
    tip = ground.git("rev-parse", EXP)
    (ground.git.path / ".git" / "refs" / "heads" / EXP).write_bytes(content)
    told_then_mended(ground.reopened(), kind="reference")
    assert ground.git("rev-parse", EXP) == tip


def test_a_branch_without_a_reflog_is_for_a_person(ground: Ground) -> None:
    (ground.git.path / ".git" / "refs" / "heads" / EXP).write_bytes(b"")
    (ground.git.path / ".git" / "logs" / "refs" / "heads" / EXP).unlink()
    diagnosis = seen(ground.reopened(), fix=True)
    (told,) = (one for one in diagnosis.remaining if one.kind == "reference")
    assert not told.mendable
    assert f"git update-ref refs/heads/{EXP} COMMIT" in told.mend


def test_a_branch_whose_commit_is_gone_is_got_again(ground: Ground) -> None:
    _, path = object_file(ground, EXP)
    path.unlink()
    (told, *_) = told_then_mended(ground.reopened(), kind="reference")
    assert "which cannot be read" in told.what


def test_a_packed_reference_to_nowhere_is_told(ground: Ground) -> None:
    ground.git("pack-refs", "--all")
    packed = ground.git.path / ".git" / "packed-refs"
    packed.write_text(packed.read_text() + f"{'1' * 40} refs/tags/zz\n")
    diagnosis = seen(ground.reopened(), fix=True)
    (told,) = (one for one in diagnosis.remaining if one.kind == "reference")
    assert told.what == f"refs/tags/zz: it names {'1' * 40}, which cannot be read"


def test_lines_of_packed_references_that_are_none_are_told(ground: Ground) -> None:
    ground.git("pack-refs", "--all")
    packed = ground.git.path / ".git" / "packed-refs"
    packed.write_bytes(packed.read_bytes() + b"nonsense\n" + b"\0" * 20 + b"\n")
    told = [one for one in seen(ground.reopened(), fix=True).remaining if one.kind == "reference"]
    assert [one.what for one in told] == [f"{packed} holds 2 lines that no reference can be"]


@pytest.mark.parametrize("content", [b"nonsense", b"DIRC\0\0\0\2\0\0\0\5"])
def test_a_broken_index_is_made_from_head(ground: Ground, content: bytes) -> None:
    ground.git("switch", "-q", "main")
    (ground.git.path / "gitexp.yaml").write_text("edited: yes\n")
    (ground.git.path / ".git" / "index").write_bytes(content)
    with open(ground.git.path / "gitexp.yaml", "w", encoding="utf-8") as file:
        file.write(ground.git("show", "main:gitexp.yaml") + "\n# edited\n")
    told_then_mended(ground.reopened(), kind="index")
    assert (
        ground.git("status", "--short") == " M gitexp.yaml"
        or ground.git("diff", "--name-only") == "gitexp.yaml"
    )


# --- locks, writes, leftovers ---------------------------------------------------------------


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.utime(path, (1, 1))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who uses a file")
@pytest.mark.parametrize("name", ["index.lock", f"refs/heads/{EXP}.lock", "packed-refs.lock"])
def test_a_lock_of_a_dead_process_is_removed(ground: Ground, name: str) -> None:
    path = old(ground.git.path / ".git" / name)
    (told,) = told_then_mended(ground, kind="lock")
    assert str(path) in told.what
    assert not path.exists()


def test_a_young_lock_is_left_alone(ground: Ground) -> None:
    path = ground.git.path / ".git" / "index.lock"
    path.write_bytes(b"")
    assert seen(ground, fix=True).ailments == ()
    assert path.exists()


def test_a_lock_that_a_process_has_open_is_left_alone(ground: Ground) -> None:
    path = old(ground.git.path / ".git" / "index.lock")
    with open(path, "rb"):
        diagnosis = seen(ground, fix=True)
    (told,) = diagnosis.remaining
    assert not told.mendable
    assert path.exists()


def test_a_lock_is_left_alone_while_git_works_in_the_repository(ground: Ground) -> None:
    path = old(ground.git.path / ".git" / "index.lock")
    command = ["git", "cat-file", "--batch"]
    with subprocess.Popen(
        command, cwd=ground.git.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"HEAD\n")
        process.stdin.flush()
        process.stdout.readline()
        diagnosis = seen(ground, fix=True)
        process.stdin.close()
    assert not diagnosis.healthy
    assert path.exists()


def test_a_write_that_was_cut_short_is_finished(ground: Ground) -> None:
    private = ground.git.path / ".git" / "gitexp"
    (private / "pending").write_bytes(b"temp\t@objects/left\n")
    (ground.git.path / ".git" / "objects" / "left").write_bytes(b"")
    told_then_mended(ground, kind="write")
    assert not (private / "pending").exists()
    assert not (ground.git.path / ".git" / "objects" / "left").exists()


def test_a_run_whose_process_is_gone_is_recorded(ground: Ground) -> None:
    code = (
        "import os, sys\n"
        "from gitexp.repository import Repository\n"
        "run = Repository.open(sys.argv[1]).experiments.get('tone').start_run(name='lost')\n"
        "run.log_metric('loss', 0.25, step=1)\n"
        "os._exit(9)\n"
    )
    environ = dict(ground.repository.workspace.surroundings.environ)
    subprocess.run([sys.executable, "-c", code, str(ground.git.path)], env=environ, check=False)
    (told,) = told_then_mended(ground, kind="run")
    assert told.what.endswith("of tone goes on, and its process is gone")
    (run,) = ground.reopened().repository.runs.search("name = 'lost'").runs
    assert (run.status, run.metrics["loss"].value) == ("killed", 0.25)


def test_a_damaged_index_of_runs_is_made_anew(ground: Ground) -> None:
    ground.repository.runs.search()
    path = status(ground.repository.workspace).path
    ground.repository.close()
    assert path is not None
    path.write_bytes(path.read_bytes()[:100] + os.urandom(8000))
    (told,) = told_then_mended(ground.reopened(), kind="cache")
    assert str(path) in told.what
    assert status(ground.reopened().repository.workspace).runs == 2


def test_a_version_that_nothing_keeps_is_pinned(ground: Ground) -> None:
    version = ground.repository.experiments.get("tone").versions()[-1].version
    ground.remote("update-ref", "-d", f"refs/gitexp/pins/{version}")
    (told,) = told_then_mended(ground, kind="pin")
    assert version[:10] in told.what
    assert ground.remote("rev-parse", f"refs/gitexp/pins/{version}") == version


def test_a_remote_that_cannot_be_asked_is_noted(ground: Ground) -> None:
    ground.git("remote", "set-url", "origin", str(ground.git.path.parent / "nowhere"))
    diagnosis = seen(ground.reopened())
    assert diagnosis.healthy
    assert diagnosis.notes[0].startswith("not everything could be looked at: ")


def test_a_rename_that_was_broken_off_is_finished(ground: Ground) -> None:
    before = ground.git("rev-parse", EXP)
    ground.repository.experiments.get("tone").rename("voice")
    ground.git("update-ref", f"refs/heads/{EXP}", before)
    ground.git("update-ref", "-d", "refs/heads/exp/bot/voice")
    (told,) = told_then_mended(ground.reopened(), kind="rename")
    assert told.what == "experiment 'tone' is named 'voice' now, and its branch here is not"
    assert ground.git("for-each-ref", f"refs/heads/{EXP}") == ""


def test_files_for_drivers_that_are_not_set_are_told(ground: Ground) -> None:
    (ground.git.path / ".gitattributes").write_text("*.yaml merge=gitexp diff=gitexp\n")
    (told,) = seen(ground, fix=True).remaining
    assert told.kind == "configuration"
    assert told.mend == "Set them with `gitexp git-setup`."
    ground.git("config", "merge.gitexp.driver", "gitexp merge-driver %O %A %B")
    ground.git("config", "diff.gitexp.textconv", "gitexp textconv")
    assert seen(ground.reopened()).healthy


def test_what_branches_say_wrongly_is_explained_and_left_to_people(ground: Ground) -> None:
    commit = ground.put(ENV, {"parameters.yaml": b"temperature: 9.0\n\nmodel: small\n"})
    diagnosis = seen(ground, fix=True)
    (told,) = diagnosis.remaining
    assert told.kind == "content"
    assert commit[:10] in told.what
    assert told.mend == "Promote a version again: `gitexp promote EXPERIMENT production`."
    assert ground.git("rev-parse", f"origin/{ENV}") == commit
