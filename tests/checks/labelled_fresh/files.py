"""Cases of the rules on files and their forms: F1 to F10, G1 and G2, and how a file is read."""

import base64
import gzip
import struct
import zlib

from tests.checks.labelled_fresh.case import Case, case, one, table


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Give a PNG of one grey pixel with `chunks` (type, data) before its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), *chunks]
    parts += [(b"IDAT", zlib.compress(b"\x00\x7f")), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def svg(inside: str, attributes: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" {attributes}>{inside}</svg>\n'


JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDREN"
    "Dg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
)
EXIF = JPEG[:2] + b"\xff\xe1\x00\x10Exif\x00\x00II*\x00\x08\x00\x00\x00" + JPEG[2:]
DATA = table("sex n\nfemale 120\nmale 115")
PLAIN = "<!DOCTYPE html><html><head><title>Report</title></head><body>{}</body></html>\n"
CIRCLE = '<circle cx="1" cy="1" r="1"/>'


def figure(name: str, file: str, data: str | bytes, *expected: str, rows: str = DATA) -> Case:
    """Give a case of a figure beside its data."""
    return case(name, {file: data, file.split(".")[0] + ".csv": rows}, *expected)


CASES = (
    # F1
    one("a spreadsheet", b"PK\x03\x04" + b"\0" * 26, "F1 stop file", file="t.xlsx"),
    one("a name that starts with a dot", DATA, "F1 stop file", file=".t.csv"),
    one("htm is no html", PLAIN.format("<p>Fine</p>"), "F1 stop file", file="t.htm"),
    one("a name without a suffix", "Fine\n", "F1 stop file", file="README"),
    one("a packed table", gzip.compress(DATA.encode(), mtime=0), "F1 stop file", file="t.csv.gz"),
    one("an upper-case suffix", DATA, file="T.CSV"),
    one("a note in Markdown", "# Tables\n\nThe tables show people by sex.\n", file="notes.md"),
    one(
        "a policy may allow a type", "Fine\n", file="t.dat", policy={"types": {"release": ["dat"], "ask": []}}
    ),
    # F2
    figure("text named png", "plot.png", "not an image\n", "F2 stop plot.png file"),
    figure("a cut png", "plot.png", png()[:-20], "F2 stop plot.png file"),
    figure("a png named jpg", "plot.jpg", png(), "F2 stop plot.jpg file"),
    figure("an svg that does not parse", "plot.svg", "<svg><g></svg>", "F2 stop plot.svg file"),
    one("json that does not parse", '{"a": 1,', "F2 stop file", file="t.json"),
    one("a png named csv", png(), "F2 stop file"),
    one("a pdf named txt", b"%PDF-1.7\n1 0 obj\nendobj\n%%EOF\n", "F2 stop file", file="t.txt"),
    one("a zip named csv", b"PK\x03\x04\x14\x00" + bytes(range(32, 90)), "F2 stop file"),
    figure("a png", "plot.png", png()),
    figure("a jpeg", "plot.jpeg", JPEG),
    one("json", '{"colour": "blue", "parts": [1.5, null, true]}', file="t.JSON"),
    one("an empty file", ""),
    one("a header and no rows", "sex,n\n"),
    # F3, F4
    one("one byte too many", "x" * 51, "F3 stop file", file="t.txt", policy={"limits": {"file_bytes": 50}}),
    one("exactly the limit of bytes", "x" * 50, file="t.txt", policy={"limits": {"file_bytes": 50}}),
    one(
        "a png above the limit",
        png(),
        "F3 stop file",
        "G1 fix file",
        file="t.png",
        policy={"limits": {"file_bytes": 50}},
    ),
    one(
        "a row too many",
        table("sex n\na 10\nb 20\nc 30\nd 40"),
        "F4 stop file",
        policy={"limits": {"csv_rows": 3}},
    ),
    one("exactly the limit of rows", table("sex n\na 10\nb 20\nc 30"), policy={"limits": {"csv_rows": 3}}),
    one("a quoted line break is no row", 'sex,n\n"a\nb\nc",20\nd,30\n', policy={"limits": {"csv_rows": 2}}),
    one(
        "a column too many", table("sex n x y\na 10 p q"), "F4 stop file", policy={"limits": {"csv_cols": 3}}
    ),
    one("exactly the limit of columns", table("sex n x\na 10 p"), policy={"limits": {"csv_cols": 3}}),
    one(
        "a stop does not silence other rules",
        table("sex n\na 10\nb 5"),
        "F4 stop file",
        "C1 fix cell 2 2",
        policy={"limits": {"csv_rows": 1}},
    ),
    # F5
    one("an unclosed quote", 'sex,n\nfemale,120\n"male,115\n', "F5 stop any"),
    one("a byte that is no character", b"sex,n\nx\x81y,120\n", "F5 stop any"),
    one("half a UTF-16 character", "\ufeffsex,n\nf,120\n".encode("utf-16-le") + b"\x0a", "F5 stop any"),
    one("a byte that is no character, in a text", b"Fine \x81 fine\n", "F5 stop any", file="t.txt"),
    one("Windows-1252", "ville,n\nNîmes,120\nAlès,115\n".encode("cp1252")),
    one("UTF-8 with a mark", b"\xef\xbb\xbf" + DATA.encode()),
    one("UTF-16 with a mark", DATA.encode("utf-16")),
    one("a mark does not hide the first header", b"\xef\xbb\xbfn,sex\n5,a\n120,b\n", "C1 fix cell 1 1"),
    one("UTF-16 is read", table("sex n\na 5\nb 120").encode("utf-16"), "C1 fix cell 1 2"),
    one("Windows line ends", "sex,n\r\na,5\r\nb,120\r\n", "C1 fix cell 1 2"),
    one("semicolons", "sex;n\na;5\nb;120\n", "C1 fix cell 1 2"),
    one("tabs", "sex\tn\na\t5\nb\t120\n", "C1 fix cell 1 2"),
    one("semicolons beside decimal commas", "sex;mean\na;5,5\nb;12,5\n"),
    one("blank lines are no rows", "sex,n\n\na,10\n\nb,5\n", "C1 fix cell 2 2"),
    # F6
    one("a page is released by exception", PLAIN.format("<p>Fine</p>"), "F6 fix file", file="t.html"),
    one("a log is released by exception", "All done\n", "F6 fix file", file="t.log"),
    figure(
        "a packed drawing",
        "plot.svgz",
        gzip.compress(svg("<rect/>").encode(), mtime=0),
        "F6 fix plot.svgz file",
    ),
    one("a text is not", "All done\n", file="t.txt"),
    # F7
    one("a script", PLAIN.format("<script>x()</script>"), "F6 fix file", "F7 fix file", file="t.html"),
    one(
        "a link to elsewhere",
        PLAIN.format('<a href="https://example.org/">a</a>'),
        "F6 fix file",
        "F7 fix file",
        file="t.html",
    ),
    one("a form", PLAIN.format("<form><input></form>"), "F6 fix file", "F7 fix file", file="t.html"),
    one("a frame", PLAIN.format('<iframe src="#"></iframe>'), "F6 fix file", "F7 fix file", file="t.html"),
    one("a handler", PLAIN.format('<p onclick="x()">a</p>'), "F6 fix file", "F7 fix file", file="t.html"),
    one(
        "a script address",
        PLAIN.format('<a href=" JavaScript:x()">a</a>'),
        "F6 fix file",
        "F7 fix file",
        file="t.html",
    ),
    one(
        "a refresh",
        PLAIN.format('<meta http-equiv="refresh" content="9">'),
        "F6 fix file",
        "F7 fix file",
        file="t.html",
    ),
    figure("a script in a drawing", "p.svg", svg("<script>x()</script>"), "F7 fix p.svg file"),
    figure("a handler in a drawing", "p.svg", svg("<rect/>", 'onload="x()"'), "F7 fix p.svg file"),
    figure(
        "a page in a drawing", "p.svg", svg("<foreignObject><p>a</p></foreignObject>"), "F7 fix p.svg file"
    ),
    figure(
        "a picture from elsewhere",
        "p.svg",
        svg('<image href="http://example.org/a.png"/>'),
        "F7 fix p.svg file",
    ),
    figure(
        "a style from elsewhere",
        "p.svg",
        svg("<style>@import url(https://example.org/a.css);</style>"),
        "F7 fix p.svg file",
    ),
    one(
        "a link inside the page",
        PLAIN.format('<a href="#a">a</a><p id="a">b</p>'),
        "F6 fix file",
        file="t.html",
    ),
    figure("links inside a drawing", "p.svg", svg('<defs><path id="m" d="M0 0h1"/></defs><use href="#m"/>')),
    figure("words that look like handlers", "p.svg", svg("<text>on click: javascript, script</text>")),
    # F8
    figure("a text in a png", "p.png", png((b"tEXt", b"Software\0matplotlib")), "F8 look p.png file"),
    figure("a note in a jpeg", "p.jpg", EXIF, "F8 look p.jpg file"),
    figure("a description", "p.svg", svg("<desc>cohort of March</desc><rect/>"), "F8 look p.svg file"),
    figure("a comment", "p.svg", svg("<!-- made on Monday --><rect/>"), "F8 look p.svg file"),
    figure("what is not drawn", "p.svg", svg('<text opacity="0">a</text>'), "F8 look p.svg file"),
    figure(
        "a picture in a drawing",
        "p.svg",
        svg('<image href="data:image/png;base64,iVBORw0KGgo="/>'),
        "F8 look p.svg file",
    ),
    one(
        "a hidden part of a page",
        PLAIN.format("<p hidden>a</p>"),
        "F6 fix file",
        "F8 look file",
        file="t.html",
    ),
    figure("a png with its size only", "p.png", png((b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\x01"))),
    figure("a title", "p.svg", svg("<title>People by sex</title><rect/>")),
    figure("half drawn", "p.svg", svg('<rect opacity="0.5"/>')),
    # F9
    one("a formula", table("site n\n=1+1 120\nb 115"), "F9 look cell 1 1"),
    one("an at sign", table("site n\n@now 120\nb 115"), "F9 look cell 1 1"),
    one("a plus before a word", table("site n\na 120\n+cmd 115"), "F9 look cell 2 1"),
    one("a minus before a letter", table("site n\na 120\n-cmd 115"), "F9 look cell 2 1"),
    one("a tab", 'site,n\na,120\n"\tb",115\n', "F9 look cell 2 1"),
    one("signed numbers", table("site mean\na -5.5\nb +5.5\nc -1.2e-5")),
    one("a lone minus", table("site n\na 120\nb -")),
    one("a sign inside", table("site n\na=b 120\nx@y 115")),
    # F10
    case("released before", {"t.csv": DATA}, "F10 stop t.csv file", earlier={"old.csv": DATA}),
    case(
        "released before under the same name",
        {"t.txt": "Fine\n"},
        "F10 stop t.txt file",
        earlier={"t.txt": "Fine\n"},
    ),
    case("another text was released before", {"t.txt": "Fine\n"}, earlier={"t.txt": "Fine.\n"}),
    # G1
    case("a figure without data", {"km.png": png()}, "G1 fix km.png file"),
    case("a drawing without data", {"km.svg": svg("<rect/>"), "other.csv": DATA}, "G1 fix km.svg file"),
    case("a figure with json", {"km.png": png(), "km.json": '{"colour": "blue"}'}),
    case("a figure and its data in another folder", {"figures/km.png": png(), "data/km.csv": DATA}),
    # G2
    figure(
        "many points",
        "p.svg",
        svg(CIRCLE * 501),
        "G2 look p.svg file",
        rows=table("x n") + "".join(f"g{i}x,10\n" for i in range(600)),
    ),
    figure("more points than rows", "p.svg", svg(CIRCLE * 3), "G2 look p.svg file"),
    figure(
        "many corners",
        "p.svg",
        svg(f'<path d="M0 0 {"L1 1 " * 501}"/>'),
        "G2 look p.svg file",
        rows=table("x n") + "".join(f"g{i}x,10\n" for i in range(600)),
    ),
    figure("as many points as rows", "p.svg", svg(CIRCLE * 2)),
    figure("bars", "p.svg", svg("<rect/>" * 30)),
)

CASES += (
    one(
        "three stops at once",
        "\x89PNG" * 20,
        "F1 stop file",
        "F3 stop file",
        file="t.xls",
        policy={"limits": {"file_bytes": 50}},
    ),
    one("a packed file that is none", "text\n", "F2 stop file", "F6 fix file", "G1 fix file", file="t.svgz"),
    one(
        "an svg that is a page",
        "<!DOCTYPE html><html><body>a</body></html>",
        "F2 stop file",
        "G1 fix file",
        file="t.svg",
    ),
    one("two values of json", '{"a": 1}\n{"a": 2}\n', "F2 stop file", file="t.json"),
    one("a NUL in a table", b"sex,n\na\x00b,120\n", "F5 stop any"),
    one("bars between the cells", "sex|n\na|5\nb|120\n", "C1 fix cell 1 2"),
    one("a row with a cell too many", "sex,n\na,120,5\nb,115\n", "C1 look cell 1 3"),
    one("a row with a cell too few", "sex,n\na\nb,5\n", "C1 fix cell 2 2"),
    one("a doubled quote", 'sex,n\n"a ""x""",120\nb,5\n', "C1 fix cell 2 2"),
    one("a formula in a quoted cell", 'site,n\n"=HYPERLINK(""x"")",120\nb,115\n', "F9 look cell 1 1"),
    one("a formula as a header", "=x,n\na,120\nb,115\n", "F9 look cell 0 1"),
    one("a signed percentage", table("site change\na -5.5%\nb +5.5%")),
    one(
        "an object in a page",
        PLAIN.format('<object data="a.bin"></object>'),
        "F6 fix file",
        "F7 fix file",
        file="t.html",
    ),
    one(
        "a picture in a page from elsewhere",
        PLAIN.format('<img src="//example.org/a.png">'),
        "F6 fix file",
        "F7 fix file",
        file="t.html",
    ),
    one(
        "a comment in a page",
        PLAIN.format("<!-- made on Monday -->"),
        "F6 fix file",
        "F8 look file",
        file="t.html",
    ),
    one(
        "a part of a page that is not shown",
        PLAIN.format('<p style="display:none">a</p>'),
        "F6 fix file",
        "F8 look file",
        file="t.html",
    ),
    figure("metadata", "p.svg", svg("<metadata>x</metadata><rect/>"), "F8 look p.svg file"),
    figure(
        "international text",
        "p.png",
        png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")),
        "F8 look p.png file",
    ),
    figure("a colour profile only", "p.png", png((b"gAMA", b"\0\0\xb1\x8f"))),
    case("a figure whose data come twice", {"a/km.svg": svg("<rect/>"), "b/km.csv": DATA, "b/km.json": "{}"}),
    case(
        "two files of one content, one released",
        {"t.csv": DATA, "u.csv": DATA},
        "F10 stop t.csv file",
        "F10 stop u.csv file",
        earlier={"t.csv": DATA},
    ),
)
