"""Every command's name, place and one-line help, so that listing them imports none of them."""

from __future__ import annotations

from collections.abc import Mapping

from gitexp.cli.groups import Entry, entries

COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Begin": {
        **entries("init", init="Make a directory a project"),
        **entries("clone", clone="Copy a project from a remote repository"),
        **entries("status", status="Show what is private, shared, ahead or behind"),
        **entries("validate", validate="Check files or a revision against their schemas"),
    },
    "Experiments and versions": {
        **entries("experiment", experiment="Create, list and change experiments"),
        **entries("commit", commit="Save a version of an experiment's parameters"),
        **entries("versions", versions="List the versions of an experiment"),
        **entries("show", show="Show a version and its values"),
        **entries("diff", diff="Compare versions, environments or revisions value by value"),
    },
    "Share": {
        **entries("share", share="Send an experiment to the shared remote"),
        **entries("unshare", unshare="Take an experiment back from the shared remote"),
        **entries("publish", publish="Save, share and promote in one step"),
        **entries("fetch", fetch="Bring in what others have shared"),
        **entries("push", push="Send new versions of shared experiments, and runs"),
        **entries("pull", pull="Join others' versions into yours"),
    },
    "Environments": {
        **entries("env", env="Create, read and move environments"),
        **entries("promote", promote="Make a version live in an environment"),
    },
    "Runs and results": {
        **entries("dataset", dataset="List, add, check and compare datasets"),
        **entries("run", run="Evaluate an experiment, or track and read runs"),
        **entries("runs", runs="List the runs of an experiment"),
        **entries("results", results="Compare results by run, version, dataset, tag or day"),
        **entries("plot", plot="Draw metrics of runs"),
        **entries("index", index="Check or rebuild the index of runs"),
        **entries("import_mlflow", **{"import": "Bring runs in from another tracker"}),
    },
    "Evaluation": {
        **entries("gate", gate="Judge a run by rules, for people and for CI"),
        **entries("evaluator", evaluator="List, show and try evaluators"),
        **entries("score", score="Score the recorded outputs of a run"),
        **entries("entrypoint", entrypoint="List, show and check entrypoints"),
        **entries("job", job="Create jobs, work on them, and change where they stand"),
    },
    "A/B tests": {
        **entries("stats", stats="Plan how many units an experiment takes, and how long"),
        **entries("ab", ab="Plan, launch, end and judge A/B tests"),
        **entries("prompt", prompt="List, render and compare versions of prompts"),
        **entries("flag", flag="List, evaluate and publish feature flags"),
    },
    "Review": {
        **entries("policy", policy="Show what environments ask before they are moved"),
        **entries("change", change="Ask for moves of environments, approve, reject and apply them"),
        **entries("report", report="Report on a change for those who review it"),
        **entries("check", check="Check in CI what a merge would move"),
        **entries("forge", forge="Protect a repository that a forge hosts, where no hook runs"),
        **entries("hook", hook="Enforce the rules where people push to"),
        **entries("log", log="Tell the story of a project or an experiment"),
        **entries("blame", blame="Say who set each value, when and why, and where it is live"),
        **entries("group", group="Say who may read, write, approve and administer"),
        **entries("verify", verify="Check that a repository is whole and agrees with itself"),
        **entries("doctor", doctor="Explain what is wrong with a repository, and mend it"),
    },
    "Git": {
        **entries("git_setup", **{"git-setup": "Let git diff and git merge understand the files"}),
        **entries("textconv", textconv="Print a file as canonical text, for git diff"),
        **entries("merge_driver", **{"merge-driver": "Merge a file key by key, for git merge"}),
    },
    "Shell": {
        **entries("completion", completion="Print a completion script for a shell"),
    },
}

EXPERIMENT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries(
            "experiment",
            create="Create an experiment",
            list="List experiments",
            show="Show an experiment",
            update="Change what its header says, such as description and group",
            rename="Rename an experiment",
            tag="Set or remove tags",
            archive="Hide an experiment from listings",
            unarchive="Show an archived experiment again",
            delete="Delete an experiment, so that it can be restored",
            restore="Bring a deleted experiment back",
            purge="Remove an experiment's branches for good",
        ),
    }
}

EVALUATOR_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("evaluator", list="List evaluators", show="Show an evaluator"),
        **entries("evaluator", test="Score one output, without a run"),
    }
}

ENTRYPOINT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("entrypoint", list="List entrypoints", show="Show an entrypoint"),
        **entries("entrypoint", validate="Check the files of entrypoints"),
    }
}

JOB_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("job", create="Create a job, which waits in its queue"),
        **entries("job", list="List jobs", show="Show a job"),
        **entries("job", history="List every step of a job, and who took it"),
        **entries("job_change", reset="Put a job into its queue again"),
        **entries("job_change", defer="Let a job wait for a moment or for another job"),
        **entries("job_change", cancel="Give a job up"),
        **entries("job_work", work="Do the jobs of a queue"),
    }
}

CHANGE_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("change", list="List change requests"),
        **entries("change", show="Show what a change request asks, and what is missing"),
        **entries("change", open="Ask for a move of an environment"),
        **entries("change_step", approve="Approve a change request"),
        **entries("change_step", reject="Reject a change request, which ends it"),
        **entries("change_step", cancel="Give up a change request that you asked for"),
        **entries("change_step", renew="Put a stale change request on top of what is live now"),
        **entries("change_step", apply="Make what a change request asks for live"),
        **entries("change_step", tidy="Write down what forges have merged, and tidy branches up"),
    }
}

AB_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Define": {
        **entries("ab", create="Make an experiment an A/B test"),
        **entries("ab_update", update="Change the definition of an A/B test"),
        **entries("ab", list="List A/B tests", show="Show an A/B test"),
        **entries("ab_copy", duplicate="Copy an A/B test as a new draft"),
    },
    "Life": {
        **entries("ab_step", launch="Launch a draft, which locks its variants"),
        **entries("ab_step", pause="Pause an A/B test: its flag is off"),
        **entries("ab_step", resume="Resume a paused A/B test"),
        **entries("ab_step", freeze="Take in nobody new, while metrics go on"),
        **entries("ab_step", unfreeze="Take in new units again"),
        **entries("ab_end", end="End an A/B test"),
        **entries("ab_end", ship="Give everybody one variant, and end the test"),
        **entries("ab_end", conclude="Say what came out of a test that is over"),
        **entries("ab_step", reset="Make an A/B test a draft again"),
        **entries("ab_step", archive="Hide an A/B test that is over in listings"),
        **entries("ab_step", unarchive="Show an archived A/B test again"),
    },
    "Results": {
        **entries("ab_results", results="Show what an A/B test has come to"),
        **entries("ab_results", timeseries="Show the result of a metric at the end of each day"),
        **entries("ab_results", recalculate="Compute and keep the days that are missing"),
        **entries("ab_results", remaining="Say how long a test has to go on"),
        **entries(
            "ab_results", plot="Draw the differences of an A/B test, or the course of one metric"
        ),
    },
    "Look": {
        **entries("ab", stats="Count A/B tests that were launched and completed lately"),
    },
}

PROMPT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("prompt", list="List prompts", show="Show a version of a prompt"),
        **entries("prompt", versions="List the versions of a prompt"),
        **entries("prompt", render="Print a prompt with values in it"),
        **entries("prompt_experiment", templates="List what metrics can be made of"),
        **entries("prompt_experiment", experiment="Compare versions of a prompt in an A/B test"),
        **entries("prompt_experiment", evaluate="Run each version over a dataset, and pair them"),
    }
}

FLAG_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("flag", list="List flags, or those that are published in an environment"),
        **entries("flag", show="Show a flag", create="Make a flag, in one commit on the trunk"),
        **entries("flag", evaluate="Show what flags come to for somebody"),
        **entries("flag", eligible="List the flags that an A/B test may use"),
        **entries("flag_publish", publish="Publish flags in an environment"),
        **entries("flag_publish", export="Write flags in the format of flagd"),
    }
}

POLICY_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("policy", list="List the policies of all environments"),
        **entries("policy", show="Show the policies of an environment"),
        **entries("policy", check="Show what a move of an environment would take"),
    }
}

GROUP_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("group", list="List groups", show="Show who is in a group"),
        **entries("group", create="Make a group"),
        **entries(
            "group",
            **{
                "add-member": "Put somebody into a group, or change their roles",
                "remove-member": "Take somebody out of a group",
            },
        ),
        **entries("group", whoami="Show who you are here, and your roles"),
    }
}

ENVIRONMENT_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("environment", create="Declare an environment", list="List environments"),
        **entries("environment", show="Show what is live in an environment"),
        **entries("environment_get", get="Print the values that are live in an environment"),
        **entries("environment_get", resolve="Show where the values come from"),
        **entries(
            "environment",
            history="List the promotions of an environment",
            diff="Compare two environments, or one with a version",
            rollback="Make the previous version live again",
            unbind="Take an environment out of use",
            lock="Pin environments in gitexp.lock",
        ),
    }
}

RUN_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Evaluate": {
        **entries(
            "run_evaluate",
            evaluate="Run an endpoint or a workflow over a dataset with a version's values",
        ),
        **entries("run_resume", resume="Go on with an evaluation that was broken off"),
        **entries("run_watch", watch="Follow an evaluation until it is over"),
        **entries("run_watch", cancel="Ask an evaluation to stop"),
        **entries("run_rows", rows="List what came of the samples of a run"),
        **entries("run_trace", trace="List the traces of a run, or show one as a tree of spans"),
    },
    "Track": {
        **entries("run_exec", exec="Run any program as a run"),
        **entries("run_track", start="Begin a run and print its id"),
        **entries("run_track", log="Log metrics, params, tags and artifacts to a run"),
        **entries("run_track", end="End a run and record it"),
        **entries("run_track", checkpoint="Record what a run logged so far"),
    },
    "Read": {
        **entries("run_list", list="List runs"),
        **entries("run_search", search="Find runs by their metrics, params and tags"),
        **entries("run_show", show="Show a run"),
        **entries("run_compare", compare="Compare runs side by side"),
        **entries("run_history", history="List the points of a metric"),
        **entries("run_artifacts", artifacts="List the artifacts of a run"),
        **entries("run_artifacts", download="Copy artifacts out of the repository"),
    },
    "Keep": {
        **entries("run_keep", tag="Set or remove tags of a run, which may be over"),
        **entries("run_keep", delete="Delete a run, so that it can be restored"),
        **entries("run_keep", restore="Bring a deleted run back"),
        **entries("run_keep", reap="Record runs whose processes are gone"),
        **entries("run_keep", sync="Send runs to the shared remote and fetch others'"),
    },
}

STATS_COMMANDS: Mapping[str, Mapping[str, Entry]] = {
    "Commands": {
        **entries("stats", plan="Find how many units an experiment takes, and how long"),
        **entries("stats", power="Find how surely an effect is found with a given size"),
        **entries("stats", mde="Find the smallest effect that a given size can find"),
        **entries("stats", curve="List or draw the power by size or by effect"),
    }
}
