"""What a drawing (SVG) holds that one does not see: how many shapes and points, its text, comments and hidden parts. Pure."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from jobsite.store.decoding import NotAsItsSuffix
from jobsite.store.suffix_checks import unpacked

LARGEST = 16 * 2**20
LARGEST_SHOWN = 5 * 2**20
"""Bytes of a drawing or page that is rendered."""
LONGEST_TEXT = 20_000
SHAPES = frozenset(
    ["path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "use", "image", "text"]
)
ASIDE = frozenset(["title", "desc", "metadata", "style", "script"])
_NUMBERS = re.compile(r"-?\d*\.?\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?<![\w-])(?:fill-|stroke-)?opacity\s*:\s*0(?:\.0*)?(?![\d.])"
)


@dataclass
class Drawing:
    """Shapes by name, points of all paths and lines, the text that is drawn, what is written elsewhere (titles,
    descriptions, comments), embedded pictures, and elements that are not drawn. `problem` says why nothing is known."""

    shapes: Counter[str] = field(default_factory=Counter)
    points: int = 0
    text: str = ""
    remarks: list[tuple[str, str]] = field(default_factory=list)
    rasters: int = 0
    hidden: int = 0
    scripts: int = 0
    problem: str = ""


def drawing(file: BinaryIO, *, is_packed: bool = False) -> Drawing:
    """What the drawing in an open file holds. Never raises for what is in it."""
    file.seek(0)
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        return Drawing(problem="This drawing is larger than 16 MiB, so that it was not looked into.")
    try:
        return _looked_into(unpacked(data) if is_packed else data)
    except NotAsItsSuffix as reason:
        return Drawing(problem=f"This drawing cannot be read: {reason}.")


def _looked_into(data: bytes) -> Drawing:
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        reader.drawing.problem = (
            f"This drawing is damaged ({error}): what follows is what stands before that place."
        )
    except _Entities:
        reader.drawing.problem = "This drawing declares entities, so that it was not looked into."
    reader.drawing.text = " ".join("".join(reader.words).split())[:LONGEST_TEXT]
    return reader.drawing


class _Entities(Exception):
    """The drawing declares entities, which can grow without end."""


class _Reader:
    """Goes through the elements once."""

    def __init__(self) -> None:
        self.drawing = Drawing()
        self.words: list[str] = []
        self.aside: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.letters
        self.parser.CommentHandler = lambda text: self.remark("comment", text)
        self.parser.EntityDeclHandler = self.refuse

    def refuse(self, *declaration: object) -> None:
        """Entities are not read."""
        raise _Entities

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name = name.rpartition(":")[2]
        if name in SHAPES:
            self.drawing.shapes[name] += 1
            self.drawing.points += _points(name, attributes)
        self.drawing.rasters += name == "image"
        self.drawing.scripts += name in ("script", "foreignObject") or any(
            key.startswith("on") for key in attributes
        )
        self.drawing.hidden += _is_hidden(attributes)
        if self.aside or name in ASIDE:
            self.aside.append(name)

    def end(self, name: str) -> None:
        """An element ends."""
        if self.aside:
            self.aside.pop()

    def letters(self, text: str) -> None:
        """Some text: drawn, or said aside."""
        if self.aside:
            self.remark(self.aside[0], text)
        else:
            self.words.append(text)

    def remark(self, kind: str, text: str) -> None:
        """Keep what is not drawn, up to a limit."""
        if text.strip() and len(self.drawing.remarks) < 200:
            self.drawing.remarks.append((kind, text.strip()[:2000]))


def _points(name: str, attributes: dict[str, str]) -> int:
    if name == "path":
        return len(re.findall(r"[MLHVCSQTAmlhvcsqta]", attributes.get("d", "")))
    if name in ("polyline", "polygon"):
        return len(_NUMBERS.findall(attributes.get("points", ""))) // 2
    return 1 if name in ("circle", "use", "ellipse") else 0


def _is_hidden(attributes: dict[str, str]) -> bool:
    said = "; ".join(
        f"{name}: {value}"
        for name, value in attributes.items()
        if name in ("display", "visibility", "opacity")
    )
    return bool(_HIDDEN.search(f"{said}; {attributes.get('style', '')}"))
