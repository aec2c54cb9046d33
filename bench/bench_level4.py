"""The pages of Level 4: a list of 5,000 files, tables of 5,000 and of 1,000,000 rows, comparisons (output checking, section 13).

Pages go through the whole application, as ada asks; what is done once is timed once, by the processor.
"""

import io
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from bench.asking import Answer, Goals, Person, page_figures
from bench.figure import Figure
from bench.serving import memory
from jobsite.application import create_app
from jobsite.core.files import sha256_of
from jobsite.instance import close_instance
from jobsite.outputs.comparing import Version, comparison
from jobsite.outputs.reading_through import wait_until_read
from jobsite.settings import Settings
from jobsite.store.reading import listing, open_level4
from jobsite.store.roots import MANIFEST, Roots
from tests.releases.world import World, make_world

SMALL, LARGE, COLUMNS, FILES = 5_000, 1_000_000, 20, 5_000
LIST = "/asthma/level-4/local/"
PART = {"HX-Request": "true", "HX-Target": "contents"}
"""What asks for the table alone, as a click in it does."""


def figures() -> list[Figure]:
    """95th percentiles in milliseconds, queries, kilobytes and megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(instance=Path(folder) / "instance")
        app = create_app(settings)
        try:
            world = make_world(settings.instance)
            Person(app, "ada").get("/")
            with _highest_memory() as above_idle:
                manifest = _fill(world)
                found = [*manifest, *_lists(app), *_small(app), _compared(), *_large(app)]
            return [*found, Figure("Level 4: memory above idle, at most", above_idle(), "MiB", 200)]
        finally:
            close_instance()


def _fill(world: World) -> list[Figure]:
    """A manifest of 5 MB whose tables of 5,000 and of 1,000,000 rows are there."""
    roots = Roots.of(world.instance)
    roots.make(world.workspace.name)
    level4 = roots.level4_of(world.workspace.name)
    entry = {
        "level": "moderately_sensitive", "job_id": "j" * 16, "job_request": "r" * 16, "action": "make_tables", "user": "ada",
        "repo": "https://example.org/study", "commit": "c" * 40, "size": 1000, "timestamp": 1.0, "excluded": False,
        "message": None, "row_count": 10, "col_count": 3, "out_of_date_action": False, "out_of_date_output": False,
        "note": "x" * 550,
    }  # fmt: skip
    outputs = {f"output/{n % 40}/table {n}.csv": {**entry, "content_hash": f"{n:064x}"} for n in range(FILES)}
    for rows in (SMALL, LARGE):
        path = level4 / f"output/{rows}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.writelines(_lines(rows))
        with path.open("rb") as file:
            facts = {"content_hash": sha256_of(file), "size": path.stat().st_size}
        outputs[f"output/{rows}.csv"] = {**entry, **facts, "row_count": rows, "col_count": COLUMNS}
    manifest = level4 / MANIFEST
    manifest.parent.mkdir(exist_ok=True)
    manifest.write_text(json.dumps({"workspace": world.workspace.name, "repo": None, "outputs": outputs}))
    name = f"Level 4: manifest of {manifest.stat().st_size / 1e6:.0f} MB"
    first = _once(lambda: listing(roots, world.workspace.name))
    for rows in (
        SMALL,
        LARGE,
    ):  # as the checks have done at the end of the job: the hash of the content is known
        open_level4(roots, world.workspace.name, f"output/{rows}.csv").file.close()
    later = min(_once(lambda: listing(roots, world.workspace.name)) for _ in range(5))
    return [Figure(f"{name}, first read", first, "ms", 300), Figure(f"{name}, later", later, "ms", 5)]


def _lists(app: Flask) -> list[Figure]:
    ada, goals = Person(app, "ada"), Goals(100, 6 + 1, 40)
    name = f"Level 4: list of {FILES:,}"
    return [
        *page_figures(
            f"{name}, search and order", goals, lambda: ada.get(f"{LIST}?q=table+49&sort=-modified")
        ),
        *page_figures(f"{name}, 200 of all", goals, lambda: ada.get(LIST)),
        *page_figures(f"{name}, as a tree", Goals(100, 6 + 1), lambda: ada.get(f"{LIST}?view=tree"), 40),
        *page_figures(
            "Level 4: page of a file", Goals(100, 12), lambda: ada.get(f"{LIST}output/{SMALL}.csv")
        ),
    ]


def _small(app: Flask) -> list[Figure]:
    name, address = f"CSV: {SMALL:,} × {COLUMNS}", f"{LIST}output/{SMALL}.csv"
    page, narrowed = Goals(100, 5 + 3, 40), Goals(120, 5 + 3, 40)
    return [
        *_table(app, f"{name}, first page", page, address),
        *_table(app, f"{name}, order", narrowed, f"{address}?sort=-5"),
        *_table(app, f"{name}, search", narrowed, f"{address}?q=9771"),
        *_table(app, f"{name}, filter", narrowed, f"{address}?where=4:le:700"),
    ]


def _large(app: Flask) -> list[Figure]:
    name, address = f"CSV: {LARGE:,} × {COLUMNS}", f"{LIST}output/{LARGE}.csv"
    ada, pages = Person(app, "ada"), itertools.count(1, 5_000)
    begun = time.perf_counter()
    first = page_figures(
        f"{name}, first page, no index yet", Goals(150, 5 + 3, 40), lambda: ada.get(address, PART), 1
    )
    wait_until_read(600)
    indexed = time.perf_counter() - begun
    ada.get(f"{address}?column=5", PART)
    wait_until_read(600)
    carded = time.perf_counter() - begun
    return [
        *first,
        Figure(f"{name}, index in the background", indexed * 1000, "ms", 10_000),
        Figure(f"{name}, index and column card in the background", carded * 1000, "ms", 10_000),
        *_table(app, f"{name}, column card, later", Goals(60, 5 + 3, 40), f"{address}?column=5", 40),
        *page_figures(
            f"{name}, any later page",
            Goals(60, 5 + 3, 40),
            lambda: ada.get(f"{address}?row={next(pages)}", PART),
        ),
        *_table(app, f"{name}, search to the first hits", Goals(3_000, 5 + 3, 40), f"{address}?q=9771", 20),
        *_table(app, f"{name}, search without hits, cut", Goals(3_000, 5 + 3, 40), f"{address}?q=nothing", 3),
    ]


def _table(app: Flask, name: str, goals: Goals, address: str, calls: int = 200) -> list[Figure]:
    ada = Person(app, "ada")

    def ask() -> Answer:
        return ada.get(address, PART)

    return page_figures(name, goals, ask, calls)


def _compared() -> Figure:
    old = b"".join(_lines(SMALL))
    new = old.replace(b",15,", b",20,")

    def work() -> object:
        versions = [
            Version(words, "a.csv", words, io.BytesIO(data)) for words, data in (("old", old), ("new", new))
        ]
        return comparison(*versions)

    took = sorted(_once(work) for _ in range(20))[-2]
    return Figure(f"CSV: {SMALL:,} × {COLUMNS}, two versions compared", took, "ms", 300)


def _lines(rows: int) -> Iterator[bytes]:
    yield ("region,sex," + ",".join(f"c{n}" for n in range(COLUMNS - 2)) + "\n").encode()
    for row in range(rows):
        numbers = ",".join(str(row * n % 99_991) for n in range(3, COLUMNS + 1))
        yield f"region {row},{'male' if row % 2 else 'female'},{numbers}\n".encode()


def _once(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


@contextmanager
def _highest_memory() -> Iterator[Callable[[], float]]:
    """Within the block: what says how many mebibytes this process has held at most since its begin, beyond those it held then."""
    idle, highest, stop = memory("self"), [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            highest[0] = max(highest[0], memory("self"))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: highest[0] - idle
    finally:
        stop.set()
        watching.join()
