"""A secure side catches up: 500 requests of 5 jobs each are fetched at once, and 2,500 jobs are pushed; the peer only answers."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.figure import Figure
from jobsite.instance import close_instance, open_instance
from jobsite.jobs.models import Job
from jobsite.settings import Settings
from jobsite.sync.client import PublicSide
from jobsite.sync.fetching import Fetching
from jobsite.sync.reporting import Reporting

REQUESTS, PROJECTS, ACTIONS = 500, 50, 5
ROUNDS = 20
AT = "2026-11-23T09:30:00.000000Z"


def figures() -> list[Figure]:
    """Requests taken and jobs pushed a second, a poll that brings nothing new, and a push with nothing to tell."""
    with tempfile.TemporaryDirectory() as folder, _peer() as (url, items):
        commit = _study(Path(folder))
        items += [_item(number, commit, str(Path(folder) / "study")) for number in range(REQUESTS)]
        _open(Path(folder), url)
        side = PublicSide(url, "t" * 40)
        fetching, reporting = Fetching(side), Reporting(side)
        taking = _seconds(lambda: _take_all(fetching))
        assert Job.select().count() == REQUESTS * ACTIONS
        pushing = _seconds(reporting.push)
        quiet_poll = min(_seconds(fetching.poll) for _ in range(ROUNDS))
        quiet_push = min(_seconds(reporting.push) for _ in range(ROUNDS))
        close_instance()
    name = f"exchange, {REQUESTS} requests with {REQUESTS * ACTIONS:,} jobs"
    return [
        Figure(f"{name}: taken", REQUESTS / taking, "requests/s", 20, more_is_better=True),
        Figure(f"{name}: pushed", REQUESTS * ACTIONS / pushing, "jobs/s", 1000, more_is_better=True),
        Figure(f"{name}: poll that brings nothing new", quiet_poll * 1000, "ms", 500),
        Figure(f"{name}: push with nothing to tell", quiet_push * 1000, "ms", 100),
    ]


def _take_all(fetching: Fetching) -> None:
    fetching.poll()
    while not fetching.is_idle:
        fetching.wait(0.02)
        fetching.begin()


def _seconds(work: Any) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def _open(folder: Path, url: str) -> None:
    open_instance(
        Settings(
            instance=folder / "instance",
            side="secure",
            public_url=url,
            backend_token="t" * 40,
            backend="tpp",
            allowed_repos=(f"{folder}/",),
            runtimes={"python": (sys.executable,)},
        )
    )


def _study(folder: Path) -> str:
    study = folder / "study"
    study.mkdir()
    lines = ["version: 5", "actions:"]
    for number in range(ACTIONS):
        lines += [
            f"  a{number}:",
            f"    run: python:v2 a{number}.py",
            f"    needs: [{f'a{number - 1}' if number else ''}]",
            "    outputs:",
            "      highly_sensitive:",
            f"        rows: output/a{number}.csv",
        ]
    (study / "project.yaml").write_text("\n".join(lines))
    own = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*own, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=study, check=True)
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=study, check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def _item(number: int, commit: str, repo: str) -> dict[str, Any]:
    """A request that runs everything, in a workspace of its own."""
    where = {"name": f"w{number}", "repo": repo, "branch": "main", "created_by": "ada", "created_at": AT}
    return {
        "identifier": f"{number:016}", "backend": "tpp", "sha": commit, "force_run_dependencies": False,
        "requested_actions": ["run_all"], "cancelled_actions": [], "created_by": "ada", "created_at": AT,
        "workspace": where, "database_name": "default", "project": f"p{number % PROJECTS}", "orgs": ["o"],
        "codelists_ok": True,
    }  # fmt: skip


@contextmanager
def _peer() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that lists what the list holds and accepts every report."""
    items: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def do_GET(self) -> None:
            self._answer({"count": len(items), "next": None, "previous": None, "results": items})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer({"status": "success"})

        def _answer(self, data: Any) -> None:
            body = json.dumps(data).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", items
    finally:
        server.shutdown()
        server.server_close()
