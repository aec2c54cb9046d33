"""`metadata/manifest.json` of the level-4 store: all outputs of a workspace, of every level, as other programs read them.

Keys are only ever added; what is not known here is kept as it is.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jobsite.core.files import UnsafePath, atomic_write, open_beneath
from jobsite.store.facts import JobFacts, Published
from jobsite.store.roots import MANIFEST

Manifest = dict[str, Any]


class DamagedManifest(Exception):
    """The manifest of a workspace cannot be read; the text is a sentence."""


_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: object) -> bool:
    """Whether something is a SHA-256 as manifests write it, and so fit to be a file name."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def read(level4: Path, workspace: str) -> Manifest:
    """The manifest in a workspace's level-4 directory, an empty one where there is none. Raises DamagedManifest."""
    try:
        with open_beneath(level4, MANIFEST) as file:
            manifest = json.loads(file.read())
    except FileNotFoundError:
        return {"workspace": workspace, "repo": None, "outputs": {}}
    except (OSError, UnsafePath, ValueError, RecursionError) as error:
        raise DamagedManifest(f"The manifest of workspace {workspace} cannot be read: {error}") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("outputs"), dict):
        raise DamagedManifest(f"The manifest of workspace {workspace} does not have its usual form.")
    return manifest


def write(level4: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step."""
    atomic_write(level4 / MANIFEST, _lines(manifest))


def _lines(manifest: Manifest) -> str:
    """The manifest as JSON with a line for each output: json's own indenting takes ten times as long."""
    outputs = [f"{_text(path)}: {_text(entry)}" for path, entry in manifest["outputs"].items()]
    others = [f"{_text(key)}: {_text(value)}" for key, value in manifest.items() if key != "outputs"]
    body = ",\n ".join([*others, '"outputs": {' + ",".join(f"\n  {one}" for one in outputs) + "}"])
    return "{\n " + body + "\n}\n"


_text = json.JSONEncoder(ensure_ascii=False).encode


def updated(
    manifest: Manifest, facts: JobFacts, files: Mapping[str, Published], displaced: Collection[str] = ()
) -> Manifest:
    """The manifest after a job was published; doing it twice changes nothing more.

    The job's own entries are replaced; those of its action that it did not produce, and `displaced` ones whose place
    on disk was needed, become out of date as outputs; every entry becomes out of date as action, or no longer, by the
    actions of this commit's project file, if that could be read.
    """
    outputs = {path: _kept(path, entry, facts, displaced) for path, entry in manifest["outputs"].items()}
    outputs.update({path: _entry(facts, published) for path, published in files.items()})
    return {**manifest, "outputs": dict(sorted(outputs.items()))}


def _kept(path: str, entry: Any, facts: JobFacts, displaced: Collection[str]) -> Any:
    if not isinstance(entry, dict):
        return entry
    changes: dict[str, bool] = {}
    if facts.actions is not None:
        changes["out_of_date_action"] = entry.get("action") not in facts.actions
    if entry.get("action") == facts.action or path in displaced:
        changes["out_of_date_output"] = True
    return {**entry, **changes}


def _entry(facts: JobFacts, published: Published) -> dict[str, Any]:
    return {
        "level": published.level,
        "job_id": facts.job,
        "job_request": facts.request,
        "action": facts.action,
        "user": facts.user,
        "repo": facts.repo,
        "commit": facts.commit,
        "size": published.size,
        "timestamp": published.timestamp,
        "content_hash": published.content_hash,
        "excluded": published.message is not None,
        "message": published.message,
        "row_count": published.row_count,
        "col_count": published.col_count,
        "out_of_date_action": facts.actions is not None and facts.action not in facts.actions,
        "out_of_date_output": False,
    }


def at_level4(entry: Any) -> bool:
    """Whether the bytes of an entry lie in the level-4 store."""
    return (
        isinstance(entry, dict) and entry.get("level") == "moderately_sensitive" and not entry.get("excluded")
    )
