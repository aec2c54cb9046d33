"""Both sides as processes of their own, with a bad network between them: what is asked for outside runs inside, is reviewed
there, and comes out once; what must not come out does not."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobsite.releases.bundles.verifying import verify

from ..databases import everything
from ..jobs.conftest import project_yaml
from ..servers import jobs_in
from .browsing import Browser, words
from .proxy import FAULTS
from .reviewing import TABLE, approves, asks_for_release, request_of
from .sides import Sides, until

MARK = "QUITESECRET"
SLOW = f"""
import pathlib, time
print("{MARK} on a line of the log", flush=True)
pathlib.Path("output").mkdir(exist_ok=True)
pathlib.Path("output/{MARK}.csv").write_text("{MARK},n\\nNorth,120\\n")
pathlib.Path("output/table.csv").write_text("region,n\\nNorth,120\\nSouth,85\\n")
time.sleep(4)
"""
FAILS = f"""
raise SystemExit("{MARK} is the end of it")
"""
YAML = project_yaml(
    make=("python:v2 make.py", [], {"moderately_sensitive": {"tables": "output/*.csv"}}),
    fail=("python:v2 fail.py", ["make"], {"moderately_sensitive": {"none": "none/*.csv"}}),
)


@pytest.fixture
def sides(tmp_path: Path, socket_enabled: None) -> Iterator[Sides]:
    with ExitStack() as stack:
        yield Sides(tmp_path, stack, {"project__yaml": YAML, "make__py": SLOW, "fail__py": FAILS})


def test_what_is_asked_for_outside_runs_inside_and_comes_out_once(sides: Sides, tmp_path: Path) -> None:
    number = sides.asks("run_all")
    page = f"/asthma/{number}/"
    visitor = Browser(sides.public.address)
    until(lambda: sides.there().get("make") == ["running"])
    assert "Running" in visitor.text(page)
    sides.kill_secure()
    sides.kill_public()
    visitor = Browser(sides.public.address)
    until(lambda: sides.there() == {"make": ["succeeded"], "fail": ["failed"]})
    assert "Failed, 1 of 2 succeeded" in visitor.text(page)

    again = sides.asks("make")
    until(lambda: sides.there()["make"][0] == "running")
    sides.network.is_open = False  # and so it stays while the job ends and the server is killed
    until(lambda: {job["state"] for job in jobs_in(tmp_path / "secure")} == {"succeeded", "failed"})
    sides.kill_secure()
    assert sides.there()["make"][0] == "running"
    sides.network.is_open = True
    until(lambda: sides.there()["make"] == ["succeeded", "succeeded"])
    assert f"/asthma/{again}/" in visitor.ask("/asthma/logs/")[2].decode()

    release = reviewed(sides)
    sides.kill_secure()
    until(lambda: sides.rows("SELECT 1 FROM release_file WHERE uploaded_at IS NOT NULL AND NOT is_record"))
    sides.kill_public()
    until(lambda: sides.status_of(release) == "RELEASED")
    published(sides, tmp_path)

    assert sides.rows("SELECT count(*), count(DISTINCT identifier) FROM job") == [(3, 3)]
    assert sides.rows("SELECT id FROM release") == [(release,)]
    assert sides.rows("SELECT count(*) FROM release_file WHERE NOT is_record") == [(1,)]
    news = "SELECT kind, count(*) FROM notice WHERE kind LIKE 'review-%' GROUP BY kind, user_id ORDER BY kind"
    until(lambda: len(sides.rows(news)) == 2)
    assert sides.rows(news) == [("review-approved", 1), ("review-released", 1)]
    assert set(sides.network.done) == set(FAULTS), "every fault of the network befell them"
    nothing_got_out(sides)


def reviewed(sides: Sides) -> str:
    """A table is asked for by ada, approved by cat and cyd, and released by cyd, on the secure side; gives its request."""
    ada = sides.browser("ada", sides.secure)
    listed = ada.text("/asthma/level-4/tpp/")
    assert TABLE in listed and MARK in listed
    counts = "counts of 205 adults registered on 1 March 2025, by region. Column n is the number of people."
    file = asks_for_release(ada, group=f"group {MARK}", context=f"{MARK}: {counts}")
    checker = ada
    for name in ("cat", "cyd"):
        checker = sides.browser(name, sides.secure)
        approves(checker, file, remark=f"A remark with {MARK}.")
    assert "approved" in checker.send(f"/requests/{request_of(file)}/-/release/")[1]
    return request_of(file)


def published(sides: Sides, tmp_path: Path) -> None:
    """Ada drafts what was released and pat publishes it; a visitor reads the file, and the bundle verifies."""
    ada, pat = (sides.browser(name, sides.public) for name in ("ada", "pat"))
    files = re.findall(r'name="files"[^>]*value="([^"]+)"', ada.ask("/asthma/outputs/new/")[2].decode())
    draft, _ = ada.send("/asthma/outputs/new/", title="Counts by region", files=files)
    place = draft.removeprefix(sides.public.address)
    assert "Counts by region" not in words(Browser(sides.public.address).ask(place)[2])
    pat.send(f"{place}publish/")
    visitor = Browser(sides.public.address)
    assert TABLE in visitor.text(place)
    bundles = re.findall(r'href="([^"]+bundle\.zip)"', visitor.ask(place)[2].decode())
    status, _, bundle = visitor.ask(bundles[0])
    assert status == 200
    (tmp_path / "bundle.zip").write_bytes(bundle)
    assert all(line.holds for line in verify(tmp_path / "bundle.zip"))


def nothing_got_out(sides: Sides) -> None:
    """No file of the public side, no line of its log and no page of it holds what must stay inside."""
    assert MARK.encode() not in everything(sides.folder / "public")
    places = [*(sides.folder / "public").rglob("*"), sides.folder / "public-server.log"]
    for path in places:
        if path.is_file():
            assert MARK.encode() not in path.read_bytes(), path
    for who in ("", "ada", "sam"):
        browser = sides.browser(who, sides.public) if who else Browser(sides.public.address)
        seen, left = set[str](), ["/"]
        while left and len(seen) < 150:
            path = left.pop(0)
            seen.add(path)
            text = browser.ask(path)[2].decode("utf-8", "replace")
            assert MARK not in text, (who, path)
            links = re.findall(r'href="(/[^"#]*)"', text)
            left += [
                link
                for link in dict.fromkeys(links)
                if link not in seen and link not in left and not link.startswith(("/static/", "/manual/"))
            ]
        assert len(seen) > 20
