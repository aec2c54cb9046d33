"""From what reviewing programs elsewhere tell to news: who is told, and where the issue is."""

import json
from typing import Any

from jobsite.accounts.models import User
from jobsite.accounts.rules import permissions_of
from jobsite.core.events import Event
from jobsite.notifications.news import News
from jobsite.notifications.told_models import ToldReview
from jobsite.notifications.told_rules import EXTERNAL, INTERNAL, STEPS
from jobsite.projects.models import Organisation, OrgMembership, ProjectCollaboration, ProjectMembership
from jobsite.publishing.rules import SEE
from jobsite.settings import current


def review_news(event: Event) -> list[News]:
    """The news of a step: to its author and the project where the step says so; else for webhook and issue only."""
    row = ToldReview.get_or_none(ToldReview.id == json.loads(event.data)["told"])
    if row is None:
        return []
    step = STEPS[row.step]
    facts = {
        "workspace": row.workspace.name,
        "request": row.request,
        "author": row.author.username,
        "by": row.by,
        "updates": row.updates,
        "step": row.step,
        "repo": row.repo or _repo_of(row),
        "code": row.workspace.repo.url,
        "label": INTERNAL if _is_internal(row.author) else EXTERNAL,
    }
    people = [row.author] if step.mails_author else []
    people += [one for one in _readers(row) if one.id != row.author_id] if step.mails_members else []
    return [News(step.kind, facts, tuple(people), f"told:{row.id}")]


def release_news(event: Event) -> list[News]:
    """Files were released by another way: for the webhook."""
    facts = {"by": event.by, "backend": event.subject.partition(":")[2]}
    return [News("release-elsewhere", json.loads(event.data) | facts)]


def _repo_of(row: ToldReview) -> str:
    """The repository for issues: that of the project's organisations which has one of its own, the lead first, else that of
    the site."""
    settings = current()
    if not settings.review_repos:
        return settings.review_repo
    orgs = Organisation.select(Organisation.slug).join(ProjectCollaboration)
    orgs = orgs.where(ProjectCollaboration.project == row.workspace.project_id)
    orgs = orgs.order_by(ProjectCollaboration.is_lead.desc(), ProjectCollaboration.id)
    own = (settings.review_repos.get(slug) for (slug,) in orgs.tuples())
    return next(filter(None, own), settings.review_repo)


def _is_internal(author: User) -> bool:
    orgs = OrgMembership.select().join(Organisation)
    return bool(orgs.where(OrgMembership.user == author, Organisation.is_internal).exists())


def _readers(row: ToldReview) -> list[Any]:
    """The active members of the project who see what was released."""
    rows = ProjectMembership.select(ProjectMembership, User).join(User)
    its = (ProjectMembership.project == row.workspace.project_id) & User.is_active
    return [one.user for one in rows.where(its) if SEE in permissions_of(one.roles)]
