"""Files of every kind, the odd ones among them."""

import gzip
import struct
import zlib

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><title>Ages</title><!-- made by hand -->'
    '<desc>One point a person</desc><circle cx="1" cy="1" r="1"/><circle cx="2" cy="2" r="1"/>'
    '<path d="M0 0L1 1L2 2" opacity="0"/><text x="1" y="9">Figure one</text></svg>'
)
HTML = (
    "<h1>Report</h1><table><caption>By region</caption><tr><th>region</th><th>n</th></tr><tr><td>North</td><td>120</td></tr>"
    "<tr><td>South</td><td>3</td></tr></table><script>document.title = 'ran'</script>"
)
JSON = '{"made": "2026-01-01", "rows": [{"region": "North", "n": 120}, {"region": "South", "n": 85}], "deep": {"a": [1, 2]}}'
MARKDOWN = "# Notes\n\nSome *words* <b onclick=alert(1)>bold</b> ![x](http://evil.example/x.png)\n"
LARGE = "region,n,note\n" + "".join(
    f"r{n},{n * 5},{'' if n % 3 else 'Zürich & <=7'}\n" for n in range(1, 901)
)


def png(width: int = 4, height: int = 3, **texts: str) -> bytes:
    """A whole PNG image of one colour, with texts inside."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    parts += [(b"tEXt", key.encode() + b"\0" + text.encode()) for key, text in texts.items()]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


FILES: dict[str, str | bytes] = {
    "output/small.csv": "region,n\nNorth,120\nSouth,3\nEast,40\n",
    "output/large.csv": LARGE,
    "output/figure.png": png(Software="a plotter"),
    "output/figure.svg": SVG,
    "output/packed.svgz": gzip.compress(SVG.encode()),
    "output/page.html": HTML,
    "output/data.json": JSON,
    "output/notes.md": MARKDOWN,
    "output/deep/er/list.txt": "".join(f"line {n}\n" for n in range(1, 1201)),
    "output/bom.csv": "\ufeffregion;n\nNord;10\n".encode(),
    "output/latin.txt": "caf\xe9\n".encode("utf-16"),
    "output/empty.csv": "",
}
