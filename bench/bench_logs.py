"""Windows and searches of a log of 100 MB and a million lines. Seconds of processor time, so that a busy machine counts
for nothing."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from jobsite.jobs.log_pages import log_page
from jobsite.jobs.log_wanted import Wanted
from jobsite.jobs.logs.patterns import PatternSearch
from jobsite.jobs.logs.reader import LogReader
from jobsite.jobs.logs.writer import LogWriter

LINES = 1_000_000
RARE_AT = 700_000


def figures() -> list[Figure]:
    """Milliseconds for what a reader does with a large log, and megabytes a second of writing one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        start = time.process_time()
        _write(path)
        size = path.stat().st_size / 1e6
        return [
            Figure("log: write 1 million lines", size / (time.process_time() - start), "MB/s"),
            *_read(path, f"log of {size:.0f} MB: "),
        ]


def _read(path: Path, name: str) -> list[Figure]:
    def window(first: int) -> None:
        with LogReader(path) as log:
            log.window(first, 500)

    def search(text: str, case: bool = False) -> None:
        with LogReader(path) as log:
            log.search(text, 1, 21, case)

    return [
        Figure(f"{name}page of the last window", _best(lambda: log_page(path, Wanted())), "ms", 100),
        Figure(f"{name}page around a line", _best(lambda: log_page(path, Wanted(line=500_123))), "ms", 100),
        Figure(
            f"{name}window by line", max(_best(lambda n=n: window(n)) for n in (1, 300_077, LINES)), "ms", 10
        ),
        Figure(f"{name}rare word", _best(lambda: search("nadelwort")), "ms", 300),
        Figure(f"{name}rare word, same capitals", _best(lambda: search("Nadelwort", True)), "ms", 300),
        Figure(f"{name}word in every line", _best(lambda: search("converged")), "ms"),
        Figure(f"{name}pattern (time on the clock)", _pattern(path), "ms", 10_000),
    ]


def _pattern(path: Path) -> float:
    start = time.perf_counter()
    with PatternSearch(path, r"Nadel(wort|holz)") as search:
        assert search.search(1, 10).total == 1
    return (time.perf_counter() - start) * 1000


def _write(path: Path) -> None:
    log = LogWriter(path)
    text = b"%07d fitting model %d of the cohort, iteration converged with value 0.%06d after some steps\n"
    for first in range(0, LINES, 1000):
        log.feed(
            "stdout", b"".join(text % (n, n % 50, n * 7919 % 1_000_000) for n in range(first, first + 1000))
        )
        if first % 50_000 == 0:
            log.feed("stdout", b"::group::Part %d\n" % (first // 50_000))
        if first == RARE_AT:
            log.feed("stderr", b"Warning: Nadelwort is not in the list\n")
        log.flush()
    log.close()


def _best(work: Callable[[], object], times: int = 5) -> float:
    """Milliseconds of processor time of the quickest of several runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken) * 1000
