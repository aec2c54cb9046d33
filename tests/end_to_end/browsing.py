"""A browser without scripts: it keeps cookies, and fills in the field that proves where a form came from."""

import html
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Browser:
    """Of one person, at one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def ask(self, path: str, form: dict[str, object] | None = None) -> tuple[int, str, bytes]:
        """Status, address and bytes of what comes back, redirects followed."""
        data = urllib.parse.urlencode(form, doseq=True).encode() if form is not None else None
        try:
            with self._opener.open(urllib.parse.urljoin(self.address, path), data, timeout=60) as answer:
                return answer.status, answer.url, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.url, refusal.read()

    def text(self, path: str) -> str:
        """The words of a page."""
        status, _, page = self.ask(path)
        assert status == 200, (path, status, words(page))
        return words(page)

    def send(self, path: str, /, to: str = "", **form: object) -> tuple[str, str]:
        """Send a form of the page `path`; gives where that led and the words there."""
        status, address, page = self.tries(path, to, **form)
        assert status == 200, (path, form, status, words(page))
        return address, words(page)

    def tries(self, path: str, /, to: str = "", **form: object) -> tuple[int, str, bytes]:
        """Send a form of the page `path`, whatever becomes of it: status, address and bytes of what comes back."""
        found = TOKEN.search(self.ask(path)[2].decode())
        assert found, path
        return self.ask(to or path, {**form, "csrf_token": found[1]})

    def signs_in(self, user: str, token: str) -> bool:
        """Whether a single-use token lets them in."""
        status, address, _ = self.tries("/login/", "/login-with-token/", user=user, token=token)
        return status == 200 and "/login" not in address


def words(page: bytes) -> str:
    """What a reader reads of a page."""
    text = page.decode("utf-8", "replace")
    text = text[max(text.find("<main"), 0) :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
