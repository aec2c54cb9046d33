"""What this room adds to the settings: one's organisations, and one's projects with what one may do in each."""

from peewee import fn

from jobsite.accounts.models import User
from jobsite.accounts.queries import membership_asked_for
from jobsite.accounts.rules import PERMISSIONS
from jobsite.projects.lists import my_projects
from jobsite.projects.models import Organisation, OrgMembership
from jobsite.projects.parts import ASIDE, Part


def settings_parts(*, person: User) -> list[Part]:
    """The organisations of a person, and their projects with roles and what these permit in words. At most three queries."""
    orgs = Organisation.select().join(OrgMembership).where(OrgMembership.user == person)
    facts = {
        "orgs": list(orgs.order_by(fn.LOWER(Organisation.name))),
        "needs_org": membership_asked_for(),
        "projects": my_projects(person),
        "permissions": PERMISSIONS,
    }
    return [Part("projects/_settings.html", ASIDE, facts)]


PARTS = {"settings": (settings_parts,)}
