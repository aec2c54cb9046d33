"""What requests and releases say of files on the pages of Level 4."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from ..releases.world import World
from .files import publish
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
