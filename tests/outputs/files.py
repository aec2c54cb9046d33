"""Files of every kind, the odd ones among them, and the job that makes them."""

import gzip
import itertools
import struct
import zlib
from collections.abc import Mapping

from jobsite.store.collecting import collect
from jobsite.store.facts import JobFacts
from jobsite.store.level4 import Level4Limits
from jobsite.store.publish import publish as publish_outputs
from jobsite.store.roots import Roots

from ..releases.world import World

_numbers = itertools.count(1)

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
    """A PNG image of one colour, with texts inside; of a huge one there is one row."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(min(height, 100)))
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


def publish(world: World, files: Mapping[str, str | bytes], action: str) -> None:
    """A job of this action made these files and nothing else; the real store publishes them."""
    job = f"{action}{next(_numbers):06}"
    work_dir = world.instance / "made" / job
    for path, content in files.items():
        target = work_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    facts = JobFacts(
        workspace=world.workspace.name, job=job, request="request-1", attempt=f"{job}-001", action=action, user="ada",
        repo="https://example.org/study", commit="c" * 40, actions=None, exit_code=0,
    )  # fmt: skip
    patterns = {"moderately_sensitive": {f"file{number}": path for number, path in enumerate(files)}}
    collected = collect(work_dir, {}, patterns, {})
    roots = Roots.of(world.instance)
    publish_outputs(roots, facts, work_dir, collected, Level4Limits(), [b"2026-01-01 made\n"])
