"""What a second server of one instance gives: pages a second with one and with two, on a PostgreSQL of the tests' own.

The calls come from this process and the database has its own, so on a machine with two cores the second server has to share:
milliseconds of the processor for each page say what it would give with cores of its own.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from peewee import fn

from bench.bench_load import asks_of_people, pages_of_people
from bench.figure import Figure
from bench.offering import Ask, Served, as_fast_as_it_goes
from bench.seed import Size, commit_study, fill
from bench.serving import COMMAND, processor
from jobsite.core.events import Event
from jobsite.instance import close_instance, open_instance
from jobsite.notifications.models import Reading
from jobsite.settings import load
from tests.cluster import Cluster, programs

SIZE = Size(orgs=10, projects=60, workspaces=300, people=100, requests=3_000)
CALLERS = 6
"""Connections to each server, on which the next page is asked for when the last has come."""
WARM, SECONDS = 8.0, float(os.environ.get("LOAD_SECONDS", "10"))


def figures() -> list[Figure]:
    """Pages a second and milliseconds of the processor for each, with one and two servers; none without PostgreSQL."""
    if programs() is None:
        print("servers: PostgreSQL is not installed", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name, ExitStack() as ends:
        cluster = Cluster()
        ends.callback(cluster.end)
        instance, environ = _site(Path(name), f"{cluster.address}/postgres")
        return [figure for count in (1, 2) for figure in _with(count, instance, environ, cluster)]


def _site(folder: Path, address: str) -> tuple[Path, dict[str, str]]:
    instance, environ = (
        folder / "instance",
        {"JOBSITE_SIDE": "public", "JOBSITE_DATABASE_URL": address, "JOBSITE_ALLOWED_REPOS": str(folder)},
    )
    open_instance(load(instance, environ))
    fill(commit_study(folder / "study"), SIZE)
    Reading.update(cursor=Event.select(fn.MAX(Event.id)).scalar()).execute()  # its news is not new
    return instance, environ


def _with(count: int, instance: Path, environ: dict[str, str], cluster: Cluster) -> list[Figure]:
    with ExitStack() as all_of_them:
        servers = [all_of_them.enter_context(_server(instance, environ)) for _ in range(count)]
        asks = asks_of_people(servers[0][1], pages_of_people())
        close_instance()
        _ask_all(servers, asks, WARM)
        before = [processor(pid) for pid, _ in servers], _of_database(cluster)
        served = _ask_all(servers, asks, SECONDS)
        used = sum(processor(pid) - then for (pid, _), then in zip(servers, before[0], strict=True))
        of_database = _of_database(cluster) - before[1]
    pages = sum(len(one.waits) for one in served)
    words = f"servers, {count} on one instance"
    return [
        Figure(f"{words}: pages", sum(one.a_second for one in served), "pages/s", more_is_better=True),
        Figure(f"{words}: pages that failed", sum(one.errors for one in served), "", 0),
        Figure(f"{words}: 95th percentile", max(one.wait(0.95) for one in served), "ms"),
        Figure(f"{words}: processor of the servers for a page", used / pages * 1000, "ms"),
        Figure(f"{words}: processor of PostgreSQL for a page", of_database / pages * 1000, "ms"),
    ]


@contextmanager
def _server(instance: Path, environ: dict[str, str]) -> Iterator[tuple[int, str]]:
    """A server as a process: its number and its address."""
    words = [*COMMAND, "serve", "--instance", str(instance), "--port", "0"]
    with (
        open(instance.parent / "server.log", "ab") as log,
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environ}
        ) as process,
    ):
        assert process.stdout
        try:
            yield (
                process.pid,
                next(found[1] for said in process.stdout if (found := re.search(r"ready on (\S+)", said))),
            )
        finally:
            process.terminate()


def _ask_all(servers: list[tuple[int, str]], asks: list[Ask], seconds: float) -> list[Served]:
    """Ask all servers at once, each from another place in the pages on."""
    served: list[Served] = []

    def ask(number: int, address: str) -> None:
        pages = itertools.cycle(asks[number * 37 :] + asks[: number * 37])
        served.append(as_fast_as_it_goes(address, [lambda: next(pages)] * CALLERS, seconds))

    threads = [
        threading.Thread(target=ask, args=(number, address)) for number, (_, address) in enumerate(servers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return served


def _of_database(cluster: Cluster) -> float:
    """Seconds of processor time that PostgreSQL has used for those connected now."""
    first = (cluster.folder / "data/postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return sum(processor(int(pid)) for pid in children)
