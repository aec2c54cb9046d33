"""The checks of codelists by the codelist service: when one is due, and what becomes of its answer.

A try is taken by moving the time of the next one, so that two never ask at once, and one that was killed comes again.
"""

from datetime import timedelta

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.jobs.codelist_service import ServiceFailed, ask
from jobsite.jobs.codelists import codelists_at
from jobsite.jobs.models import CodelistsCheck
from jobsite.pipelines.codelists import LIST_FILE, RECORD_FILE
from jobsite.projects.models import Repo
from jobsite.projects.repositories import RepositoryError, read_file
from jobsite.settings import current

MOST_BYTES = 10 * 2**20
ASK_AGAIN = timedelta(hours=1)
"""A verdict older than this is asked for again when it is next needed; the old one counts meanwhile."""

SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MOST_TRIES = 30
"""About a day of failures; after that the service is asked only when somebody looks."""


def check_online(repo: Repo, commit: str) -> None:
    """Ask the codelist service about the codelists of a commit if that is due, and keep what it says."""
    sha256 = codelists_at(repo.url, commit).due
    if not sha256:
        return
    with writing():
        new = CodelistsCheck.insert(sha256=sha256, repo=repo, commit=commit, next_at=now())
        new.on_conflict_ignore().execute()
    try_check(CodelistsCheck.get(CodelistsCheck.sha256 == sha256))


def due_checks(most: int) -> list[CodelistsCheck]:
    """Checks that have failed and are to be tried again, the longest overdue first."""
    failed = (CodelistsCheck.tries > 0) & (CodelistsCheck.tries < MOST_TRIES)
    due = CodelistsCheck.select(CodelistsCheck, Repo).join(Repo)
    due = due.where(failed & (CodelistsCheck.next_at <= now()))
    return list(due.order_by(CodelistsCheck.next_at).limit(most))


def try_check(check: CodelistsCheck) -> bool:
    """Ask about one pair of files unless somebody else just does. Gives False when no verdict came of it."""
    if not _take(check):
        return True
    heard = _heard(check)
    with writing():
        CodelistsCheck.update(heard).where(CodelistsCheck.id == check.id).execute()
    return "verdict" in heard


def _take(check: CodelistsCheck) -> bool:
    """Whether this try is ours. The next one is due when this one has failed and a while has passed."""
    wait = min(SHORTEST_WAIT * 2 ** min(check.tries, 10), LONGEST_WAIT) + current().codelists_timeout
    change = CodelistsCheck.update(tries=CodelistsCheck.tries + 1, next_at=now() + wait)
    due = (CodelistsCheck.id == check.id) & (CodelistsCheck.next_at <= now())
    with writing():
        return change.where(due).execute() == 1


def _heard(check: CodelistsCheck) -> dict[str, object]:
    """What to keep of a try: the verdict, or why there is none."""
    here = current()
    try:
        listed, recorded = (
            read_file(check.repo.url, check.commit, path, MOST_BYTES) for path in (LIST_FILE, RECORD_FILE)
        )
        ok = ask(here.codelists_url, listed, recorded, seconds=here.codelists_timeout.total_seconds())
    except (ServiceFailed, RepositoryError) as failure:
        return {"problem": str(failure).rstrip(".")}
    verdict = "ok" if ok else "error"
    return {
        "verdict": verdict,
        "checked_at": now(),
        "problem": "",
        "tries": 0,
        "next_at": now() + ASK_AGAIN,
    }
