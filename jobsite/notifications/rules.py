"""Who is told what, and by which way: the groups, the choices, and when a delivery is tried again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MAIL, WEBHOOK, ISSUE = "mail", "webhook", "issue"

WAITING, SENT, LOGGED, DROPPED, GIVEN_UP = "waiting", "sent", "logged", "dropped", "given_up"

EACH, FAILURES, SUMMARY, NONE = "each", "failures", "summary", "none"
CHOICES = {
    EACH: ("Each job", "One e-mail for every job that ends, dependencies included."),
    FAILURES: ("Failures only", "One e-mail for every job that fails, none for those that succeed."),
    SUMMARY: ("One summary", "One e-mail when the whole request has ended."),
    NONE: ("No e-mail", "Your inbox here still gets one entry for each request that has ended."),
}

JOBS, OUTPUTS, ACCESS, SITE, SECURITY = "jobs", "outputs", "access", "site", "security"


@dataclass(frozen=True)
class Group:
    """Kinds of news that people choose together. One that is not `optional` is always mailed."""

    name: str
    label: str
    what: str
    optional: bool = True


GROUPS = {
    group.name: group
    for group in (
        Group(JOBS, "My jobs", "What became of the jobs you asked for."),
        Group(OUTPUTS, "Releases and publications", "Release requests and publications you have a part in."),
        Group(
            ACCESS, "My projects and roles", "Your roles and memberships change, or a project of yours does."
        ),
        Group(SITE, "The whole site", "A backend needs somebody. Only for people who manage backends."),
        Group(SECURITY, "My account", "Tokens, and your e-mail address.", optional=False),
    )
}

TRIES = 12
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
LEASE = timedelta(minutes=5)
"""How long somebody who took a delivery has it alone. Longer than any delivery may take (`DELIVERY_TIMEOUT`)."""

OLD_NEWS = timedelta(days=1)
"""News read so long after it happened is summarised: the site was off, or nobody delivered."""

KEPT_READ = timedelta(days=90)
KEPT_UNREAD = timedelta(days=365)
KEPT_SENT = timedelta(days=30)


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after so many failed tries: doubled each time, at most six hours. None: give up."""
    if attempts >= TRIES:
        return None
    return min(FIRST_WAIT * 2 ** max(attempts - 1, 0), LONGEST_WAIT)


def is_old_news(happened: datetime, moment: datetime) -> bool:
    """Whether something that happened then is only summarised when it is read now."""
    return moment - happened > OLD_NEWS


def wants_each_job(choice: str, state: str) -> bool:
    """Whether a person with this choice is told of a single job that has ended in this state."""
    return choice == EACH or (choice == FAILURES and state == "failed")


def wants_summary(choice: str) -> bool:
    """Whether a person with this choice gets one entry when a request has ended."""
    return choice in (SUMMARY, NONE)


def wants_mail(group: str, *, jobs: str, off: Collection[str]) -> bool:
    """Whether news of this group is mailed to a person who chose `jobs` and switched the groups in `off` off."""
    if not GROUPS[group].optional:
        return True
    return jobs != NONE if group == JOBS else group not in off


def why_not_choice(choice: str) -> str | None:
    """Why this is no choice for the e-mails about jobs, or None."""
    return None if choice in CHOICES else "Choose one of these."


def why_not_groups(off: Sequence[str]) -> str | None:
    """Why these groups cannot be switched off, or None. What concerns the account itself is always mailed."""
    if all(name in GROUPS and GROUPS[name].optional and name != JOBS for name in off):
        return None
    return "This kind of e-mail cannot be switched off."


def why_not_retry(state: str) -> str | None:
    """Why a delivery in this state cannot be tried again, or None."""
    return None if state == GIVEN_UP else "This delivery has not been given up, or is tried again already."
