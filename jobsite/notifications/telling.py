"""From events to news: for each type of event, who is told what. Types that are not listed are nobody's news."""

import json
from collections.abc import Callable, Iterable, Mapping
from email.utils import parseaddr
from typing import Any
from urllib.parse import quote

from peewee import SQL

from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import holders, user_named
from jobsite.core.events import Event
from jobsite.core.prepared import Prepared, place
from jobsite.jobs.models import Job, JobRequest
from jobsite.jobs.reported import ENDED, NO_JOBS
from jobsite.jobs.rules import CODES, JOB, wire_state
from jobsite.notifications.choices import choices_of
from jobsite.notifications.news import News
from jobsite.notifications.release_news import TELLERS
from jobsite.notifications.rules import NONE, SUMMARY, wants_each_job, wants_summary
from jobsite.notifications.told_news import release_news, review_news
from jobsite.projects.models import Organisation, Project, Repo, Workspace
from jobsite.settings import current

ADDED = "project:added"


def news_of(event: Event) -> list[News]:
    """What is to be told of an event. What it was about may be gone by now: then nothing."""
    if event.type in TELLERS:
        return TELLERS[event.type](event)
    tell = _TELLERS.get(event.type)
    return tell(event, _About(event)) if tell else []


_WILL_NOTIFY = Prepared(
    lambda: (
        Job.select(Job.id).join(JobRequest).where(Job.identifier == place("identifier"), SQL("will_notify"))
    )
)
"""The job of an identifier when its request is one that somebody wants to hear of; of most nobody does."""


class _About:
    """What an event says, for those who word it."""

    def __init__(self, event: Event) -> None:
        self.name = event.subject.partition(":")[2]
        self.data: Mapping[str, Any] = json.loads(event.data)
        self.by = event.by

    def others(self, *people: User | None) -> tuple[User, ...]:
        """The people who did not do it themselves: nobody is told what they have just done."""
        return tuple(person for person in people if person and person.username != self.by)

    @property
    def user(self) -> User | None:
        """The person the data name."""
        return user_named(str(self.data.get("user", "")))


def _job_moved(event: Event, about: _About) -> list[News]:
    if not _WILL_NOTIFY.run(identifier=about.name).fetchone():
        return []
    job = Job.get(Job.identifier == about.name)
    request, person = job.job_request, job.job_request.created_by
    choice = choices_of(person).jobs
    found = []
    if wants_each_job(choice, job.state):
        found.append(News("job-ended", _job_facts(job), (person,), f"job:{job.identifier}"))
    if wants_summary(choice) and not request.is_active:
        facts = _request_facts(request)
        found.append(
            News("request-ended", facts, (person,), f"request:{request.id}", mailed=choice == SUMMARY)
        )
    return found


def _job_facts(job: Job) -> dict[str, Any]:
    elapsed = (job.completed_at - job.started_at).total_seconds() if job.started_at else None
    return {
        "workspace": job.workspace.name,
        "number": job.job_request_id,
        "job": job.identifier,
        "action": job.action,
        "state": job.state,
        "message": CODES["job_error"].sentence if job.status_code == "job_error" else job.status_message,
        "seconds": None if elapsed is None else round(elapsed),
    }


def _request_facts(request: JobRequest) -> dict[str, Any]:
    jobs = Job.select(Job.action, Job.state).where(Job.job_request == request).order_by(Job.position)
    rows = list(jobs.tuples())
    states = {state for _, state in rows}
    cancelled = "cancelled" in states and "failed" not in states
    return {
        "workspace": request.workspace.name,
        "number": request.id,
        "state": "cancelled" if cancelled else wire_state(request.status),
        "total": len(rows),
        "succeeded": sum(state == "succeeded" for _, state in rows),
        "failed": [action for action, state in rows if state != "succeeded"],
    }


def _request_without_jobs(event: Event, about: _About) -> list[News]:
    """Its runner could make no jobs of a request: told to whoever wants to hear of its end."""
    request = JobRequest.get_or_none(JobRequest.id == int(about.name))
    if request is None or not request.will_notify:
        return []
    facts = _request_facts(request) | {"message": request.status_message}
    mailed = choices_of(request.created_by).jobs != NONE
    return [News("request-ended", facts, (request.created_by,), f"request:{request.id}", mailed=mailed)]


def _request_cancelled(event: Event, about: _About) -> list[News]:
    request = JobRequest.get_or_none(JobRequest.id == int(about.name))
    if request is None:
        return []
    facts = {"workspace": request.workspace.name, "number": request.id, "by": about.by}
    facts |= {"jobs": len(about.data.get("jobs", []))}
    return _to(about.others(request.created_by), "request-cancelled", facts)


def _account(kind: str) -> Callable[[Event, _About], list[News]]:
    """News about an account, for its owner, whoever did it."""

    def tell(event: Event, about: _About) -> list[News]:
        person = user_named(about.name)
        return _to((person,) if person else (), kind, {"by": about.by, "username": about.name})

    return tell


def _email_asked(event: Event, about: _About) -> list[News]:
    person = user_named(about.name)
    if person is None or not person.new_email:
        return []
    facts = {"username": person.username}
    confirm = News("email-confirm", facts, (person,), address=person.new_email)
    return [confirm, *_to((person,), "email-asked", facts)]


def _email_changed(event: Event, about: _About) -> list[News]:
    person = user_named(about.name)
    if person is None:
        return []
    facts = {"username": person.username}
    old = (News("email-changed", facts, (person,), address=person.old_email),) if person.old_email else ()
    return [*old, *_to((person,), "email-changed", facts)]


def _roles_changed(event: Event, about: _About) -> list[News]:
    return _to(about.others(user_named(about.name)), "roles-changed", {**about.data, "by": about.by})


def _member(kind: str) -> Callable[[Event, _About], list[News]]:
    def tell(event: Event, about: _About) -> list[News]:
        project = Project.get_or_none(Project.slug == about.name)
        if project is None:
            return []
        facts = {**about.data, "by": about.by, "project": project.slug, "name": project.name}
        return _to(about.others(about.user), kind, facts)

    return tell


def _org_member(kind: str) -> Callable[[Event, _About], list[News]]:
    def tell(event: Event, about: _About) -> list[News]:
        org = Organisation.get_or_none(Organisation.slug == about.name)
        facts = {"by": about.by, "org": about.name, "name": org.name if org else about.name}
        return _to(about.others(about.user), kind, facts)

    return tell


def _backend_member(kind: str) -> Callable[[Event, _About], list[News]]:
    def tell(event: Event, about: _About) -> list[News]:
        facts = {"by": about.by, **_backend_facts(about.name)}
        return _to(about.others(about.user), kind, facts)

    return tell


def _backend_news(kind: str) -> Callable[[Event, _About], list[News]]:
    def tell(event: Event, about: _About) -> list[News]:
        facts = {**_backend_facts(about.name), "what": str(about.data.get("sentence", ""))}
        return [News(kind, facts, tuple(holders("backend_manage")))]

    return tell


def _backend_facts(slug: str) -> dict[str, Any]:
    backend = Backend.get_or_none(Backend.slug == slug)
    return {"backend": slug, "name": backend.name if backend else slug}


def _copilot_given(event: Event, about: _About) -> list[News]:
    """A project has a co-pilot from now on. That is told once, although both of its events may tell of it."""
    project = Project.get_or_none(Project.slug == about.name)
    if project is None or project.copilot is None or (event.type != ADDED and "copilot" not in about.data):
        return []
    facts = {
        "by": about.by,
        "project": project.slug,
        "name": project.title,
        "copilot": project.copilot.username,
    }
    key = f"{project.id}:{project.copilot_id}"
    return [News("copilot-given", facts, about.others(project.copilot), key)]


def _copilot_ending(event: Event, about: _About) -> list[News]:
    project = Project.get_or_none(Project.slug == about.name)
    if project is None:
        return []
    facts = {"project": project.slug, "name": project.title, "copilot": about.data["copilot"]}
    facts |= {"day": str(about.data["ends"])[:10]}
    person = user_named(about.data["copilot"])
    return [News("copilot-ending", facts, (person,) if person else ())]


def _signed_off(event: Event, about: _About) -> list[News]:
    facts = _repo_facts(about)
    names = dict.fromkeys([*about.data["creators"], *about.data["copilots"]])
    told = [News("sign-off", facts, about.others(*map(user_named, names)))]
    address = parseaddr(current().publications_email)[1]
    if about.data["has_github_outputs"] and address:
        told.append(News("sign-off-outputs", facts, address=address))
    return told


def _signed_off_internally(event: Event, about: _About) -> list[News]:
    return [News("sign-off-internal", _repo_facts(about))]


def _repo_facts(about: _About) -> dict[str, Any]:
    url = about.data["url"]
    projects = Project.select().join(Workspace).join(Repo).where(Repo.url == url).distinct()
    titles = sorted(project.title for project in projects)
    path = f"/publish-repo/{quote(Repo(url=url).address_part, safe='')}/"
    return {"repo": about.data["repo"], "by": about.by, "path": path, "projects": titles}


def _user_added(event: Event, about: _About) -> list[News]:
    return [News("user-added", {"username": about.name})]


def _to(people: Iterable[User], kind: str, facts: Mapping[str, Any]) -> list[News]:
    found = tuple(people)
    return [News(kind, facts, found)] if found else []


_TELLERS: Mapping[str, Callable[[Event, _About], list[News]]] = {
    **{f"job:{code}": _job_moved for code, one in CODES.items() if one.state in JOB.final},
    ENDED: _job_moved,
    NO_JOBS: _request_without_jobs,
    "request:nothing-to-do": _request_without_jobs,
    "request:cancel": _request_cancelled,
    "release-request:told": lambda event, _: review_news(event),
    "release:elsewhere": lambda event, _: release_news(event),
    "token:made": _account("token-made"),
    "token:used": _account("token-used"),
    "user:api-token-made": _account("api-token-made"),
    "user:email-asked": _email_asked,
    "user:email-changed": _email_changed,
    "user:roles": _roles_changed,
    "user:added": _user_added,
    "member:added": _member("member-added"),
    "member:roles": _member("member-roles"),
    "member:removed": _member("member-removed"),
    "org:member-added": _org_member("org-member-added"),
    "org:member-removed": _org_member("org-member-removed"),
    "backend:member-added": _backend_member("backend-member-added"),
    "backend:member-removed": _backend_member("backend-member-removed"),
    ADDED: _copilot_given,
    "project:details": _copilot_given,
    "project:copilot-ending": _copilot_ending,
    "backend:missing": _backend_news("backend-missing"),
    "backend:back": _backend_news("backend-back"),
    "backend:alert": _backend_news("backend-alert"),
    "backend:alert-cleared": _backend_news("backend-cleared"),
    "repo:signed-off": _signed_off,
    "repo:signed-off-internally": _signed_off_internally,
}
