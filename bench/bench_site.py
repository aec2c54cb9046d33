"""Every page of a large site, asked over one connection by a visitor, a researcher and a member of staff.

A page's figure is the 95th percentile of what the browser waits for. The pages are those of all routes, and the lists
with their filters; each is asked a few dozen times, by turns.
"""

import gzip
import http.client
import re
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.figure import Figure
from bench.seed import large_site
from bench.serving import PROCESSOR, memory, processor, server, sign_in
from jobsite.application import create_app
from jobsite.core.web import Route
from jobsite.jobs.models import Job
from jobsite.settings import Settings

ROUNDS = 30
SKIPPED = ("/log/stream", "/log/raw", "/export", "/static/", "/complete/", "logout")
LISTS = (
    "/event-log/?status=running",
    "/event-log/?status=failed&status=succeeded&backend=north",
    "/event-log/?q=plot_figure",
    "/event-log/?q=asthma-10",
    "/event-log/?q=nothing-has-this-name",
    "/event-log/?username=person42&page=2",
    "/event-log/?workspace=asthma-10&status=failed",
    "/event-log/?page=400",
    "/projects/?q=statins",
    "/users/?q=number+29",
    "/users/?page=9",
    "/search/?q=asthma",
    "/search/?q=plot",
    "/search/?q=person1",
    "/staff/?q=asthma",
    "/staff/audit/?type=job:failed",
    "/staff/audit/?q=nothing-has-this-name",
    "/staff/users/?role=ProjectDeveloper&missing=backend",
    "/staff/requests/?org=university-1&status=failed",
    "/staff/dashboards/shared-repositories/?sort=run",
    "/first/logs/?q=plot_figure",
)


@dataclass
class Page:
    """One address as one person sees it: its answer's status, seconds per request, and what goes over the line.

    `size` are the bytes of the page as sent, `first` those with all that it loads, for a browser that has nothing yet.
    `work` are the milliseconds of a processor that each answer took, whatever else the machine did.
    """

    who: str
    path: str
    status: int
    size: int
    first: int
    seconds: list[float]
    work: list[float] = field(default_factory=list)

    @property
    def worked(self) -> float:
        """The 95th percentile of processor time, in milliseconds."""
        return sorted(self.work)[int(len(self.work) * 0.95)]

    @property
    def slowest(self) -> float:
        """The 95th percentile, in milliseconds."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000

    @property
    def a_second(self) -> float:
        """How many of these one after the other in a second."""
        return len(self.seconds) / sum(self.seconds)

    @property
    def line(self) -> str:
        """Its row in the table of results."""
        median = statistics.median(self.seconds) * 1000
        times = f"{self.slowest:.1f}\t{median:.1f}\t{self.worked:.1f}\t{self.a_second:.0f}"
        return (
            f"{self.who or 'visitor'}\t{self.path}\t{times}\t{self.first / 1000:.1f}\t{self.size / 1000:.1f}"
        )


def figures() -> list[Figure]:
    """The slowest pages, requests per second over all, and the server's memory before and after."""
    with tempfile.TemporaryDirectory() as folder:
        large_site(Path(folder))
        instance = Path(folder) / "instance"
        paths = _paths(instance)
        with server(instance) as (process, address):
            time.sleep(1)
            rest, before = memory(process.pid), processor(process.pid)
            pages = _asked(address, paths)
            used = processor(process.pid) - before
            return _figures(pages, used, rest, memory(process.pid))


def _paths(instance: Path) -> list[str]:
    """An address for every page of the site: of its routes, and of its lists with filters."""
    app = create_app(Settings(instance=instance))
    job = Job.get(Job.job_request == 5 * 1000 + 1)
    values = {
        "name": job.workspace.name,
        "number": str(job.job_request_id),
        "identifier": job.identifier,
        "backend": "local",
        "username": "ada",
        "status": "404",
        "org": "university-1",
        "workspace": job.workspace.name,
        "dashboard": "projects",
    }
    routes = [route for route in app.extensions["jobsite.routes"] if "GET" in route.methods]
    found = {
        _address(route, values)
        for route in routes
        if "path:" not in route.rule and not route.rule.startswith("/api/")
    }
    return sorted(path for path in {*found, *LISTS} if not any(one in path for one in SKIPPED))


def _address(route: Route, values: dict[str, str]) -> str:
    slug = (
        "university-1"
        if "/org" in route.rule
        else "local"
        if "backend" in route.rule
        else "a-study-of-asthma-0"
    )

    def value(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        return values.get(name, "1" if found[1].startswith("int") else slug)

    return re.sub(r"<([^>]+)>", value, route.rule)


def _asked(address: str, paths: list[str]) -> list[Page]:
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    cookies = {"": "", "ada": sign_in(address, "ada"), "sam": sign_in(address, "sam")}
    pages = []
    sizes: dict[str, int] = {}
    for who, cookie in cookies.items():
        for path in paths:
            page = Page(who, path, 0, 0, 0, [])
            text = _ask(connection, page, cookie)
            if page.status == 200:
                page.first = page.size + _loaded(connection, text, sizes)
                pages.append(page)
    for page in pages:
        page.seconds.clear()
        page.work.clear()
    for _ in range(ROUNDS):
        for page in pages:
            _ask(connection, page, cookies[page.who])
    return pages


def _ask(connection: http.client.HTTPConnection, page: Page, cookie: str) -> bytes:
    """Ask for a page once; gives it as it was sent."""
    start = time.perf_counter()
    headers = {"Accept-Encoding": "gzip", **({"Cookie": cookie} if cookie else {})}
    connection.request("GET", page.path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    page.seconds.append(time.perf_counter() - start)
    page.work.append(float(answer.headers[PROCESSOR]))
    page.status, page.size = answer.status, len(body)
    return gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body


def _loaded(connection: http.client.HTTPConnection, page: bytes, sizes: dict[str, int]) -> int:
    """The bytes of all styles, scripts and pictures that a page names."""
    assets = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.decode(errors="replace")))
    for asset in assets - sizes.keys():
        connection.request("GET", asset, headers={"Accept-Encoding": "gzip"})
        sizes[asset] = len(connection.getresponse().read())
    return sum(sizes[asset] for asset in assets)


def _figures(pages: list[Page], used: float, rest: float, after: float) -> list[Figure]:
    total = sum(sum(page.seconds) for page in pages)
    asked = sum(len(page.seconds) for page in pages)
    slow = sorted(pages, key=lambda page: -page.slowest)
    times = "95th percentile, ms\tmedian, ms\tprocessor, 95th percentile, ms\trequests/s"
    heads = f"who\taddress\t{times}\tfirst load, kB\tnext load, kB\n"
    Path("bench/results/pages.tsv").write_text(heads + "".join(f"{page.line}\n" for page in slow))
    worst = [
        Figure(
            f"large site: {page.path} as {page.who or 'a visitor'}, 95th percentile", page.slowest, "ms", 30
        )
        for page in slow[:10]
    ]
    hard = max(pages, key=lambda page: page.worked)
    late, first = sum(page.slowest > 30 for page in pages), max(page.first for page in pages)
    return [
        *worst,
        Figure("large site: median of all pages", statistics.median(page.slowest for page in pages), "ms"),
        Figure("large site: pages over the goal", late, f"of {len(pages)}", 0),
        Figure(
            f"large site: most processor time of a page, 95th percentile ({hard.path})", hard.worked, "ms", 22
        ),
        Figure("large site: all pages by turns over one connection", asked / total, "requests/s"),
        Figure("large site: processor time of a request, mean", used / (asked + len(pages)) * 1000, "ms"),
        Figure("large site: first load of the largest page", first / 1000, "kB", 100),
        Figure(
            "large site: next load of the largest page", max(page.size for page in pages) / 1000, "kB", 20
        ),
        Figure("large site: memory at rest", rest, "MB", 90),
        Figure("large site: memory after the run", after, "MB", 150),
    ]
