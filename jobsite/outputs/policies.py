"""Policies in versions: what is in force for a project, what was, and how a new version comes into force.

The policy `default` follows the settings of the installation: a change of them is a new version of it. Other policies are
given by one person of staff and approved by another.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from peewee import JOIN

from jobsite.accounts.models import User, permissions_everywhere
from jobsite.checks import BadPolicy, Policy, default_policy, policy_from
from jobsite.core.clock import now
from jobsite.core.db import changed_one, writing
from jobsite.core.errors import NotFound, refuse, require
from jobsite.core.events import record
from jobsite.outputs.models import PolicyVersion, ProjectPolicy
from jobsite.outputs.rules import (
    why_not_approve,
    why_not_change_policies,
    why_not_effective,
    why_not_policy_name,
)
from jobsite.projects.models import Project
from jobsite.settings import current

DEFAULT = "default"
BY_SETTINGS = "settings"


def policy_of(project: Project) -> PolicyVersion:
    """The version in force for a project; the default where its own policy has none in force. One query.

    A version that the settings have just made is not stored before something is checked under it (`stored`).
    """
    its_own = (ProjectPolicy.project == project) & (ProjectPolicy.policy == PolicyVersion.policy)
    joined = PolicyVersion.select().join(ProjectPolicy, JOIN.LEFT_OUTER, on=its_own)
    concerned = (PolicyVersion.policy == DEFAULT) | ProjectPolicy.id.is_null(False)
    rows = list(joined.where(concerned).order_by(PolicyVersion.version.desc()))
    own = [row for row in rows if row.policy != DEFAULT and _is_in_force(row)]
    return own[0] if own else _by_settings([row for row in rows if row.policy == DEFAULT])


def in_force(policy: str) -> PolicyVersion | None:
    """The newest approved version of a policy whose day has come; None where there is none."""
    rows = list(
        PolicyVersion.select().where(PolicyVersion.policy == policy).order_by(PolicyVersion.version.desc())
    )
    if policy == DEFAULT:
        return _by_settings(rows)
    return next((row for row in rows if _is_in_force(row)), None)


def _is_in_force(version: PolicyVersion) -> bool:
    return bool(version.approver) and version.effective_from <= now().date().isoformat()


def version_of(policy: str, version: int) -> PolicyVersion:
    """One version of a policy. Raises `NotFound`."""
    found = PolicyVersion.get_or_none((PolicyVersion.policy == policy) & (PolicyVersion.version == version))
    newest = in_force(DEFAULT) if found is None and policy == DEFAULT else None
    if newest is not None and newest.version == version:
        return newest
    if found is None:
        raise NotFound(f"There is no version {version} of the policy {policy}.")
    return found


def versions() -> list[PolicyVersion]:
    """All versions of all policies, the newest of each first. One query."""
    rows = list(PolicyVersion.select().order_by(PolicyVersion.policy, PolicyVersion.version.desc()))
    newest = _by_settings([row for row in rows if row.policy == DEFAULT])
    return rows if newest.id else [newest, *rows]


def loaded(version: PolicyVersion) -> Policy:
    """What the checks go by."""
    return _read(version.sha256, version)


class _Document:
    """A document of a version, told apart by its SHA-256 alone."""

    def __init__(self, sha256: str, document: Any) -> None:
        self.sha256, self.document = sha256, document

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Document) and other.sha256 == self.sha256


def _read(sha256: str, version: PolicyVersion) -> Policy:
    return _policy(_Document(sha256, version.document))


@lru_cache(maxsize=64)
def _policy(kept: _Document) -> Policy:
    return policy_from(kept.document)


def stored(version: PolicyVersion) -> PolicyVersion:
    """The version as a row. To be called in a transaction: the first check under it stores it, with an event."""
    if version.id:
        return version
    found = PolicyVersion.get_or_none(
        (PolicyVersion.policy == version.policy) & (PolicyVersion.version == version.version)
    )
    if found is not None:
        return found
    version.save(force_insert=True)
    _tell("policy:from-settings", BY_SETTINGS, version)
    return version


def propose(*, by: User, document: Any, note: str) -> PolicyVersion:
    """Give a new version of a policy, to be approved by somebody else; its number is the next. Raises `Invalid`."""
    require(why_not_change_policies(permissions_everywhere(by)))
    try:
        policy = policy_from(document)
    except BadPolicy as problem:
        refuse(document=str(problem))
        raise
    effective = policy.as_json()["effective_from"]
    refuse(document=why_not_policy_name(policy.name) or why_not_effective(effective))
    with writing():
        newest = (
            PolicyVersion.select(PolicyVersion.version)
            .where(PolicyVersion.policy == policy.name)
            .order_by(PolicyVersion.version.desc())
            .scalar()
        )
        whole = policy_from({**policy.as_json(), "version": (newest or 0) + 1})
        version = _version(whole, author=by.username, note=note.strip())
        version.save(force_insert=True)
        _tell("policy:proposed", by.username, version)
    return version


def approve(*, by: User, policy: str, version: int) -> None:
    """Bring a version into force from its day on; only for somebody else than its author. Raises `Denied`, `Conflict`."""
    require(why_not_change_policies(permissions_everywhere(by)))
    found = version_of(policy, version)
    require(why_not_approve(by.username, found.author, bool(found.approver)))
    with writing():
        waiting = (PolicyVersion.id == found.id) & (PolicyVersion.approver == "")
        changed_one(
            PolicyVersion.update(approver=by.username, approved_at=now()).where(waiting),
            "Somebody else has just approved this version.",
        )
        _tell("policy:approved", by.username, found)


def choose(*, by: User, project: Project, policy: str) -> None:
    """Have a project go by a policy from now on. Raises `Denied`, `Invalid` where none of its versions is in force."""
    require(why_not_change_policies(permissions_everywhere(by)))
    refuse(policy=None if in_force(policy) else f"No version of the policy {policy} is in force.")
    with writing():
        ProjectPolicy.insert(project=project, policy=policy).on_conflict(
            conflict_target=[ProjectPolicy.project], update={ProjectPolicy.policy: policy}
        ).execute()
        record("policy:chosen", by=by.username, subject=f"project:{project.slug}", policy=policy)


def _by_settings(known: Sequence[PolicyVersion]) -> PolicyVersion:
    """The newest of the known versions of the default policy, or a new one when the settings have changed since."""
    newest = known[0] if known else None
    number, since = (newest.version, newest.effective_from) if newest else (1, now().date().isoformat())
    as_set = policy_from(_document(number, since))
    if newest is None:
        return _version(as_set, author=BY_SETTINGS, approver=BY_SETTINGS)
    if as_set.sha256 == newest.sha256:
        return newest
    following = policy_from(_document(number + 1, now().date().isoformat()))
    return _version(following, author=BY_SETTINGS, approver=BY_SETTINGS)


def _document(version: int, since: str) -> dict[str, Any]:
    """The shipped policy with the numbers of the settings."""
    given = current()
    limits = {"file_bytes": given.level4_max_filesize, "csv_rows": given.level4_max_csv_rows}
    document = default_policy(given.disclosure_threshold, given.rounding_base, **limits).as_json()
    document["reviews"] |= {"needed": given.reviews_needed, "undo_seconds": given.undo_seconds}
    return {**document, "policy": DEFAULT, "version": version, "effective_from": since}


def _version(policy: Policy, *, author: str, approver: str = "", note: str = "") -> PolicyVersion:
    document = policy.as_json()
    return PolicyVersion(
        policy=policy.name,
        version=policy.version,
        sha256=policy.sha256,
        document=document,
        author=author,
        approver=approver,
        effective_from=document["effective_from"],
        note=note,
        created_at=now(),
        approved_at=now() if approver else None,
    )


def _tell(what: str, by: str, version: PolicyVersion) -> None:
    subject = f"policy:{version.policy}"
    record(what, by=by, subject=subject, version=version.version, sha256=version.sha256)
