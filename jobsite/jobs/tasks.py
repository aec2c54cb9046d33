"""What happens to jobs in the background, beside the engine's turns."""

from jobsite.core.queue import every, task
from jobsite.jobs.backend_alerts import clear_quiet_alerts
from jobsite.jobs.codelist_checks import check_online, due_checks, try_check
from jobsite.jobs.database_status import check_database
from jobsite.jobs.sweeping import release_unneeded_content
from jobsite.projects.models import Repo
from jobsite.settings import current

TRIES_AT_ONCE = 5
"""One after the other, so that a slow service never keeps more than one worker from ending jobs."""


@task(side="public")
def check_codelists(repo_id: int, commit: str) -> None:
    """Ask the codelist service about the codelists of a commit, if that is due."""
    if repo := Repo.get_or_none(Repo.id == repo_id):
        check_online(repo, commit)


@every(minutes=1, side="public")
def check_codelists_again() -> None:
    """Try again what the codelist service gave no verdict on; the first failure ends it until the next minute."""
    if current().codelists_url:
        all(try_check(check) for check in due_checks(TRIES_AT_ONCE))


@every(minutes=5, side="secure")
def ask_database() -> None:
    """Ask the database whether it is in maintenance; where jobs run."""
    check_database()


@every(minutes=1, side="secure")
def end_alerts() -> None:
    """End the alerts of backends that work again."""
    clear_quiet_alerts()


@every(minutes=60, side="secure")
def release_content_hourly() -> None:
    """Let go of replaced outputs that no active job reads."""
    release_unneeded_content()
