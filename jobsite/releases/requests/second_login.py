"""The second login step before a release, where the installation asks for one (`RELEASE_LOGIN`; specification 11, T10, OC15)."""

from jobsite.accounts.models import User
from jobsite.accounts.sessions import began_at
from jobsite.core.clock import now
from jobsite.core.wording import counted
from jobsite.settings import current


def why_not_login(person: User) -> str | None:
    """Why what this person is logged in with is too old for a release, or None. At most one query.

    Who acts without a login, as a program would, has none that is young enough.
    """
    longest = current().release_login
    if not longest:
        return None
    began = began_at(person)
    if began is not None and now() - began <= longest:
        return None
    minutes = max(int(longest.total_seconds() // 60), 1)
    return f"A release asks for a login that is at most {counted(minutes, 'minute')} old here: log in again first."
