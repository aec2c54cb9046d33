"""The manifest that the records of a workspace's jobs prove, and where manifest and files differ from it."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jobsite.core.files import UnsafePath, open_beneath
from jobsite.store import manifest as manifests
from jobsite.store.facts import JobFacts, Published
from jobsite.store.identities import Hashes, remembered_hash
from jobsite.store.journal import directories_of
from jobsite.store.manifest import Manifest, at_level4
from jobsite.store.roots import METADATA, Roots

_SAID = ("level", "job_id", "action", "commit", "size", "content_hash", "excluded")


class Publication(NamedTuple):
    """What a job that succeeded has published, by its record."""

    facts: JobFacts
    files: Mapping[str, Published]


def proven(there: Manifest, publications: Iterable[Publication], unproven: set[str]) -> Manifest:
    """The manifest that these publications, oldest first, have made.

    Keys of other programs in the one that is `there` are kept, and so are entries of the jobs in `unproven`, whose
    record is lost.
    """
    old = {path: entry for path, entry in there["outputs"].items() if isinstance(entry, dict)}
    made: Manifest = {**there, "outputs": {}}
    for facts, files in publications:
        taken = directories_of(files)
        displaced = [
            path
            for path in made["outputs"]
            if path in taken or not files.keys().isdisjoint(directories_of([path]))
        ]
        made = manifests.updated(made, facts, files, displaced)
    kept = {path: entry for path, entry in old.items() if entry.get("job_id") in unproven}
    outputs = {**made["outputs"], **{path: kept[path] for path in kept if path not in made["outputs"]}}
    return {
        **made,
        "outputs": {path: {**old.get(path, {}), **outputs[path]} for path in sorted(outputs)},
    }


def differences(there: Manifest, proof: Manifest) -> Iterator[str]:
    """In sentences, what a manifest says otherwise than the proof."""
    said, proved = there["outputs"], proof["outputs"]
    for path in sorted({*said, *proved}):
        if path not in said:
            yield f"The manifest lacks {path}, which job {proved[path].get('job_id')} made."
        elif path not in proved:
            yield f"The manifest has {path}, which no record proves."
        else:
            wrong = _otherwise(said[path], proved[path])
            if wrong:
                yield f"The manifest is wrong about {path}: {', '.join(wrong)}."


def _otherwise(said: Any, proved: Mapping[str, Any]) -> list[str]:
    if not isinstance(said, dict):
        return ["it has no entry of the usual form"]
    flags = ("out_of_date_action", "out_of_date_output")
    return [key for key in _SAID if said.get(key) != proved.get(key)] + [
        key for key in flags if bool(said.get(key)) != bool(proved.get(key))
    ]


def faults_of_files(roots: Roots, workspace: str, proof: Manifest) -> Iterator[str]:
    """In sentences, which files of a workspace are not what the proof says: missing, changed, or there without right."""
    high, level4 = roots.high_of(workspace), roots.level4_of(workspace)
    hashes = Hashes(high)
    for path, entry in proof["outputs"].items():
        if not hashes.has(path, entry.get("content_hash", "")):
            yield f"{path} is missing in the high-privacy store, or not as it was recorded."
        if at_level4(entry) and _hash_at(level4, path) != entry["content_hash"]:
            yield f"{path} is missing at Level 4, or not as it was recorded."
    yield from (f"{path} lies at Level 4 without right." for path in _intruders(level4, proof))


def _hash_at(root: Path, path: str) -> str | None:
    try:
        with open_beneath(root, path) as file:
            return remembered_hash(file)
    except (OSError, UnsafePath):
        return None


def _intruders(level4: Path, proof: Manifest) -> Iterator[str]:
    """What lies at Level 4 and is neither an output that may, nor the note of one that was held back."""
    outputs = proof["outputs"]
    allowed = {path for path, entry in outputs.items() if at_level4(entry)}
    allowed |= {f"{path}.txt" for path, entry in outputs.items() if entry.get("excluded")}
    for folder, folders, names in os.walk(level4):
        if Path(folder) == level4 and METADATA in folders:
            folders.remove(METADATA)
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted([*names, *links]):
            path = os.path.relpath(os.path.join(folder, name), level4)
            if path not in allowed:
                yield path
