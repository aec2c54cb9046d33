"""The pages of Level 4: lists of 5,000 files, tables of 5,000 and of 1,000,000 rows, comparisons (output checking, section 13).

Times are those of the processor where other work on the machine would else be measured along.
"""

import io
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from bench.figure import Figure
from jobsite.application import create_app
from jobsite.instance import close_instance, open_instance
from jobsite.outputs.asked import Asked, Condition
from jobsite.outputs.comparing import Version, comparison
from jobsite.outputs.grid import grid
from jobsite.outputs.listing import FileRow, Filters, chosen, page_of
from jobsite.outputs.states import state_of
from jobsite.outputs.table_index import index_of
from jobsite.outputs.tree import tree_of
from jobsite.settings import Settings
from jobsite.store.reading import listing
from jobsite.store.roots import MANIFEST, Roots

SMALL, LARGE, COLUMNS = 5_000, 1_000_000, 20


def figures() -> list[Figure]:
    """Milliseconds of processor time and megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(instance=Path(folder) / "instance")
        open_instance(settings)
        create_app(settings)
        try:
            return [*_lists(settings.instance), *_tables(Path(folder)), _compared()]
        finally:
            close_instance()


def _lists(instance: Path) -> list[Figure]:
    roots = Roots.of(instance)
    roots.make("large")
    entry = {
        "level": "moderately_sensitive", "job_id": "j" * 16, "job_request": "r" * 16, "action": "make_tables", "user": "ada",
        "repo": "https://example.org/study", "commit": "c" * 40, "size": 1000, "timestamp": 1.0, "excluded": False,
        "message": None, "row_count": 10, "col_count": 3, "out_of_date_action": False, "out_of_date_output": False,
        "note": "x" * 550,
    }  # fmt: skip
    outputs = {f"output/{n % 40}/table {n}.csv": {**entry, "content_hash": f"{n:064x}"} for n in range(5_000)}
    path = roots.level4_of("large") / MANIFEST
    path.write_text(json.dumps({"workspace": "large", "repo": None, "outputs": outputs}))
    size = path.stat().st_size / 1e6
    first = _once(lambda: listing(roots, "large"))
    filters = Filters(q="table 49", sort="-modified")

    def page() -> object:
        found = listing(roots, "large", filters.q)
        entries, left = chosen(found.entries, filters)
        return page_of(
            [FileRow(one, state_of(one, None), None) for one in entries], filters, left, found.entries
        )

    rows = [FileRow(one, state_of(one, None), None) for one in listing(roots, "large").entries]
    return [
        Figure(f"Level 4: manifest of {size:.0f} MB, first read", first, "ms", 300),
        Figure("Level 4: the same, later", _best(lambda: listing(roots, "large")), "ms", 5),
        Figure("Level 4: 5,000 files, search, filters and order", _best(page), "ms", 100),
        Figure("Level 4: 5,000 files as a tree", _best(lambda: tree_of(rows)), "ms", 100),
    ]


def _tables(folder: Path) -> list[Figure]:
    found = []
    for rows, goals in ((SMALL, (100, 120, 100)), (LARGE, (150, 3_000, 60))):
        path = folder / f"{rows}.csv"
        path.write_bytes(_table(rows))
        with path.open("rb") as file:
            found += _table_figures(file, path.stat().st_size, rows, goals)
    return found


def _table_figures(file: BinaryIO, size: int, rows: int, goals: tuple[int, int, int]) -> list[Figure]:
    name, (first, search, later) = f"CSV {rows:,} × {COLUMNS}", goals

    def show(**asked: Any) -> object:
        return grid(file, f"{rows}", size, Asked(**asked))

    less = (Condition(4, "le", "700"),)
    found = [
        Figure(f"{name}: first page, no index yet", _once(show), "ms", first),
        Figure(f"{name}: index", _once(lambda: index_of(file, f"{rows}", size)), "ms", 10_000),
        Figure(f"{name}: later page", _best(lambda: show(row=rows // 2)), "ms", later),
        Figure(f"{name}: search to the first hits", _best(lambda: show(q="9771")), "ms", search),
        Figure(f"{name}: filter to the first hits", _best(lambda: show(conditions=less)), "ms", search),
        Figure(f"{name}: memory at the peak of a search", _peak(lambda: show(q="9771")), "MB", 200),
    ]
    if rows == SMALL:
        found.append(Figure(f"{name}: order", _best(lambda: show(sort=-5)), "ms", search))
    return found


def _compared() -> Figure:
    old = _table(SMALL)
    new = old.replace(b",15,", b",20,")

    def work() -> object:
        versions = [
            Version(words, "a.csv", words, io.BytesIO(data)) for words, data in (("old", old), ("new", new))
        ]
        return comparison(*versions)

    return Figure(f"CSV {SMALL:,} × {COLUMNS}: two versions compared", _best(work), "ms", 300)


def _table(rows: int) -> bytes:
    header = "region,sex," + ",".join(f"c{n}" for n in range(COLUMNS - 2))
    body = (
        f"region {row},{'male' if row % 2 else 'female'},"
        + ",".join(str(row * n % 99_991) for n in range(3, COLUMNS + 1))
        for row in range(rows)
    )
    return "\n".join((header, *body)).encode()


def _once(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _best(work: Callable[[], object]) -> float:
    return min(_once(work) for _ in range(5))


def _peak(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6
