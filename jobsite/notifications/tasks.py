"""What happens to notifications in the background."""

from jobsite.core.clock import now
from jobsite.core.db import writing
from jobsite.core.queue import every, task
from jobsite.notifications.delivering import deliver_due
from jobsite.notifications.models import Delivery, Notice
from jobsite.notifications.rules import GIVEN_UP, KEPT_READ, KEPT_SENT, KEPT_UNREAD, WAITING
from jobsite.notifications.watching import watch_backends, watch_copilots
from jobsite.settings import current


@task(side="public")
def deliver(channel: str) -> None:
    """Hand over what is due for one channel."""
    deliver_due(channel)


@every(minutes=5, side="public")
def look_for_missing_backends() -> None:
    """Note which backends are missing, and which are back."""
    watch_backends()


@every(minutes=60, side="public")
def look_for_ending_support() -> None:
    """Note whose co-pilot's support ends soon."""
    watch_copilots()


@every(minutes=60, side="any")
def clear_old_notices() -> None:
    """Remove what was read 90 days ago, what nobody read for a year, and what left the outbox 30 days ago."""
    moment = now()
    with writing():
        read = Notice.read_at < moment - KEPT_READ
        Notice.delete().where(read | (Notice.created_at < moment - KEPT_UNREAD)).execute()
        if current().public:
            done = Delivery.state.not_in((WAITING, GIVEN_UP)) & (Delivery.created_at < moment - KEPT_SENT)
            Delivery.delete().where(done).execute()
