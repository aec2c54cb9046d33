"""Pages and assets go out compressed, to browsers that ask for it, where that tells nobody a secret.

Compression hides a secret badly when a stranger can make a page repeat words of his own beside it and measure the length
of the answer (BREACH). So the answer to a request that another site started is never compressed, nor is the answer to a
POST, which may show a token once. The session's cookie is `SameSite=Lax` besides: a stranger's request carries no login
unless the browser goes to the page in full view. Files of studies and logs are sent as they are.
"""

import zlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, current_app, request

PAGES = ("text/html",)
ASSETS = ("text/css", "text/javascript", "application/javascript", "image/svg+xml")
LEAST = 1000  # bytes; less fits into one packet anyway
PAGE_LEVEL, ASSET_LEVEL = 5, 9
GZIP = 31  # zlib's number for gzip's own header and check


def init_compression(app: Flask) -> None:
    """Compress answers of the app. To be called before anything else looks at answers, so that it comes last."""
    app.after_request(_compressed)


def _compressed(response: Response) -> Response:
    is_asset = request.endpoint == "static" and response.mimetype in ASSETS
    if not is_asset and response.mimetype not in PAGES:
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code != 200 or "Content-Encoding" in response.headers or not _is_wanted():
        return response
    return _asset(response) if is_asset else _page(response)


def _is_wanted() -> bool:
    from_elsewhere = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    return request.method in ("GET", "HEAD") and not from_elsewhere and request.accept_encodings["gzip"] > 0


def _page(response: Response) -> Response:
    if response.direct_passthrough or response.is_streamed or len(body := response.get_data()) < LEAST:
        return response
    response.set_data(packed(body, PAGE_LEVEL))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _asset(response: Response) -> Response:
    """The asset, packed once in this process; its tag differs from that of the plain file, as HTTP wants."""
    tag = response.get_etag()[0] or ""
    response.close()  # the plain file, which is not read
    response.direct_passthrough = False
    response.set_data(_packed_file(Path(current_app.static_folder or "") / _name(), tag))
    response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{tag}-gzip")
    response.make_conditional(request)
    return response


def _name() -> str:
    return (request.view_args or {})["filename"]


@lru_cache(maxsize=32)
def _packed_file(path: Path, tag: str) -> bytes:
    """The gzip form of a file; `tag` changes with the file, so that none is served old."""
    return packed(path.read_bytes(), ASSET_LEVEL)


def packed(body: bytes, level: int) -> bytes:
    """The gzip form of some bytes; the same bytes give the same form."""
    packer = zlib.compressobj(level, zlib.DEFLATED, GZIP)
    return packer.compress(body) + packer.flush()
