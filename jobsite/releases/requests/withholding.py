"""What the event log tells nobody too early: staff who check, ask or work with the author read no opinion there (2.4, OC6)."""

from peewee import Expression

from jobsite.accounts.models import User
from jobsite.core.events import Event
from jobsite.projects.models import Workspace
from jobsite.releases.requests.listing import projects_developed_by
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.seeing import NAMING_A_CHECKER
from jobsite.releases.requests.standing import CHECK

SAID = tuple(f"release:{name}" for name in sorted(NAMING_A_CHECKER))


def withheld_from(person: User) -> Expression:
    """The events that the whole log does not show this person: what others said, by name, to requests of which they are no
    auditor. The page of the request shows it when it is time. No query of its own."""
    said = Event.type.in_(SAID) & (Event.by != person.username)
    if CHECK in person.permissions:
        return said
    near = (ReleaseRequest.author == person) | Workspace.project.in_(projects_developed_by(person))
    subjects = ReleaseRequest.select("release-request:" + ReleaseRequest.id).join(Workspace).where(near)
    return said & Event.subject.in_(subjects)
