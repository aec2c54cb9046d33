"""Bytes of a project file to text, and text to YAML events, the same with and without the C library.

The C parser of libyaml is taken for speed. It is laxer than YAML 1.2 about tabs and stricter about the names
of anchors, so a file with a tab, a directive or an odd character, and every file that it refuses, goes through
the parser in Python: that one decides. Both ways give the same events for the files that both are asked about.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any

import yaml

# libyaml is not everywhere: without it PyYAML has no such class, and the parser in Python reads every file.
C_PARSER: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else None  # type: ignore[attr-defined]  # no stub

LINE_BREAK = re.compile("\r\n|[\n\r\x85]")
UNACCEPTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ODD_LETTERS = ("\t", "\x85", "\ufeff")
_ODD_PLACES = {
    "%": re.compile("^%", re.MULTILINE),
    "!": re.compile(r"(?:^|[\s,:\[{-])!\S", re.MULTILINE),
    "#": re.compile(r"[|>][-+0-9]*#"),
    "&": re.compile(r"&[\w-]*[^\w\s-]"),
    "*": re.compile(r"(?:^|[\s,:\[{-])\*[\w-]+[^\w\s,\]}-]", re.MULTILINE),
}
"""Where the C parser differs from YAML 1.2: directives, tags, a comment right after `|` or `>`, names of anchors."""
_SEPARATORS = {0x2028: "\ufffd", 0x2029: "\ufffd"}
_NAME_ENDS = frozenset("\0 \t\r\n\x85,[]{}")


class Undecodable(Exception):
    """The bytes are no text. `text` is what could be read before the `offset` of the first bad byte."""

    def __init__(self, encoding: str, offset: int, text: str) -> None:
        super().__init__(encoding)
        self.encoding, self.offset, self.text = encoding, offset, text


def decode(data: bytes | str) -> str:
    """The text of a project file: UTF-8 with or without byte order mark, or UTF-16 with one.

    Raises Undecodable.
    """
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    encoding, start = "UTF-8", 0
    if data.startswith(codecs.BOM_UTF8):
        start = 3
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding, start = ("UTF-16-LE" if data[0] == 0xFF else "UTF-16-BE"), 2
    body = data[start:]
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Undecodable(encoding, start + error.start, body[: error.start].decode(encoding)) from None


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character at `offset`."""
    line, start = 1, 0
    for found in LINE_BREAK.finditer(text, 0, offset):
        line, start = line + 1, found.end()
    return line, offset - start + 1


def fast_events(text: str) -> Iterator[yaml.Event] | None:
    """Events from the C parser, or None if it is not there or would be too lax with this text."""
    if C_PARSER is None or any(letter in text for letter in _ODD_LETTERS):
        return None
    if any(letter in text and place.search(text) for letter, place in _ODD_PLACES.items()):
        return None
    return _events(C_PARSER(_without_separators(text)))


def exact_events(text: str) -> Iterator[yaml.Event]:
    """Events from the parser in Python, whose verdict holds. Raises yaml.YAMLError or ValueError on the way."""
    return _events(_ExactParser(_without_separators(text)))


def _without_separators(text: str) -> str:
    """`text` with the two Unicode separators replaced, which YAML 1.2 no longer takes for ends of lines."""
    return text if text.isascii() else text.translate(_SEPARATORS)


def _events(parser: yaml.parser.Parser) -> Iterator[yaml.Event]:
    while parser.check_event():
        yield parser.get_event()


class _ExactParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's parser with the places mended where YAML 1.2 differs: anchors, and tabs and `?` inside brackets."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.flow_level and self.peek() == "\t":
            self.forward()
            super().scan_to_next_token()

    def scan_plain(self) -> yaml.ScalarToken:
        if not self.flow_level:
            return super().scan_plain()
        # a question mark inside a word ends it for PyYAML, within brackets; show it another letter instead
        letter_at = self.peek
        setattr(self, "peek", lambda index=0: "x" if letter_at(index) == "?" else letter_at(index))  # noqa: B010
        try:
            return super().scan_plain()
        finally:
            del self.peek

    def scan_anchor(self, TokenClass: type) -> yaml.Token:
        start = self.get_mark()
        self.forward()
        length = 0
        while self.peek(length) not in _NAME_ENDS:
            length += 1
        if not length:
            kind = "alias" if TokenClass is yaml.AliasToken else "anchor"
            raise yaml.scanner.ScannerError(
                f"while scanning an {kind}", start, "expected a name", self.get_mark()
            )
        name = self.prefix(length)
        self.forward(length)
        return TokenClass(name, start, self.get_mark())

    def process_directives(self) -> tuple:
        version, tags = super().process_directives()
        if version and version[1] not in (1, 2):
            mark = self.peek_token().start_mark
            raise yaml.parser.ParserError(
                None, None, "found incompatible YAML document (version 1.2 is read)", mark
            )
        return version, tags
