"""What this room adds to the settings: one's organisations, and one's projects with what one may do in each."""

from peewee import fn

from jobsite.accounts.models import User
from jobsite.accounts.queries import membership_asked_for
from jobsite.accounts.rules import PERMISSIONS
from jobsite.projects.lists import my_projects
from jobsite.projects.models import Organisation, OrgMembership
from jobsite.projects.parts import ASIDE, Part
from jobsite.settings import current


def settings_parts(*, person: User) -> list[Part]:
    """The organisations of a person, and their projects with roles and what these permit in words. At most three queries."""
    facts = {
        "orgs": _orgs_of(person) if current().public else None,
        "needs_org": membership_asked_for(),
        "projects": my_projects(person),
        "permissions": PERMISSIONS,
    }
    return [Part("projects/_settings.html", ASIDE, facts)]


def _orgs_of(person: User) -> list[Organisation]:
    orgs = Organisation.select().join(OrgMembership).where(OrgMembership.user == person)
    return list(orgs.order_by(fn.LOWER(Organisation.name)))


PARTS = {"settings": (settings_parts,)}
