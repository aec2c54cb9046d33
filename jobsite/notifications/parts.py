"""What this room adds to other pages: the way to the inbox in the menu, and the choices in the settings."""

from jobsite.accounts.models import AnonymousPerson, Session, User
from jobsite.notifications.choices import choices_of
from jobsite.notifications.queries import unread_count, unread_of
from jobsite.notifications.rules import CHOICES, GROUPS
from jobsite.projects.parts import MENU, Part
from jobsite.settings import current

UNREAD = "unread"
OF_PEOPLE = {UNREAD: unread_of(Session.user)}
"""What is read along with every session."""


def frame_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The link to one's inbox with the number of unread notices, read along with the session; nothing for visitors."""
    if not isinstance(person, User):
        return []
    unread = person.known[UNREAD] if UNREAD in person.known else unread_count(person)
    return [Part("notifications/_menu.html", MENU, {"unread": unread})]


def requests_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The link to one's release requests where they are reviewed elsewhere; nothing for visitors. No query."""
    return [Part("requests/_menu.html", MENU, {})] if isinstance(person, User) else []


def settings_parts(*, person: User) -> list[Part]:
    """What one chose to get by e-mail, in words, with the way to change it, where mails are sent. One query."""
    if not current().public:
        return []
    choice = choices_of(person)
    off = [GROUPS[name].label for name in choice.off if name in GROUPS]
    return [Part("notifications/_settings.html", "aside", {"jobs": CHOICES[choice.jobs], "off": off})]


OF_REQUESTS_ELSEWHERE = {"frame": (requests_parts,)}
PARTS = {"frame": (frame_parts,), "settings": (settings_parts,)}
