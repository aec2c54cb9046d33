"""What the end of a run takes when it leaves much: 20,000 small outputs, and a log of 50 MB."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.figure import Figure
from jobsite.jobs.executors.records import LOG
from jobsite.jobs.logs.writer import LogWriter
from jobsite.jobs.store_facts import log_lines
from jobsite.store.collecting import collect
from jobsite.store.facts import JobFacts
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish
from jobsite.store.roots import Roots

OUTPUTS = 20_000
LOG_BYTES = 50_000_000
LINE = b"x" * 99 + b"\n"


def figures() -> list[Figure]:
    """Seconds from the end of the program to the published outputs, and to the stored log."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            Figure("20,000 outputs: collected and published", _outputs(Path(folder)), "s"),
            Figure("log of 50 MB: stored with one output", _log(Path(folder)), "s"),
        ]


def _outputs(folder: Path) -> float:
    work = folder / "work" / "1-001"
    (work / "output").mkdir(parents=True)
    for number in range(OUTPUTS):
        (work / f"output/{number}.csv").write_text(f"group,n\na,{number}\n")
    return _seconds(folder, "1", work, {"highly_sensitive": {"all": "output/*.csv"}})


def _log(folder: Path) -> float:
    work, records = folder / "work" / "2-001", folder / "records"
    work.mkdir(parents=True)
    records.mkdir()
    (work / "one.csv").write_text("n\n1\n")
    log = LogWriter(records / LOG)
    for _ in range(LOG_BYTES // (1000 * len(LINE))):
        log.feed("stdout", LINE * 1000)
        log.flush()
    log.close()
    return _seconds(folder, "2", work, {"highly_sensitive": {"one": "one.csv"}}, records)


def _seconds(
    folder: Path, job: str, work: Path, outputs: Mapping[str, Mapping[str, str]], records: Path | None = None
) -> float:
    facts = JobFacts("ws", job, "request", f"{job}-001", "action", "ada", "url", "c" * 40, exit_code=0)
    start = time.perf_counter()
    collected = collect(work, {}, outputs, {})
    publish(Roots.of(folder), facts, work, collected, Level4Limits(), log_lines(records) if records else [])
    return time.perf_counter() - start
