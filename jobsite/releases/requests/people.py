"""The people on a page, by username, with one query."""

from collections.abc import Callable, Iterable

from jobsite.accounts.models import User
from jobsite.releases.requests.pages import Person

Named = Callable[[str], Person]


def named(usernames: Iterable[str]) -> Named:
    """A function that gives the person of a username among these; one who is not known here goes by the username."""
    wanted = {username for username in usernames if username}
    rows = (
        User.select(User.username, User.fullname).where(User.username.in_(wanted)).tuples() if wanted else ()
    )
    names = dict(rows)
    return lambda username: Person(username, names.get(username, username))
