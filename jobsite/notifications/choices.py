"""What each person wants by e-mail: read, changed in the settings, and ended by the link in a mail."""

from collections.abc import Sequence

from itsdangerous import BadSignature, URLSafeSerializer

from jobsite import settings
from jobsite.accounts.models import User
from jobsite.core.db import writing
from jobsite.core.errors import NotFound, refuse
from jobsite.core.events import record
from jobsite.instance import secret_key
from jobsite.notifications.models import MailChoice
from jobsite.notifications.rules import GROUPS, JOBS, NONE, why_not_choice, why_not_groups


def choices_of(user: User) -> MailChoice:
    """What a person chose; where nothing was chosen, what counts then."""
    return MailChoice.get_or_none(MailChoice.user == user) or MailChoice(user=user)


def choose(*, by: User, jobs: str, off: Sequence[str]) -> None:
    """Store what somebody wants by e-mail: about jobs, and the other groups that are switched off.

    Raises `Invalid` with the field's sentence.
    """
    refuse(jobs=why_not_choice(jobs), groups=why_not_groups(off))
    with writing():
        _store(by, jobs, sorted(set(off)), by.username)


def unsubscribe(*, link: str) -> tuple[User, str]:
    """End the e-mails that the link of one of them names; gives whose and the group. Done twice, nothing changes.

    Those of a group that cannot be switched off go on.
    Whoever has the mail may do this without logging in (RFC 8058). Raises `NotFound` for a link we did not make.
    """
    user, group = read_link(link)
    with writing():
        now = choices_of(user)
        jobs = NONE if group == JOBS else now.jobs
        off = now.off if group == JOBS else sorted({*now.off, group})
        if GROUPS[group].optional and (jobs, off) != (now.jobs, now.off):
            _store(user, jobs, off, user.username)
    return user, group


def link_for(user: User, group: str) -> str:
    """What a link that ends the e-mails of a group to a person carries: signed, for this person and group alone."""
    return _signer().dumps([user.id, group])


def read_link(link: str) -> tuple[User, str]:
    """The person and the group a link names. Raises `NotFound` for one that we did not make."""
    try:
        number, group = _signer().loads(link)
    except (BadSignature, ValueError, TypeError):
        raise NotFound("This link is not complete. Copy all of it from the e-mail.") from None
    user = User.get_or_none(User.id == number)
    if user is None or group not in GROUPS:
        raise NotFound("This link leads to nobody any more.")
    return user, group


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(secret_key(settings.current()), salt="unsubscribe")


def _store(user: User, jobs: str, off: list[str], by: str) -> None:
    values = {MailChoice.jobs: jobs, MailChoice.off: off}
    if not MailChoice.update(values).where(MailChoice.user == user).execute():
        MailChoice.create(user=user, jobs=jobs, off=off)
    record("user:notifications", by=by, subject=f"user:{user.username}", jobs=jobs, off=off)
