"""Colours in log lines."""

import re
from pathlib import Path

import pytest

from jobsite.jobs.logs.ansi import CLASSES, plain, show

STYLESHEETS = [
    path
    for path in (
        Path(__file__).parents[3] / "static" / "site.css",
        Path(__file__).parents[4] / "shared/ui/site.css",
    )
    if path.exists()
]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("no colour at all", [((), "no colour at all")]),
        ("", []),
        ("\x1b[31mred\x1b[0m plain", [(("ansi-red",), "red"), ((), " plain")]),
        ("\x1b[1;4;32mok\x1b[m.", [(("ansi-bold", "ansi-underline", "ansi-green"), "ok"), ((), ".")]),
        ("\x1b[1mb\x1b[22mn", [(("ansi-bold",), "b"), ((), "n")]),
        ("\x1b[3mi\x1b[23;4mu\x1b[24mn", [(("ansi-italic",), "i"), (("ansi-underline",), "u"), ((), "n")]),
        ("\x1b[31mr\x1b[34mb\x1b[39mn", [(("ansi-red",), "r"), (("ansi-blue",), "b"), ((), "n")]),
        ("\x1b[2;91mbright", [(("ansi-dim", "ansi-red"), "bright")]),
        ("\x1b[38;5;196mx\x1b[38;2;1;31;3my", [((), "xy")]),
        ("\x1b[38;5;1;1mx", [(("ansi-bold",), "x")]),
        ("\x1b[38:2:1:2:3mx", [((), "x")]),
        ("\x1b[31m\x1b[31mx\x1b[31my", [(("ansi-red",), "xy")]),
        ("\x1b[48mx\x1b[38mx\x1b[38;5mx", [((), "xxx")]),
    ],
)
def test_colours_become_classes(text: str, spans: list[tuple[tuple[str, ...], str]]) -> None:
    assert list(show(text).spans) == spans


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b[2Kb",
        "a\x1b[?25lb",
        "a\x1b]0;title\x07b",
        "a\x1b]8;;file:///etc/passwd\x1b\\b",
        "a\x1bPq\x1b\\b",
        "a\x1b(Bb",
        "a\x1b=b",
        "a\x07b",
        "a\x00b",
        "a\x7fb",
        "a\u202eb",
        "ab\x1b[",
        "ab\x1b",
        "ab\x1b[31",
        "ab\x1b]0;never ended",
        "a\x9bb",
    ],
)
def test_everything_else_is_dropped(text: str) -> None:
    assert show(text).spans == (((), "ab"),)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("\r 10%\r 20%\r 30%", " 30%"),
        ("30%\r", "30%"),
        ("30%\r\x1b[K", "30%"),
        ("windows line\r", "windows line"),
        ("\r\r\r", ""),
        ("\x1b[32m1%\r2%", "2%"),
    ],
)
def test_a_progress_line_shows_its_last_state(text: str, last: str) -> None:
    assert plain(text) == last


def test_a_progress_line_keeps_the_colour_set_before_its_last_state() -> None:
    assert show("\x1b[32m1%\r2%").spans == ((("ansi-green",), "2%"),)


def test_a_very_long_line_is_cut_and_says_so() -> None:
    long = show("\x1b[31m" + "x" * 5000)
    assert long.cut
    assert sum(len(text) for _, text in long.spans) == 4096
    assert show("\x1b[31m" + "x" * 5000, longest=5000) == (((("ansi-red",), "x" * 5000),), False)
    assert not show("x" * 4096).cut


def test_markup_stays_text_for_the_template_to_escape() -> None:
    assert show("<script>alert('&')</script>").spans == (((), "<script>alert('&')</script>"),)


def test_tabs_and_other_languages_are_kept() -> None:
    assert plain("a\tb ☃ naïve 漢字 🜚") == "a\tb ☃ naïve 漢字 🜚"


def test_only_classes_of_the_fixed_list_are_given() -> None:
    wild = (
        "".join(f"\x1b[{number}m{number}" for number in range(200)) + "\x1b[1;;;;31;999999999999999999999mx"
    )
    assert {name for classes, _ in show(wild).spans for name in classes} <= set(CLASSES)


@pytest.mark.parametrize("stylesheet", STYLESHEETS, ids=lambda path: path.parent.name)
def test_every_class_is_in_the_stylesheet(stylesheet: Path) -> None:
    assert set(CLASSES) <= set(re.findall(r"ansi-[a-z]+", stylesheet.read_text("utf-8")))
