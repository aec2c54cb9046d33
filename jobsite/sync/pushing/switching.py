"""Whether job requests of a backend are sent to the controller: switched on and off where nothing would run twice."""

from jobsite.accounts import backends
from jobsite.accounts.models import Backend, User
from jobsite.accounts.rules import PUSH
from jobsite.core.db import writing
from jobsite.core.errors import Conflict, refuse
from jobsite.core.wording import counted
from jobsite.jobs.models import JobRequest
from jobsite.jobs.rules import REQUEST_ACTIVE
from jobsite.settings import current
from jobsite.sync.pushing.journal import MAY_BE_THERE
from jobsite.sync.pushing.models import SentRequest

NO_CONTROLLER = "No controller is set (settings CONTROLLER_URL and CONTROLLER_TOKEN)."


def set_dispatch(*, by: User | str, backend: Backend, to: str) -> None:
    """Have job requests of a backend sent to the controller from now on (`push`), or fetched (`poll`).

    Requests that nobody has begun go the new way. Raises `Invalid` where there is no controller, and `Conflict` when it is
    so already, or while requests of the backend are under way: who runs them would not hear of them any more.
    """
    refuse(dispatch=NO_CONTROLLER if to == PUSH and not current().drives else None)
    with writing():
        if under_way := _under_way(backend):
            said = f"{counted(under_way, 'job request')} of {backend.slug}"
            raise Conflict(
                f"{said} {'is' if under_way == 1 else 'are'} under way. Wait for the end, or cancel."
            )
        backends.set_dispatch(by=by, backend=backend, to=to)


def _under_way(backend: Backend) -> int:
    """How many active requests of the backend have jobs, or may have some at the controller."""
    active = (JobRequest.backend == backend) & JobRequest.status.in_(REQUEST_ACTIVE)
    sent = SentRequest.select(SentRequest.job_request).where(MAY_BE_THERE)
    return int(
        JobRequest.select().where(active, (JobRequest.jobs_total > 0) | JobRequest.id.in_(sent)).count()
    )
