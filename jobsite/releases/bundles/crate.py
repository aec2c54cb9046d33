"""The RO-Crate of a bundle: what the files are, which jobs made them, who checked and released them (specification 7). Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jobsite.releases.bundles.vocabulary import (
    CHECK_VALUE,
    COMPLETED,
    CONTEXT,
    DESCRIPTOR,
    DISCLOSURE,
    PREVIEW,
    PROCESS_RUN,
    PROFILE,
    RO_CRATE,
    SIGN_OFF,
    STEPS,
    media_type,
)

Entity = dict[str, Any]


@dataclass(frozen=True)
class BundledFile:
    """A released file: `path` in the bundle, `name` in its workspace, `size` in bytes, `at` when its bytes arrived."""

    path: str
    name: str
    release: str
    sha256: str
    size: int
    at: str
    job: str
    action: str
    commit: str
    repository: str


@dataclass(frozen=True)
class BundledRun:
    """The job that made files: `code` is where its code is readable, "" for nobody; times as the wire has them."""

    job: str
    action: str
    command: str
    image: str
    commit: str
    repository: str
    code: str
    started_at: str
    completed_at: str
    project_file: str
    is_public: bool


@dataclass(frozen=True)
class BundledRelease:
    """A release: its record as it may be shown, when and from which backend it was made."""

    id: str
    record: Mapping[str, Any]
    backend: str
    at: str


@dataclass(frozen=True)
class Facts:
    """All that a crate tells. `organisations` are names and addresses, the lead first; `address` is where the bundle can
    be had.
    """

    id: str
    title: str
    address: str
    workspace: str
    project: str
    project_address: str
    organisations: tuple[tuple[str, str], ...]
    at: str
    files: tuple[BundledFile, ...]
    runs: tuple[BundledRun, ...]
    releases: tuple[BundledRelease, ...]


def crate(facts: Facts, others: Iterable[str]) -> bytes:
    """The metadata document. `others` are the paths of what lies in the bundle beside outputs."""
    reviews = [_review(release, facts) for release in facts.releases]
    graph = [
        _descriptor(),
        _root(facts, others, [review["@id"] for review, _ in reviews]),
        *_around(facts),
        *(_file(file) for file in facts.files),
        *(_other(path) for path in others),
        *(entity for run in facts.runs for entity in _run(run, facts)),
        *(entity for review, parts in reviews for entity in (review, *parts)),
        *_people(facts),
    ]
    document = {"@context": CONTEXT, "@graph": _once(graph)}
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def address(path: str) -> str:
    """A path as a relative address: everything but plain characters in percent form."""
    return quote(path, safe="/-._~")


def _descriptor() -> Entity:
    return {
        "@id": DESCRIPTOR,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": RO_CRATE},
    }


def _root(facts: Facts, others: Iterable[str], reviews: list[str]) -> Entity:
    parts = [file.path for file in facts.files] + list(others)
    mentions = [f"#job-{run.job}" for run in facts.runs] + reviews
    bodies = _links(place for _, place in facts.organisations)
    told = {
        "@id": "./",
        "@type": "Dataset",
        "identifier": facts.id,
        "name": facts.title,
        "description": f"Files of the workspace {facts.workspace} that were checked and released, with the record of how.",
        "url": facts.address,
        "datePublished": facts.at,
        "conformsTo": _links([PROFILE, PROCESS_RUN] if facts.runs else [PROFILE]),
        "license": {"@id": "#terms"},
        "sourceOrganization": {"@id": facts.project_address},
        "hasPart": _links(address(path) for path in parts),
        "mentions": _links(mentions),
    }
    told |= {"author": bodies, "publisher": bodies} if facts.organisations else {}
    return told | ({"mainEntity": {"@id": _workflow(facts.runs[0])}} if facts.runs else {})


def _links(ids: Iterable[str]) -> Entity | list[Entity]:
    """References to entities; one alone stands for itself."""
    found: list[Entity] = [{"@id": one} for one in ids]
    return found[0] if len(found) == 1 else found


def _around(facts: Facts) -> list[Entity]:
    """The profile, the terms, the project and its organisations."""
    project = {
        "@id": facts.project_address,
        "@type": "Project",
        "name": facts.project,
        "url": facts.project_address,
    } | ({"member": _links(place for _, place in facts.organisations)} if facts.organisations else {})
    return [
        {
            "@id": PROFILE,
            "@type": ["CreativeWork", "Profile"],
            "name": "Five Safes RO-Crate",
            "version": "0.4",
        },
        {"@id": PROCESS_RUN, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {
            "@id": "#terms",
            "@type": "CreativeWork",
            "name": "Terms of use",
            "description": "Who may use these files, and for what, is decided by the project and its organisations.",
        },
        {"@id": PREVIEW, "@type": "CreativeWork", "about": {"@id": "./"}},
        project,
        *(
            {"@id": place, "@type": "Organization", "name": name, "url": place}
            for name, place in facts.organisations
        ),
    ]


def _file(file: BundledFile) -> Entity:
    return {
        "@id": address(file.path),
        "@type": "File",
        "name": file.name,
        "contentSize": str(file.size),
        "encodingFormat": media_type(file.name),
        "sha256": file.sha256,
        "dateModified": file.at,
    }


def _other(path: str) -> Entity:
    return {
        "@id": address(path),
        "@type": "File",
        "name": path.rpartition("/")[2],
        "encodingFormat": media_type(path),
    }


def _run(run: BundledRun, facts: Facts) -> list[Entity]:
    """A job and its pipeline."""
    made = [file.path for file in facts.files if file.job == run.job]
    action = {
        "@id": f"#job-{run.job}",
        "@type": "CreateAction",
        "name": f"Action {run.action}",
        "description": run.command,
        "instrument": {"@id": _workflow(run)},
        "object": {"@id": _workflow(run)},
        "result": _links(address(path) for path in made),
        "actionStatus": COMPLETED,
    }
    times = {"startTime": run.started_at, "endTime": run.completed_at}
    workflow = {
        "@id": _workflow(run),
        "@type": ["SoftwareSourceCode", "ComputationalWorkflow"],
        "name": f"project.yaml at {run.commit[:7]}",
        "version": run.commit,
        "programmingLanguage": {"@id": "#project-yaml"},
    }
    language = {"@id": "#project-yaml", "@type": "ComputerLanguage", "name": "project.yaml"}
    links = {"codeRepository": run.repository} if run.is_public else {}
    return [action | {name: at for name, at in times.items() if at}, workflow | links, language]


def _review(release: BundledRelease, facts: Facts) -> tuple[Entity, list[Entity]]:
    """The whole review of a release as one action, and its parts."""
    its = [file for file in facts.files if file.release == release.id]
    objects = _links(address(file.path) for file in its)
    parts = [_checks(release, objects), *_steps(release, objects), *_uploads(release, its)]
    whole = {
        "@id": f"#review-{release.id}",
        "@type": "Action",
        "name": f"Review of release {release.id}",
        "object": objects,
        "dct:hasPart": _links(part["@id"] for part in parts),
        "actionStatus": COMPLETED,
        "endTime": release.at,
    }
    return whole, parts


def _checks(release: BundledRelease, objects: Entity | list[Entity]) -> Entity:
    record = release.record
    policy = json.loads(record["policy"]["text"])
    return {
        "@id": f"#checks-{release.id}",
        "@type": "AssessAction",
        "additionalType": DISCLOSURE,
        "name": f"Automatic disclosure checks, {len(record['rules'])} rules",
        "instrument": f"policy {policy.get('policy', '')} version {policy.get('version', '')}, "
        f"SHA-256 {record['policy']['sha256']}",
        "object": objects,
        "result": f"{sum(rule['fired'] for rule in record['rules'])} findings",
        "agent": {"@id": "#system"},
        "actionStatus": COMPLETED,
    }


def _steps(release: BundledRelease, objects: Entity | list[Entity]) -> list[Entity]:
    told = [step for step in release.record["steps"] if step["step"] in STEPS]
    return [_step(release, number, step, objects) for number, step in enumerate(told, 1)]


def _step(
    release: BundledRelease, number: int, step: Mapping[str, str], objects: Entity | list[Entity]
) -> Entity:
    kind, words = STEPS[step["step"]]
    action = {
        "@id": f"#step-{release.id}-{number}",
        "@type": kind,
        "name": words,
        "agent": {"@id": _agent(step["by"])},
        "object": objects,
        "endTime": step["at"],
        "actionStatus": COMPLETED,
    }
    if step["step"] == "returned":
        action["recipient"] = {"@id": _agent("author")}
    if kind == "AssessAction":
        action["additionalType"] = DISCLOSURE
    return action | ({"additionalType": SIGN_OFF} if kind == "AuthorizeAction" else {})


def _uploads(release: BundledRelease, files: list[BundledFile]) -> list[Entity]:
    """What was sent by the one side and received, with the same hash, by the other."""
    objects = _links(address(file.path) for file in files)
    latest = max((file.at for file in files), default=release.at)
    common = {"object": objects, "actionStatus": COMPLETED, "additionalType": CHECK_VALUE}
    sent = {"@id": f"#sent-{release.id}", "@type": "SendAction", "name": f"Sent from {release.backend}"}
    taken = {"@id": f"#received-{release.id}", "@type": "ReceiveAction", "name": "Received, hashes compared"}
    return [
        {**sent, **common, "agent": {"@id": "#system"}, "startTime": release.at},
        {**taken, **common, "agent": {"@id": "#system"}, "endTime": latest},
    ]


def _people(facts: Facts) -> list[Entity]:
    """Who acted, none by name."""
    roles = {step["by"] for release in facts.releases for step in release.record["steps"]}
    people = [
        {"@id": _agent(role), "@type": "Person", "name": role.capitalize()}
        for role in sorted(roles - {"system"})
    ]
    return [*people, _software(facts)]


def _software(facts: Facts) -> Entity:
    made_by = facts.releases[0].record["software"] if facts.releases else "jobsite"
    version = made_by.rpartition(" ")[2]
    return {"@id": "#system", "@type": "SoftwareApplication", "name": "jobsite", "softwareVersion": version}


def _agent(role: str) -> str:
    return f"#{role.lower().replace(' ', '-')}"


def _workflow(run: BundledRun) -> str:
    """Where the pipeline is readable; without such a place, what names it."""
    return run.code or f"#project-yaml-{run.commit}"


def _once(graph: Iterable[Entity]) -> list[Entity]:
    """The entities, each id once, in order of their ids after the descriptor and the root."""
    found: dict[str, Entity] = {}
    for entity in graph:
        found.setdefault(entity["@id"], entity)
    first = [found.pop(DESCRIPTOR), found.pop("./")]
    return [*first, *(found[name] for name in sorted(found))]
