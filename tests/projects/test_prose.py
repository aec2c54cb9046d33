import pytest

from jobsite.projects.prose import plain, rendered
from jobsite.projects.rules import why_not_markdown


def test_markdown_gives_links_lists_headings_and_tables() -> None:
    html = rendered(
        "# Papers\n\nSee the [preprint](https://example.org/x).\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|\n"
    )
    assert "<h3>Papers</h3>" in html
    assert '<a href="https://example.org/x" rel="nofollow noopener noreferrer">preprint</a>' in html
    assert "<li>one</li>" in html and "<td>1</td>" in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://tracker.example/x.png)",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "<a href='https://example.org' onclick='alert(1)'>x</a>",
        "<style>body{display:none}</style>",
        "<iframe src='https://example.org'></iframe>",
        "<form action='/logout/'><input name=x></form>",
        "<svg onload=alert(1)>",
        "<h1 id=main style='position:fixed'>x</h1>",
        "</div></main><script>alert(1)</script>",
        "```\n</code><script>alert(1)</script>\n```",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        "[a]: javascript:alert(1)\n\n[a]",
    ],
)
def test_nothing_hostile_comes_through(hostile: str) -> None:
    html = rendered(hostile)
    for sign in ("<script", "<img", "<style", "<iframe", "<form", "<input", "<svg", "</div", "<math"):
        assert sign not in html.lower()
    for sign in ("onerror=", "onclick=", "onload=", "style=", "id=", 'href="javascript', 'href="data'):
        assert sign not in html.lower().replace("&lt;", "<").split("<code>")[0] or "&lt;" in html


def test_nesting_without_end_is_no_failure() -> None:
    assert rendered("> " * 300 + "x")
    assert rendered("*" * 5000)


@pytest.mark.parametrize("text", ["[" * 401, "[a](" * 401, "<a " * 401, "![" * 401, "x" * 20_001])
def test_a_text_that_would_keep_the_server_busy_is_refused(text: str) -> None:
    assert why_not_markdown(text)
    assert why_not_markdown(text[:800].replace("[", "", 200).replace("<", "", 200)) is None


def test_plain_words_have_no_marks_and_stay_text() -> None:
    told = "# Closed\n\nThe **north** is [closed](https://example.org), `a < b` & <b>more</b>\n\n- one"
    assert plain(told) == "Closed The north is closed, a < b & more one"
    assert plain("<script>alert(1)</script>") == ""
