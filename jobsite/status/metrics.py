"""The numbers of `/metrics`, in the form that Prometheus reads. No names of people, workspaces, actions or files."""

from collections import Counter
from collections.abc import Iterable, Iterator

from peewee import fn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from jobsite import settings
from jobsite.accounts.models import Backend
from jobsite.accounts.queries import executes_here
from jobsite.core.clock import now
from jobsite.core.leader import servers
from jobsite.jobs.active import capacity
from jobsite.jobs.models import BackendAlert, Job
from jobsite.jobs.queries import queued_jobs
from jobsite.jobs.rules import JOB
from jobsite.jobs.turns import LIMITS, turns
from jobsite.jobs.waiting_reasons import Queue, queues_of
from jobsite.notifications.models import Delivery
from jobsite.notifications.rules import WAITING
from jobsite.sync.link import Link, link
from jobsite.sync.pushing.state import Drive, drive

POOLS = {"database": True, "other": False}
Numbers = Iterable[tuple[tuple[str, ...], float]]


def metrics() -> bytes:
    """Everything, as text. Five queries, twice as many on a secure side whose public side is elsewhere; one more with PostgreSQL."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers())
    return generate_latest(registry)


class _Numbers(Collector):
    """What is counted, as of the moment it is asked."""

    def collect(self) -> Iterator[Metric]:
        """All families of numbers."""
        backends = list(Backend.select().where(Backend.is_active).order_by(Backend.slug))
        if running := servers():
            leads = [((one.name,), float(one.leads)) for one in running]
            yield _gauge("jobsite_server_leads", "1 for the server that leads.", ["server"], leads)
        yield _gauge("jobsite_jobs", "Jobs by state.", ["state"], _by_state())
        yield from _of_queues(backends)
        yield from _of_backends(backends)
        if settings.current().secure:
            yield _turns()
        if (found := link()) is not None:
            yield from _of_link(found)
        if (driven := drive(backends)) is not None:
            yield from _of_controller(driven)
        if settings.current().public:
            waiting = Delivery.select().where(Delivery.state == WAITING).count()
            yield _gauge("jobsite_outbox_backlog", "Deliveries that are not sent yet.", [], [((), waiting)])


def _gauge(name: str, help: str, labels: list[str], numbers: Numbers) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help, labels=labels)
    for values, number in numbers:
        family.add_metric(list(values), number)
    return family


def _by_state() -> Numbers:
    rows = dict(Job.select(Job.state, fn.COUNT(Job.id)).group_by(Job.state).tuples())
    return [((state,), rows.get(state, 0)) for state in JOB.states]


def _of_queues(backends: list[Backend]) -> Iterator[Metric]:
    """By backend and pool: what waits for room, what waits at all, what runs."""
    at = now()
    jobs = queued_jobs()
    found = queues_of(jobs, at)
    queues = {one.slug: found.get(one.id) or Queue((), (), {}, at) for one in backends}
    pools = [(slug, pool, queue) for slug, queue in queues.items() for pool in POOLS]
    labels = ["backend", "pool"]
    lengths = [((slug, pool), len(queue.pool(POOLS[pool]))) for slug, pool, queue in pools]
    yield _gauge("jobsite_queue_length", "Jobs that wait only for room.", labels, lengths)
    weights = [((slug, pool), queue.used(POOLS[pool])) for slug, pool, queue in pools]
    yield _gauge("jobsite_running_weight", "Weight of the jobs that run.", labels, weights)
    rooms = [((slug, pool), capacity().of(POOLS[pool])) for slug, pool, _ in pools]
    yield _gauge("jobsite_pool_size", "Weight that may run at once.", labels, rooms)
    active = Counter((job.backend_slug, job.state) for job in jobs)
    numbers = [((slug, state), active[slug, state]) for slug in queues for state in JOB.active]
    yield _gauge("jobsite_active_jobs", "Jobs that run or wait.", ["backend", "state"], numbers)


def _of_backends(backends: list[Backend]) -> Iterator[Metric]:
    at = now()
    contacts = [
        # jobs that run in this very program are always in sight
        ((one.slug,), 0.0 if executes_here(one) else (at - one.last_seen_at).total_seconds())
        for one in backends
        if executes_here(one) or one.last_seen_at
    ]
    yield _gauge("jobsite_backend_silence_seconds", "Since its last contact.", ["backend"], contacts)
    flags = [
        ((one.slug, flag), float(getattr(one, f"is_{flag}")))
        for one in backends
        for flag in ("paused", "in_maintenance_mode", "rebooting")
    ]
    yield _gauge("jobsite_backend_flag", "1 where the flag is set.", ["backend", "flag"], flags)
    alerts = BackendAlert.select(BackendAlert.backend, BackendAlert.kind)
    stands = BackendAlert.cleared_at.is_null() & BackendAlert.raised_at.is_null(False)
    raised = set(alerts.where(stands).tuples()) if settings.current().secure else set()
    numbers = [
        ((one.slug, kind), float((one.id, kind) in raised))
        for one in backends
        for kind in ("jobs", "database")
    ]
    yield _gauge("jobsite_backend_alert", "1 while an alert stands.", ["backend", "kind"], numbers)


def _of_link(found: Link) -> Iterator[Metric]:
    """Of a secure side whose public side is elsewhere."""
    silence = [((), (now() - found.succeeded_at).total_seconds())] if found.succeeded_at else []
    yield _gauge("jobsite_public_side_silence_seconds", "Since the public side last answered.", [], silence)
    waiting = {
        "uploads": found.uploads,
        "stuck_uploads": found.stuck,
        "messages": found.messages,
        "job_requests": found.not_taken,
        "reports": found.refused,
    }
    numbers = [((what,), float(count)) for what, count in waiting.items()]
    yield _gauge("jobsite_public_side_waiting", "What waits for the public side.", ["what"], numbers)


def _of_controller(found: Drive) -> Iterator[Metric]:
    """Of a site that has job requests of some backends sent to a controller."""
    silence = [((), (now() - found.succeeded_at).total_seconds())] if found.succeeded_at else []
    yield _gauge("jobsite_controller_silence_seconds", "Since the controller last answered.", [], silence)
    waiting = [((), float(found.waiting))]
    yield _gauge("jobsite_controller_waiting", "Job requests that it has not answered to.", [], waiting)


def _turns() -> HistogramMetricFamily:
    counted = turns()
    family = HistogramMetricFamily("jobsite_engine_turn_seconds", "How long the turns of the scheduler took.")
    buckets, total = [], 0
    for limit, count in zip((*map(str, LIMITS), "+Inf"), counted.counts, strict=True):
        total += count
        buckets.append((limit, total))
    family.add_metric([], buckets, counted.seconds)
    return family
