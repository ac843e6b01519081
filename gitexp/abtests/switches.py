"""The feature flag of an A/B test, as a document of the experiment's own tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gitexp.abtests.definition import AbTest, Variant
from gitexp.documents import layout
from gitexp.documents.problems import place_of
from gitexp.flags.documents import Flag
from gitexp.flags.problems import faults
from gitexp.ids import Name
from gitexp.project.reading import read_document
from gitexp.project.workspace import Workspace
from gitexp.store.model import TreeId
from gitexp.store.protocol import Store

FlagDocument = Mapping[str, Any]

_ROUNDING = 1e-9
_EVERYBODY = {"rollout": 100}
"""The condition that reaches everybody."""


def flag_in(
    workspace: Workspace, tree: TreeId, key: str, *, reader: Store | None = None
) -> dict[str, Any] | None:
    """Return the document of a flag in a tree; None where there is none.

    Raises:
        InvalidDocuments: everything that is wrong with it.
    """
    path = layout.flag_path(workspace.root, Name(key))
    found: dict[str, Any] | None = read_document(workspace, tree, path, "flag", reader=reader)
    return found


def new_flag(
    variants: Sequence[Variant], *, description: str, by: str, payloads: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a flag that is off and shares everybody between some variants."""
    made = [
        _named(variant)
        | {"weight": variant.split}
        | ({"payload": payloads[variant.key]} if variant.key in payloads else {})
        for variant in variants
    ]
    described = {"description": description} if description else {}
    return {**described, "active": False, "variants": made, "rollout": 100, "created_by": by}


def fitted(flag: FlagDocument, test: AbTest) -> dict[str, Any]:
    """Return a flag that has the variants of a test and shares by its splits.

    What the flag hands out with a variant stays, and so does the order of those that it has.
    """
    splits = {variant.key: variant.split for variant in test.variants}
    kept = [one for one in flag.get("variants", ()) if one["key"] in splits]
    known = {one["key"] for one in kept}
    new = [_named(variant) for variant in test.variants if variant.key not in known]
    return {**flag, "variants": [{**one, "weight": splits[one["key"]]} for one in [*kept, *new]]}


def _named(variant: Variant) -> dict[str, Any]:
    return {"key": variant.key} | ({"name": variant.name} if variant.name != variant.key else {})


def mismatches(flag: FlagDocument | None, test: AbTest) -> Iterator[str]:
    """Yield what keeps a flag from giving units the variants of a test."""
    if flag is None:
        yield f"there is no flag {test.flag!r}"
        return
    found = {one["key"]: one["weight"] for one in flag.get("variants", ())}
    wanted = {variant.key: variant.split for variant in test.variants}
    if not found:
        yield f"flag {test.flag!r} has no variants"
    elif found.keys() != wanted.keys():
        yield (
            f"flag {test.flag!r} has the variants {', '.join(found)}, and the test "
            f"{', '.join(wanted)}"
        )
    elif any(abs(found[key] - split) > _ROUNDING for key, split in wanted.items()):
        ours, theirs = (
            "/".join(f"{share:.12g}" for share in shares)
            for shares in ([found[key] for key in wanted], wanted.values())
        )
        yield f"flag {test.flag!r} shares by {ours}, and the test by {theirs}"
    for place, fault in faults(flag):
        yield f"flag {test.flag!r}: {place_of(place)}: {fault}"
    if found and not reaches_anybody(test.flag, flag):
        yield f"flag {test.flag!r} is rolled out to nobody"


def reaches_anybody(key: str, flag: FlagDocument) -> bool:
    """Return whether a flag that is on is rolled out to more than 0 %."""
    return any(condition.rollout > 0 for condition in Flag.from_dict(key, flag).asked)


def is_for_everybody(flag: FlagDocument) -> bool:
    """Return whether no condition stands between a flag and anybody."""
    return bool(flag.get("conditions", (_EVERYBODY,))[0] == _EVERYBODY)


def overrides(flag: FlagDocument) -> tuple[str, ...]:
    """Return the variants that conditions give to all who fit, whatever the weights say."""
    given = (condition.get("variant") for condition in flag.get("conditions", ()))
    return tuple(dict.fromkeys(variant for variant in given if variant))


def switched(flag: FlagDocument, *, active: bool) -> dict[str, Any]:
    """Return a flag that is on, or off."""
    return {**flag, "active": active}


def shipped(flag: FlagDocument, variant: str, *, to_everyone: bool) -> dict[str, Any]:
    """Return a flag that is on and gives one variant to all whom it reaches.

    Args:
        to_everyone: whether it is to reach everybody, whatever its rollout, conditions, holdout
            and namespace say.
    """
    variants = [{**one, "weight": 100 if one["key"] == variant else 0} for one in flag["variants"]]
    found = {**flag, "active": True, "variants": variants}
    if not to_everyone:
        return found
    found["rollout"] = 100
    if not is_for_everybody(flag):
        found["conditions"] = [dict(_EVERYBODY), *flag["conditions"]]
    found.pop("holdout", None)
    hashing = found.get("hashing")
    if isinstance(hashing, Mapping) and "namespace" in hashing:
        found["hashing"] = {key: value for key, value in hashing.items() if key != "namespace"}
    return found
