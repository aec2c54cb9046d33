"""What HTML and SVG hold: active content, hidden content, tables, text, marks of a drawing (F7, F8, G2). Pure.

Both are read by one lenient parser that never loads anything; that an SVG is well-formed is judged beside it (F2)."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from jobsite.checks.findings import Place
from jobsite.checks.reading import NotReadable
from jobsite.checks.ruling import Clock, Remark
from jobsite.core.wording import counted, joined

MOST_MARKS = 500
MOST_DEPTH = 5_000
LONGEST_OPEN = 64 * 1024  # characters
_PIECE = 1024 * 1024  # characters
_ACTIVE = {
    "script": "script",
    "form": "form",
    "frame": "frame",
    "iframe": "frame",
    "frameset": "frame",
    "object": "embedded object",
    "embed": "embedded object",
    "applet": "embedded object",
    "foreignobject": "foreign object",
}
_LINKS = frozenset(
    [
        "href",
        "src",
        "xlink:href",
        "action",
        "formaction",
        "srcset",
        "poster",
        "data",
        "background",
        "cite",
        "ping",
    ]
)
_HREFS = ("href", "xlink:href")
_OUTSIDE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:|//|\\\\)", re.IGNORECASE)
_CSS_OUTSIDE = re.compile(r"url\(\s*['\"]?\s*(?:https?:|ftp:|//)|@import", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|(?<![-\w])opacity\s*:\s*0*\.?0+\s*(?:;|$))", re.IGNORECASE
)
_PATH_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_PATH_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_PATH_SIZES = {"m": 2, "l": 2, "t": 2, "h": 1, "v": 1, "s": 4, "q": 4, "c": 6, "a": 7}
_DECORATION = re.compile(r"(?:text|xtick|ytick|legend|glyph|axis|font)[-_]?\w*", re.IGNORECASE)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)


@dataclass
class Drawing:
    """What one pass over the markup found. `tables` are rows of cell texts, `lines` the visible text with line numbers,
    `vertices` all marks and path vertices, `points` the circles, ellipses and used symbols alone."""

    active: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    tables: list[list[list[str]]] = field(default_factory=list)
    lines: list[tuple[int, str]] = field(default_factory=list)
    vertices: int = 0
    points: int = 0


class _Parser(HTMLParser):
    def __init__(self, is_svg: bool) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Drawing()
        self._is_svg = is_svg
        self._open: list[tuple[str, bool]] = []
        self._aside = 0  # open elements whose shapes are letters, ticks or definitions
        self._silent = ""
        self._tables: list[list[list[str]]] = []
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look_at(tag, dict(attrs))
        if tag in _VOID and not self._is_svg:
            return
        aside = self._is_svg and _is_aside(tag, dict(attrs))
        if len(self._open) < MOST_DEPTH:
            self._open.append((tag, aside))
            self._aside += aside
        if tag in ("style", "script"):
            self._silent = tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._look_at(tag, dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._silent:
            self._silent = ""
        if tag in ("td", "th"):
            self._end_cell()
        elif tag == "table" and self._tables:
            self._end_cell()
            self.found.tables.append(self._tables.pop())
        for place in range(len(self._open) - 1, max(-1, len(self._open) - 50), -1):
            if self._open[place][0] == tag:
                self._aside -= sum(aside for _, aside in self._open[place:])
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        if self._silent == "style":
            self.found.active["outside reference"] += len(_CSS_OUTSIDE.findall(data))
        if self._silent:
            return
        if self._cell is not None:
            self._cell.append(data)
        if data.strip():
            line = self.getpos()[0]
            self.found.lines += [
                (line + more, text) for more, text in enumerate(data.splitlines()) if text.strip()
            ]

    def handle_comment(self, data: str) -> None:
        if data.strip():
            self.found.hidden["comment"] += 1
            self.found.lines += [
                (self.getpos()[0] + more, text) for more, text in enumerate(data.splitlines())
            ]

    def _look_at(self, tag: str, attributes: dict[str, str | None]) -> None:
        self._judge(tag, attributes)
        if self._is_svg:
            self._count(tag, attributes)
        elif tag == "table":
            self._tables.append([])
        elif tag == "tr" and self._tables:
            self._end_cell()
            self._tables[-1].append([])
        elif tag in ("td", "th") and self._tables:
            self._end_cell()
            self._cell = []

    def _end_cell(self) -> None:
        if self._cell is not None and self._tables:
            rows = self._tables[-1] or [[]]
            self._tables[-1] = rows
            rows[-1].append(" ".join("".join(self._cell).split()))
        self._cell = None

    def _judge(self, tag: str, attributes: dict[str, str | None]) -> None:
        active, hidden = self.found.active, self.found.hidden
        if tag in _ACTIVE:
            active[_ACTIVE[tag]] += 1
        if tag == "meta" and (attributes.get("http-equiv") or "").casefold() == "refresh":
            active["refresh"] += 1
        for name, value in attributes.items():
            text = value or ""
            if name.startswith("on") and len(name) > 2:
                active["event handler"] += 1
            elif name in _LINKS and _is_script(text):
                active["script"] += 1
            elif name in _LINKS and _is_outside(text) or name == "style" and _CSS_OUTSIDE.search(text):
                active["outside reference"] += 1
        if self._is_svg and tag in ("desc", "metadata"):
            hidden[tag] += 1
        if (
            self._is_svg
            and tag == "image"
            and not any(_is_outside(attributes.get(name) or "") for name in _HREFS)
        ):
            hidden["embedded image"] += 1
        if _is_hidden(tag, attributes):
            hidden["element that is not drawn"] += 1

    def _count(self, tag: str, attributes: dict[str, str | None]) -> None:
        if self._aside:
            return
        if tag in ("circle", "ellipse") or (
            tag == "use"
            and not _DECORATION.match(
                (attributes.get("xlink:href") or attributes.get("href") or "").lstrip("#")
            )
        ):
            self.found.points += 1
            self.found.vertices += 1
        elif tag == "path":
            self.found.vertices += vertices(attributes.get("d") or "")
        elif tag in ("polyline", "polygon"):
            self.found.vertices += len(_PATH_NUMBER.findall(attributes.get("points") or "")) // 2


def read_markup(text: str, is_svg: bool) -> Drawing:
    """One pass over the markup. Raises NotReadable where a tag or comment is never closed and hides much text, or where it
    takes too long."""
    parser, clock = _Parser(is_svg), Clock()
    for start in range(0, len(text), _PIECE):
        parser.feed(text[start : start + _PIECE])
        if clock.is_over:
            raise NotReadable("it takes too long to read")
    if len(parser.rawdata) > LONGEST_OPEN:
        raise NotReadable("a tag or comment is never closed")
    parser.close()
    return parser.found


def active(drawing: Drawing) -> Iterator[Remark]:
    """F7: everything in one sentence."""
    found = [(what, number) for what, number in drawing.active.items() if number]
    if found:
        yield Remark("F7", Place(), f"Contains {joined([_a(number, what) for what, number in found])}.")


def hidden(drawing: Drawing) -> Iterator[Remark]:
    """F8: everything in one sentence."""
    if drawing.hidden:
        parts = [_a(number, what) for what, number in drawing.hidden.items()]
        yield Remark("F8", Place(), f"Holds what is not seen: {joined(parts)}.")


def marks(drawing: Drawing) -> Iterator[Remark]:
    """G2: more marks and vertices than a figure of aggregates needs."""
    if drawing.vertices > MOST_MARKS:
        yield Remark("G2", Place(), f"The drawing holds {drawing.vertices:,} points.")


def vertices(path: str) -> int:
    """How many points the commands of an SVG path reach."""
    return sum(
        max(1, len(_PATH_NUMBER.findall(numbers)) // _PATH_SIZES[command.lower()])
        for command, numbers in _PATH_COMMAND.findall(path)
        if command.lower() in _PATH_SIZES
    )


def _a(number: int, what: str) -> str:
    if number == 1:
        return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
    return counted(number, what)


def _is_aside(tag: str, attributes: dict[str, str | None]) -> bool:
    return tag in ("defs", "symbol", "clippath", "font") or (
        tag == "g" and _DECORATION.fullmatch(attributes.get("id") or "") is not None
    )


def _is_script(text: str) -> bool:
    plain = "".join(character for character in text if character > " ").casefold()
    return plain.startswith(("javascript:", "vbscript:", "data:text/html"))


def _is_outside(text: str) -> bool:
    return _OUTSIDE.match(text) is not None and not text.strip().casefold().startswith("data:")


def _is_hidden(tag: str, attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style") or ""
    if "hidden" in attributes or _HIDDEN_STYLE.search(style):
        return True
    if tag == "input" and (attributes.get("type") or "").casefold() == "hidden":
        return True
    still = {name: (attributes.get(name) or "").strip() for name in ("opacity", "visibility", "display")}
    return still["visibility"] == "hidden" or still["display"] == "none" or _is_zero(still["opacity"])


def _is_zero(text: str) -> bool:
    return bool(re.fullmatch(r"0*\.?0+%?", text))
