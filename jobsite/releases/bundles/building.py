"""Building a bundle from released files and their records: the same files give the same bytes, each time.

A bundle holds whole releases, or some of their files (a publication): then the record tells of the others by hash alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template

from jobsite.core.clock import wire
from jobsite.core.errors import NotFound
from jobsite.jobs.models import Job, JobRequest, ProjectFile
from jobsite.projects.lists import orgs_of
from jobsite.projects.models import Repo, Workspace
from jobsite.releases.bundles.crate import BundledFile, BundledRelease, BundledRun, Facts, crate
from jobsite.releases.bundles.vocabulary import DESCRIPTOR, PREVIEW
from jobsite.releases.models import Release, ReleaseFile
from jobsite.releases.record import canonical, sha256_of, shown_to
from jobsite.releases.rules import AUDIT, RECORD
from jobsite.releases.signing import public_key, sign
from jobsite.releases.storage import open_released
from jobsite.releases.zipping import Content, zipped
from jobsite.settings import current

INDEX, MANIFEST, SIGNATURE = "bundle.json", "manifest-sha256.txt", "manifest-signature.json"
INDEX_FORMAT, SIGNATURE_FORMAT = "jobsite-bundle/1", "jobsite-signature/1"

NO_RECORD = "There is no bundle: this release came without a release record."
ARRIVING = "There is no bundle yet: files of this release are still arriving."


@dataclass(frozen=True)
class Wanted:
    """What goes into a bundle: `id` names it, `path` is its page on this site, `files` are outputs of one workspace."""

    id: str
    title: str
    path: str
    workspace: Workspace
    files: Sequence[ReleaseFile]


def bundle(wanted: Wanted) -> Iterator[bytes]:
    """The archive, piece by piece. Raises `NotFound` with a sentence, before the first piece, where there can be none."""
    documents = _documents(wanted)
    names = {file.id: path for path, file in _paths(wanted.files).items()}
    outputs = {names[file.id]: file for file in wanted.files if file.is_here}
    return zipped(_entries(wanted.workspace, documents, outputs))


def why_no_bundle(wanted: Wanted) -> str | None:
    """Why there is no bundle of these files, or None."""
    releases = {file.release_id for file in wanted.files}
    told = ReleaseFile.select(ReleaseFile.release).where(
        ReleaseFile.release.in_(releases), ReleaseFile.name == RECORD, ReleaseFile.uploaded_at.is_null(False)
    )
    if not releases or {row.release_id for row in told} != releases:
        return NO_RECORD
    return (
        ARRIVING
        if any(file.uploaded_at is None and file.deleted_at is None for file in wanted.files)
        else None
    )


def _entries(
    workspace: Workspace, documents: Mapping[str, bytes], outputs: Mapping[str, ReleaseFile]
) -> Iterator[tuple[str, Content]]:
    for name in sorted([*documents, *outputs]):
        if name in documents:
            yield name, documents[name]
        else:
            file = outputs[name]
            yield name, open_released(workspace.name, file.release_id, file.sha256)


def _documents(wanted: Wanted) -> dict[str, bytes]:
    """Everything in a bundle that is no output, by name."""
    if why_not := why_no_bundle(wanted):
        raise NotFound(why_not)
    texts = _record_texts(wanted)
    facts = _facts(wanted, texts)
    found = {
        f"releases/{release}/{name}": text for release, its in texts.items() for name, text in its.items()
    }
    found |= _checks(facts) | _runs(facts)
    found[INDEX] = _json(_index(wanted, facts))
    found[PREVIEW] = render_template("releases/bundle_preview.html", facts=facts, key=public_key()).encode()
    found[DESCRIPTOR] = crate(facts, sorted({*found, MANIFEST, SIGNATURE} - {PREVIEW}))
    hashes = {name: sha256_of(data.decode()) for name, data in found.items()}
    hashes |= {file.path: file.sha256 for file in facts.files}
    found[MANIFEST] = "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode()
    found[SIGNATURE] = _signature(wanted.id, found[MANIFEST])
    return found


def _signature(id: str, manifest: bytes) -> bytes:
    signed = {"format": SIGNATURE_FORMAT, "manifest": sha256_of(manifest.decode()), "id": id}
    return _json({**signed, "key": public_key(), "signature": sign(canonical(signed).encode())})


def _record_texts(wanted: Wanted) -> dict[str, dict[str, bytes]]:
    """Record and audit rows of each release, the record as somebody may read it who sees the wanted files alone."""
    found: dict[str, dict[str, bytes]] = {}
    for release in sorted({file.release_id for file in wanted.files}):
        names = {file.name for file in wanted.files if file.release_id == release}
        texts = {
            row.name: _text(wanted.workspace, row)
            for row in ReleaseFile.select().where(ReleaseFile.release == release, ReleaseFile.is_record)
        }
        found[release] = {"release-record.json": shown_to(texts[RECORD], names).encode()}
        found[release]["audit.json"] = texts[AUDIT].encode()
    return found


def _text(workspace: Workspace, row: ReleaseFile) -> str:
    with open_released(workspace.name, row.release_id, row.sha256) as file:
        return file.read().decode()


def _facts(wanted: Wanted, texts: Mapping[str, Mapping[str, bytes]]) -> Facts:
    site, workspace = current().base_url, wanted.workspace
    paths = {file.id: path for path, file in _paths(wanted.files).items()}
    files = tuple(_file(file, paths[file.id]) for file in wanted.files if file.is_here)
    records = {release: json.loads(its["release-record.json"]) for release, its in texts.items()}
    releases = Release.select().where(Release.id.in_(list(texts))).order_by(Release.id)
    return Facts(
        id=wanted.id,
        title=wanted.title,
        address=f"{site}{wanted.path}",
        workspace=workspace.name,
        project=workspace.project.name,
        project_address=f"{site}/projects/{workspace.project.slug}/",
        organisations=tuple((org.name, f"{site}/orgs/{org.slug}/") for org in orgs_of(workspace.project)),
        at=max((file.at for file in files), default=""),
        files=tuple(sorted(files, key=lambda file: file.path)),
        runs=_run_facts(sorted({file.job for file in files if file.job})),
        releases=tuple(
            BundledRelease(one.id, records[one.id], records[one.id]["backend"], wire(one.created_at) or "")
            for one in releases
        ),
    )


def _file(file: ReleaseFile, path: str) -> BundledFile:
    known = file.metadata
    return BundledFile(
        path=path,
        name=file.name,
        release=file.release_id,
        sha256=file.sha256,
        size=file.size,
        at=wire(file.uploaded_at) or "",
        job=known.get("job", ""),
        action=known.get("action", ""),
        commit=known.get("commit", ""),
        repository=known.get("repo", ""),
    )


def _paths(files: Sequence[ReleaseFile]) -> dict[str, ReleaseFile]:
    """Where each file lies in the bundle; below the id of its release where two files have one name."""
    names = [file.name for file in files]
    double = len(set(names)) < len(names)
    return {f"outputs/{f'{one.release_id}/' if double else ''}{one.name}": one for one in files}


def _run_facts(jobs: Sequence[str]) -> tuple[BundledRun, ...]:
    """The jobs that made files, as far as this side knows them. One query."""
    rows = Job.select(Job, JobRequest, ProjectFile, Workspace, Repo)
    rows = rows.join_from(Job, JobRequest).join_from(JobRequest, ProjectFile)
    rows = rows.join_from(JobRequest, Workspace).join_from(Workspace, Repo)
    return tuple(_run(job) for job in rows.where(Job.identifier.in_(jobs)).order_by(Job.identifier))


def _run(job: Job) -> BundledRun:
    request, repo = job.job_request, job.job_request.workspace.repo
    readable = repo.is_public and not repo.is_local
    return BundledRun(
        job=job.identifier,
        action=job.action,
        command=job.run_command,
        image=job.run_command.partition(" ")[0],
        commit=request.commit,
        repository=repo.url if readable else repo.name,
        code=f"{repo.url.removesuffix('.git')}/tree/{request.commit}" if readable else "",
        started_at=wire(job.started_at) or "",
        completed_at=wire(job.completed_at) or "",
        project_file=request.project_file.text,
        is_public=readable,
    )


def _runs(facts: Facts) -> dict[str, bytes]:
    """`run/`: each job, and `project.yaml`, of a repository that not everybody can read only its hash."""
    found: dict[str, bytes] = {}
    for run in facts.runs:
        hashed = sha256_of(run.project_file)
        names = ("job", "action", "command", "image", "commit", "repository", "started_at", "completed_at")
        found[f"run/{run.job}.json"] = _json(
            {**{name: getattr(run, name) for name in names}, "project_yaml_sha256": hashed}
        )
        if run.is_public:
            found[f"run/project-{run.commit[:12]}-{hashed[:12]}.yaml"] = run.project_file.encode()
    return found


def _checks(facts: Facts) -> dict[str, bytes]:
    """`checks/`: for each file the findings on it, as the record has them."""
    found: dict[str, bytes] = {}
    for release in facts.releases:
        entries = {entry["path"]: entry for entry in release.record["files"] if isinstance(entry, dict)}
        policy = {"sha256": release.record["policy"]["sha256"]}
        for file in facts.files:
            if file.release == release.id and file.name in entries:
                told = {"file": file.path, "sha256": file.sha256, "policy": policy}
                found[f"checks/{file.path}.json"] = _json(
                    {**told, "findings": entries[file.name]["findings"]}
                )
    return found


def _index(wanted: Wanted, facts: Facts) -> dict[str, Any]:
    removed = [file for file in wanted.files if file.deleted_at is not None]
    return {
        "format": INDEX_FORMAT,
        "id": wanted.id,
        "title": wanted.title,
        "address": facts.address,
        "releases": [release.id for release in facts.releases],
        "files": [
            {
                "path": one.path,
                "release": one.release,
                "name": one.name,
                "sha256": one.sha256,
                "size": one.size,
            }
            for one in facts.files
        ],
        "removed": [
            {"release": one.release_id, "name": one.name, "at": wire(one.deleted_at)} for one in removed
        ],
    }


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
