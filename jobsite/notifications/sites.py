"""What news needs to know of this site: its address, its name, whom to ask."""

from urllib.parse import urlsplit

from jobsite.notifications.sentences import Place
from jobsite.settings import current


def place() -> Place:
    """How the platform is called and whom to ask, by the settings."""
    return Place(current().platform_name, current().support)


def link_to(path: str) -> str:
    """The whole address of a path of this site; the path alone where BASE_URL is not set."""
    return f"{current().base_url}{path}" if path else ""


def host() -> str:
    """The host of this site's address, for names of mails; "localhost" where BASE_URL is not set."""
    return urlsplit(current().base_url).hostname or "localhost"
