"""What goes out compressed, and what never does."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobsite.application import create_app
from jobsite.settings import Settings

LONG = "<!doctype html>" + "<p>word</p>" * 500
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def client(instance: Path, settings: Settings) -> FlaskClient:
    """A visitor of an application of this test's own."""
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    app.add_url_rule("/long/", "lab.long", lambda: LONG, methods=["GET", "POST"])
    app.add_url_rule("/short/", "lab.short", lambda: "<p>short</p>")
    app.add_url_rule("/rows/", "lab.rows", lambda: (LONG, 200, {"Content-Type": "text/csv"}))
    app.add_url_rule("/gone/", "lab.gone", lambda: (LONG, 410))
    return app.test_client()


def test_a_page_goes_out_compressed_to_who_asks_for_it(client: FlaskClient) -> None:
    answer = client.get("/long/", headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data).decode() == LONG
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(LONG) / 10
    assert client.get("/long/").text == LONG
    for plain in ({"Accept-Encoding": "gzip;q=0"}, {"Accept-Encoding": "identity"}):
        assert client.get("/long/", headers=plain).text == LONG


def test_caches_are_told_that_the_answer_depends_on_it(client: FlaskClient) -> None:
    for headers in (GZIP, {}):
        assert "accept-encoding" in client.get("/long/", headers=headers).vary
        assert "accept-encoding" in client.get("/static/site.css", headers=headers, buffered=True).vary


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_nothing_is_compressed_for_another_site(client: FlaskClient, site: str) -> None:
    answer = client.get("/long/", headers={**GZIP, "Sec-Fetch-Site": site})
    assert "Content-Encoding" not in answer.headers
    assert answer.text == LONG
    own = client.get("/long/", headers={**GZIP, "Sec-Fetch-Site": "same-origin"})
    assert own.headers["Content-Encoding"] == "gzip"


def test_the_answer_to_a_form_is_never_compressed(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.post("/long/", headers=GZIP).headers


def test_short_answers_errors_and_files_of_studies_stay_as_they_are(client: FlaskClient) -> None:
    for path in ("/short/", "/rows/", "/gone/"):
        assert "Content-Encoding" not in client.get(path, headers=GZIP).headers, path


@pytest.mark.parametrize(
    "name", ["site.css", "site.js", "mark.svg", "vendor/icons.svg", "vendor/htmx.min.js"]
)
def test_an_asset_is_compressed_with_a_tag_of_its_own(client: FlaskClient, name: str) -> None:
    plain = client.get(f"/static/{name}", buffered=True)
    answer = client.get(f"/static/{name}", headers=GZIP, buffered=True)
    assert gzip.decompress(answer.data) == plain.data
    assert answer.headers["ETag"] != plain.headers["ETag"]
    again = client.get(
        f"/static/{name}", headers={**GZIP, "If-None-Match": answer.headers["ETag"]}, buffered=True
    )
    assert (again.status_code, again.data) == (304, b"")
    kept = client.get(f"/static/{name}", headers={"If-None-Match": plain.headers["ETag"]}, buffered=True)
    assert kept.status_code == 304


def test_a_part_of_an_asset_is_a_part_of_the_plain_file(client: FlaskClient) -> None:
    answer = client.get("/static/site.css", headers={**GZIP, "Range": "bytes=0-99"}, buffered=True)
    assert (answer.status_code, len(answer.data)) == (206, 100)
    assert "Content-Encoding" not in answer.headers


def test_a_first_visit_is_below_100_kb_and_the_next_page_below_20_kb(
    client: FlaskClient, cast: Any, sign_in: Any
) -> None:
    sign_in(client, "ada")
    page = client.get("/event-log/", headers=GZIP)
    text = gzip.decompress(page.data).decode()
    assets = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', text))
    assert len(assets) >= 5
    sizes = {asset: len(client.get(asset, headers=GZIP, buffered=True).data) for asset in assets}
    assert len(page.data) < 20_000
    assert len(page.data) + sum(sizes.values()) < 100_000, sizes
