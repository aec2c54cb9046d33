"""What requests and releases say of files on the pages of Level 4."""

import html
import re
from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from jobsite.outputs.models import Look

from ..releases.world import World
from .files import FILES, png, publish
from .test_level4_pages import LIST, paths, words

NEWER = {
    "output/a.csv": "region,n\nNorth,120\nSouth,90\nEast,40\n",
    "output/b.csv": "sex,n\nfemale,130\nmale,115\n",
}


def test_a_reviewed_version_is_what_a_newer_one_is_compared_with(
    as_ada: FlaskClient, level4: World, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    request = level4.returned()
    publish(level4, NEWER, "tables")
    found = {
        name: paths(as_ada.get(LIST, query_string={"state": name}).text)
        for name in ("updated", "in-request", "released")
    }
    assert found == {"updated": ["output/a.csv"], "in-request": ["output/b.csv"], "released": []}
    page = as_ada.get(f"{LIST}output/a.csv")
    assert f'href="/requests/{request.id}/"' in page.text
    assert "Compare with the version reviewed on" in words(page.text)
    shown = words(as_ada.get(f"{LIST}output/a.csv", query_string={"view": "diff"}).text)
    assert "1 cell changed." in shown
    assert "South row 2 n 85 90 +5" in shown
    cyd = sign_in(app.test_client(), "cyd")
    assert paths(cyd.get(LIST, query_string={"state": "updated"}).text) == [], "it is not her request"


def test_a_table_is_compared_with_released_ones_of_the_same_columns_and_names_the_requests_that_hold_it(
    as_ada: FlaskClient, level4: World, app: Flask, sign_in: Callable[..., FlaskClient]
) -> None:
    request = level4.approved()
    publish(
        level4, {"output/new.csv": "region,n\nNorth,130\nSouth,85\n", "output/wide.csv": "a,b\n1,2\n"}, "more"
    )
    released = as_ada.get(f"{LIST}output/a.csv").text
    assert f'<a href="/requests/{request.id}/">Approved, files uploading' in released
    page = as_ada.get(f"{LIST}output/new.csv").text
    related = page.partition('id="related"')[2].partition("</details>")[0]
    assert "output/a.csv, released on" in related
    assert "output/b.csv" not in related, "its columns are others"
    link = re.search(r'href="([^"]+view=diff[^"]*)"', related)
    assert link
    shown = words(as_ada.get(html.unescape(link[1])).text)
    assert "North row 1 n 120 130 +10" in shown
    assert "1 row removed" in shown
    assert 'id="related"' not in as_ada.get(f"{LIST}output/wide.csv").text
    drafted = level4.draft(by=level4.cast.ben, files=("output/new.csv",))
    assert f"/requests/{drafted.id}/" not in as_ada.get(f"{LIST}output/new.csv").text, (
        "drafts of others are theirs"
    )
    ben = sign_in(app.test_client(), "ben")
    assert f'<a href="/requests/{drafted.id}/">Draft' in ben.get(f"{LIST}output/new.csv").text


def test_the_older_version_of_a_picture_is_seen_beside_the_newer(as_ada: FlaskClient, level4: World) -> None:
    publish(level4, {**FILES, "output/figure.csv": "month,n\n2025-01,50\n2025-02,65\n"}, "kinds")
    both = ("output/a.csv", "output/figure.png")
    request = level4.returned(files=both, supporting=("output/figure.csv",), asks_for=("output/a.csv",))
    publish(level4, {**FILES, "output/figure.png": png(9, 9)}, "kinds")
    text = as_ada.get(f"{LIST}output/figure.png", query_string={"view": "diff"}).text
    older = re.search(rf'src="(/requests/{request.id}/-/content/\d+)"', text)
    assert older
    assert as_ada.get(older[1], buffered=True).data == FILES["output/figure.png"]
    desk = as_ada.get(f"/requests/{request.id}/tables/output/figure.png").text
    assert "Its data output/figure.csv" in words(desk)
    assert '<td class="num">65</td>' in desk.partition('id="data"')[2]
    assert [look.path for look in Look.select().order_by(Look.id.desc()).limit(2)] == [
        "output/figure.csv", "output/figure.png",
    ]  # fmt: skip
    assert f'src="{LIST}-/content/output/figure.png"' in text
