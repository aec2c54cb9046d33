"""What this room adds to other pages: the way to the inbox in the menu, and the choices in the settings."""

from jobsite.accounts.models import AnonymousPerson, User
from jobsite.notifications.choices import choices_of
from jobsite.notifications.queries import unread_count
from jobsite.notifications.rules import CHOICES, GROUPS
from jobsite.projects.parts import MENU, Part


def frame_parts(*, person: User | AnonymousPerson) -> list[Part]:
    """The link to one's inbox with the number of unread notices. One query; nothing for visitors."""
    if not isinstance(person, User):
        return []
    return [Part("notifications/_menu.html", MENU, {"unread": unread_count(person)})]


def settings_parts(*, person: User) -> list[Part]:
    """What one chose to get by e-mail, in words, with the way to change it. One query."""
    choice = choices_of(person)
    off = [GROUPS[name].label for name in choice.off if name in GROUPS]
    return [Part("notifications/_settings.html", "aside", {"jobs": CHOICES[choice.jobs], "off": off})]


PARTS = {"frame": (frame_parts,), "settings": (settings_parts,)}
