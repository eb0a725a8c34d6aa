"""Folders of results that earlier versions wrote: which can be read, what they lack, and how that is said.

``summary.json`` carries a version of its own:

1   to 0.1.0 before tissue in depth; early ones lack ``vessels`` and ``residue_by_supply``
2   now

Both have a JSON Schema in the package (`schema`). A reader gets an older summary with null under every key
that this version requires and the older one did not have (null: a quantity that does not exist), so that it need not
know of versions; a summary of this version is handed on as it is, and one of a newer version is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from tumorsim.errors import InputError

SCHEMA_VERSION = 2  # of the summary that this program writes
OLDEST = 1


def schema(version: int = SCHEMA_VERSION) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a version of ``summary.json``, as shipped in the package."""
    name = "summary.schema.json" if version == SCHEMA_VERSION else f"summary.v{version}.schema.json"
    text = resources.files("tumorsim").joinpath(f"data/{name}").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def version_of(summary: Mapping[str, Any], where: object) -> int:
    """Version of a summary.

    Parameters
    ----------
    where
        The file, for the message.

    Raises
    ------
    InputError
        Where it has none, or one that this program cannot read.
    """
    version = summary.get("schema_version")
    known = isinstance(version, int) and not isinstance(version, bool) and version >= OLDEST
    if not known or version > SCHEMA_VERSION:  # type: ignore[operator]
        newer = " It was written by a newer program." if known else ""
        raise InputError(
            f"{where}: summary of version {version}; this program reads {OLDEST} to {SCHEMA_VERSION}.{newer}"
        )
    return int(version)  # type: ignore[arg-type]


def complete(summary: dict[str, Any], where: object) -> tuple[dict[str, Any], list[str]]:
    """A summary with null for what its version did not have, and the names of that.

    Names of outcomes in either reading stand once; ``imaging.x`` is a value of imaging that no arm has.

    Raises
    ------
    InputError
        As `version_of`.
    """
    if version_of(summary, where) == SCHEMA_VERSION:
        return summary, []
    now = schema()
    parts = now["properties"]
    arm = parts["arms"]["additionalProperties"]
    later = arm["properties"]["after_last"]["oneOf"][1]
    pair = parts["pairs"]["additionalProperties"]
    missing: dict[str, None] = {}

    def fill(tree: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
        lacking = [key for key in required if key not in tree]
        missing.update(dict.fromkeys(lacking))
        return {**tree, **dict.fromkeys(lacking)}

    arms = {}
    for name, content in summary["arms"].items():
        arms[name] = fill(content, arm["required"])
        if content.get("after_last"):
            arms[name]["after_last"] = fill(content["after_last"], later["required"])
    pairs = {name: fill(content, pair["required"]) for name, content in summary["pairs"].items()}
    imaging = now["$defs"]["imaging"]["oneOf"][1]["properties"]
    seen = {key for content in arms.values() for key in content["imaging"] or {}}
    missing.update({f"imaging.{key}": None for key in imaging if key not in seen})
    whole = fill({**summary, "arms": arms, "pairs": pairs}, now["required"])
    return whole, list(missing)


def comparable(version: int, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Which leaves of two summaries can be compared.

    Parameters
    ----------
    version : int
        Of the older summary.
    old, new : mapping
        Path -> leaf.

    Returns
    -------
    list of str
        All paths for summaries of one version. Otherwise those at which the older one holds something that means the
        same in both: not its version and its sentences.
    """
    if version == SCHEMA_VERSION:
        return list({**old, **new})
    words = ("notes", "schema_version")
    return [
        key
        for key, value in old.items()
        if value not in (None, {}, []) and not key.startswith(words) and not key.endswith(".text")
    ]


def said(summary: Mapping[str, Any], manifest: Mapping[str, Any], missing: list[str]) -> str | None:
    """One line on which version wrote a folder and what it lacks, or None for a folder of this version."""
    version = summary["schema_version"]
    if version == SCHEMA_VERSION:
        return None
    program = (manifest.get("versions") or {}).get("tumorsim", "of an unknown version")
    lacks = f" It did not record: {', '.join(name.replace('_', ' ') for name in missing)}." if missing else ""
    return (
        f"Written by tumorsim {program} with a summary of version {version}; this program writes version "
        f"{SCHEMA_VERSION}.{lacks}"
    )
