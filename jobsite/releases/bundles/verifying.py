"""Checks a bundle of released files offline, with nothing but Python: `python3 verifying.py BUNDLE [KEYS]` does it too.

What is signed covers everything: the installation that made the bundle signed the manifest, and with it every file; the one
that approved the release signed its record and audit rows. Ed25519 is checked as RFC 8032 describes it. No bundle, however
damaged or hostile, makes this fail in another way than with a sentence; memory does not grow with the size of its files.
"""

import hashlib
import json
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

MANIFEST, SIGNATURE, INDEX, CRATE = (
    "manifest-sha256.txt",
    "manifest-signature.json",
    "bundle.json",
    "ro-crate-metadata.json",
)
MOST_ENTRIES, MOST_BYTES, MOST_JSON, MOST_TIMES = 10_000, 8 * 2**30, 64 * 2**20, 300
START = "0" * 64

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_HEX64 = re.compile(r"[0-9a-f]{64}")


class Line(NamedTuple):
    """The result of one test: whether it holds, what was tested, and what was found, in words."""

    holds: bool
    test: str
    words: str


class NotSound(Exception):
    """What a test found wrong, as a sentence without its full stop."""


def verify(bundle: Path, keys: Iterable[str] = ()) -> Iterator[Line]:
    """Test a bundle; a line for each test, in order. `keys` are public keys in hex that are trusted; without any, the
    fingerprints are told, to be compared with those that the installation has published. Raises nothing.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            for holds, test, words in _tests(_Bundle(archive), set(keys)):
                yield Line(holds, _readable(test), _readable(words))
    except NotSound as wrong:
        yield Line(False, "archive", _readable(str(wrong)))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
        yield Line(False, "archive", f"it cannot be read as a zip archive: {error or type(error).__name__}")


def _readable(text: str) -> str:
    """A text of the bundle for a terminal: no control characters, not without end."""
    return "".join(one if one.isprintable() else "?" for one in text[:500])


def read_keys(text: str) -> list[str]:
    """The public keys in a file: 64 hexadecimal digits each, whatever stands around them. Raises ValueError for none."""
    found = re.findall(r"\b[0-9a-f]{64}\b", text.lower())
    if not found:
        raise ValueError("there is no public key in it: 64 hexadecimal digits")
    return found


def fingerprint(key: str) -> str:
    """What people compare: the first 32 hexadecimal digits of the SHA-256 of a key, in groups of four."""
    digest = hashlib.sha256(bytes.fromhex(key)).hexdigest()[:32]
    return " ".join(digest[at : at + 4] for at in range(0, 32, 4))


class _Bundle:
    """An archive whose names and sizes are in order. Raises NotSound for one where they are not."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise NotSound(f"it has more than {MOST_ENTRIES:,} entries")
        self.sizes: dict[str, int] = {}
        for entry in entries:
            if wrong := _why_odd(entry, self.sizes):
                raise NotSound(wrong)
            self.sizes[entry.filename] = entry.file_size
        packed = sum(entry.compress_size for entry in entries)
        if sum(self.sizes.values()) > min(MOST_BYTES, 2**26 + MOST_TIMES * packed):
            raise NotSound("it would unpack to far more than released files can be")

    def sha256(self, name: str) -> str:
        """The SHA-256 of an entry. Raises NotSound when it is damaged."""
        digest = hashlib.sha256()
        try:
            with self.archive.open(name) as file:
                while piece := file.read(2**20):
                    digest.update(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
            raise NotSound(f"{name} has been changed: it cannot be read") from None
        return digest.hexdigest()

    def text(self, name: str) -> str:
        """The text of a small entry. Raises NotSound when it is missing, too large, or no UTF-8."""
        if name not in self.sizes:
            raise NotSound(f"{name} is missing")
        if self.sizes[name] > MOST_JSON:
            raise NotSound(f"{name} is too large to be read")
        self.sha256(name)
        try:
            return self.archive.read(name).decode()
        except UnicodeDecodeError:
            raise NotSound(f"{name} is no text in UTF-8") from None

    def json(self, name: str) -> dict[str, Any]:
        """The object in a small entry. Raises NotSound for anything else."""
        try:
            found = json.loads(self.text(name))
        except (ValueError, RecursionError):
            raise NotSound(f"{name} is no JSON") from None
        if not isinstance(found, dict):
            raise NotSound(f"{name} holds no object")
        return found


def _why_odd(entry: zipfile.ZipInfo, seen: Mapping[str, int]) -> str | None:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = name.split("/")
    if entry.orig_filename != name or not name.isprintable() or "\\" in name or ":" in parts[0]:
        return f"the name {name!r} is not one that a bundle has"
    if any(part in ("", ".", "..") for part in parts):
        return f"the name {name!r} leads out of the bundle, or is a folder"
    if name in seen:
        return f"{name} is in it twice"
    if kind not in (0, stat.S_IFREG):
        return f"{name} is a link or a device, not a file"
    return f"{name} is encrypted" if entry.flag_bits & 1 else None


def _tests(bundle: _Bundle, trusted: set[str]) -> Iterator[Line]:
    total = sum(bundle.sizes.values())
    yield Line(True, "archive", f"{len(bundle.sizes)} files, {total:,} bytes, names in order")
    yield from _one("manifest", lambda: _manifest(bundle))
    yield from _one("manifest signature", lambda: [_manifest_signature(bundle, trusted)])
    try:
        index = bundle.json(INDEX)
        releases = sorted(_list(index, "releases", str))
        files = [_plain(file, ("path", "release", "name", "sha256")) for file in _list(index, "files", dict)]
        removed = [_plain(file, ("release", "name", "at")) for file in _list(index, "removed", dict)]
    except NotSound as wrong:
        yield Line(False, "index", str(wrong))
        return
    yield from _one("index", lambda: [_index(bundle, files, releases)])
    for release in releases:
        its = [file for file in files if file["release"] == release]
        gone = {file["name"]: file["at"] for file in removed if file["release"] == release}
        yield from _one(
            f"record {release}", lambda its=its, gone=gone, at=release: _record(bundle, at, its, gone)
        )
        yield from _one(f"audit {release}", lambda at=release: _audit(bundle, at, trusted))
    yield from _one("crate", lambda: [_crate(bundle, files)])


def _one(test: str, run: Any) -> Iterator[Line]:
    """The lines of one test; what it raises is its last one."""
    try:
        for words in run():
            yield Line(True, test, words)
    except NotSound as wrong:
        for words in wrong.args:
            yield Line(False, test, words)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        yield Line(False, test, "its documents do not have the form that they have in a bundle")


def _manifest(bundle: _Bundle) -> list[str]:
    listed: dict[str, str] = {}
    for line in bundle.text(MANIFEST).splitlines():
        found = _LINE.fullmatch(line)
        if found is None or found[2] in listed:
            raise NotSound(f"{MANIFEST} has a line that does not belong there: {line[:100]!r}")
        listed[found[2]] = found[1]
    present = set(bundle.sizes) - {MANIFEST, SIGNATURE}
    wrong = [f"{name} is missing" for name in sorted(set(listed) - present)]
    wrong += [f"{name} does not belong to it" for name in sorted(present - set(listed))]
    for name in sorted(present & set(listed)):
        try:
            if bundle.sha256(name) != listed[name]:
                wrong.append(f"{name} has been changed")
        except NotSound as damaged:
            wrong.append(str(damaged))
    if wrong:
        raise NotSound(*wrong)
    return [f"all {len(listed)} files are as listed"]


def _manifest_signature(bundle: _Bundle, trusted: set[str]) -> str:
    document = bundle.json(SIGNATURE)
    signed = {"format": document["format"], "manifest": document["manifest"], "id": document["id"]}
    whole = {**signed, "key": document["key"], "signature": document["signature"]}
    if bundle.text(SIGNATURE) != f"{json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False)}\n":
        raise NotSound(f"{SIGNATURE} has been changed: it does not have the form that it has in a bundle")
    if hashlib.sha256(bundle.text(MANIFEST).encode()).hexdigest() != document["manifest"]:
        raise NotSound(f"{MANIFEST} has been changed: it is not the one that was signed")
    return _signed(signed, document, trusted)


def _index(bundle: _Bundle, files: list[dict[str, str]], releases: list[str]) -> str:
    outputs = {name for name in bundle.sizes if name.startswith("outputs/")}
    if outputs != {file["path"] for file in files}:
        raise NotSound(f"{INDEX} does not list exactly the files below outputs/")
    if {file["release"] for file in files} - set(releases):
        raise NotSound(f"{INDEX} names a release that is not in the bundle")
    return f"{len(files)} released files of {len(releases)} release{'' if len(releases) == 1 else 's'}"


def _record(
    bundle: _Bundle, release: str, files: list[dict[str, str]], removed: Mapping[str, str]
) -> list[str]:
    record = bundle.json(f"releases/{release}/release-record.json")
    entries = {entry["path"]: entry for entry in record["files"] if isinstance(entry, dict)}
    wrong = [] if record["request"] == release else ["it is the record of another release"]
    for file in files:
        entry = entries.pop(file["name"], None)
        if entry is None:
            wrong.append(f"{file['path']} is not in the record")
        elif not entry["sha256"] == bundle.sha256(file["path"]) == file["sha256"]:
            wrong.append(f"{file['path']} has been changed: it is not what was approved")
        elif bundle.json(f"checks/{file['path']}.json")["findings"] != entry["findings"]:
            wrong.append(f"checks/{file['path']}.json has been changed: the record has other findings")
    wrong += [f"{name} was released and is not in the bundle" for name in sorted(set(entries) - set(removed))]
    policy = record["policy"]
    if hashlib.sha256(policy["text"].encode()).hexdigest() != policy["sha256"]:
        wrong.append("the policy in the record is not the one that its hash names")
    if wrong:
        raise NotSound(*wrong)
    told = [
        f"{name} was removed by the site on {removed[name]}" for name in sorted(set(entries) & set(removed))
    ]
    return [f"{len(files)} files are exactly those that were approved", *told]


def _audit(bundle: _Bundle, release: str, trusted: set[str]) -> list[str]:
    record = bundle.json(f"releases/{release}/release-record.json")
    audit = bundle.json(f"releases/{release}/audit.json")
    link, head = START, audit["head"]
    for row in audit["rows"]:
        content = {name: row[name] for name in ("seq", "at", "type", "hash")}
        link = _sha256(f"{link}\n{_canonical(content)}")
        if link != row["link"]:
            raise NotSound(f"the chain is broken at row {row['seq']}")
    if link != head["link"]:
        raise NotSound("the chain does not end at the signed head")
    if head["request"] != release or head["record"] != _root(record):
        raise NotSound("the release record has been changed: it is not the one that was signed")
    if record["audit"] != {"head": head["log_head"], "seq": head["log_seq"]}:
        raise NotSound("record and audit rows do not name the same state of the event log")
    return [f"{len(audit['rows'])} rows in an unbroken chain", _signed(head, audit, trusted)]


def _crate(bundle: _Bundle, files: list[dict[str, str]]) -> str:
    entities = {entity["@id"]: entity for entity in bundle.json(CRATE)["@graph"]}
    for file in files:
        if entities.get(_address(file["path"]), {}).get("sha256") != file["sha256"]:
            raise NotSound(f"{CRATE} does not describe {file['path']} as it is")
    return f"{len(entities)} entities, with every released file"


def _address(path: str) -> str:
    """A path as a relative address: everything but plain characters in percent form (RFC 3986)."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in path.encode())


def _root(record: Mapping[str, Any]) -> str:
    """What is signed of a record: each file counts by the hash of its entry."""
    hashes = [one if isinstance(one, str) else _sha256(_canonical(one)) for one in record["files"]]
    return _sha256(_canonical({**record, "files": hashes}))


def _signed(document: Mapping[str, Any], signature: Mapping[str, str], trusted: set[str]) -> str:
    key = signature["key"]
    if not _HEX64.fullmatch(key) or not verify_ed25519(
        key, _canonical(document).encode(), signature["signature"]
    ):
        raise NotSound("the signature does not hold")
    if trusted and key not in trusted:
        raise NotSound(f"it is signed with another key: {fingerprint(key)}")
    return f"signed with {'the given key' if trusted else 'the key'} {fingerprint(key)}"


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _list(document: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, kind) for one in found):
        raise NotSound(f"{INDEX} has no list {name}")
    return found


def _plain(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    if not all(isinstance(row.get(name), str) for name in names):
        raise NotSound(f"{INDEX} has a row without {' and '.join(names)}")
    return {name: row[name] for name in names}


# Ed25519 (RFC 8032, 5.1): points are (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def verify_ed25519(key: str, message: bytes, signature: str) -> bool:
    """Whether this is the signature of the key's owner under the message; key and signature in hex."""
    try:
        public, given = bytes.fromhex(key), bytes.fromhex(signature)
        point, commitment = _point(public), _point(given[:32])
    except ValueError:
        return False
    scalar = int.from_bytes(given[32:], "little")
    if len(given) != 64 or scalar >= _ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(given[:32] + public + message).digest(), "little") % _ORDER
    left, right = _times(scalar, _BASE), _sum(commitment, _times(challenge, point))
    return (
        (left[0] * right[2] - right[0] * left[2]) % _P == (left[1] * right[2] - right[1] * left[2]) % _P == 0
    )


def _point(data: bytes) -> _Point:
    """The point that 32 bytes stand for. Raises ValueError for what stands for none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(data) != 32 or y >= _P:
        raise ValueError
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (not x and sign):
        raise ValueError
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _sum(one: _Point, other: _Point) -> _Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % _P, (one[1] + one[0]) * (other[1] + other[0]) % _P
    c, d = 2 * one[3] * other[3] * _D % _P, 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = _sum(result, point)
        point, number = _sum(point, point), number >> 1
    return result


_BASE = _point(bytes.fromhex("58" + "66" * 31))


def report(bundle: Path, keys: Iterable[str], say: Any = print) -> int:
    """Print a line for each test and the verdict; the exit status."""
    lines = []
    for line in verify(bundle, keys):
        say(f"{'ok  ' if line.holds else 'FAIL'}  {line.test}: {line.words}")
        lines.append(line)
    valid = all(line.holds for line in lines)
    say(f"{bundle.name} is valid." if valid else f"{bundle.name} is NOT valid.")
    return 0 if valid else 1


def main() -> int:
    """The file run by itself: BUNDLE, and a file with trusted keys if there is one."""
    if len(sys.argv) not in (2, 3):
        print("Usage: python3 verifying.py BUNDLE [FILE WITH PUBLIC KEYS]", file=sys.stderr)
        return 2
    try:
        keys = read_keys(Path(sys.argv[2]).read_text()) if len(sys.argv) == 3 else []
    except (OSError, ValueError) as error:
        print(f"{sys.argv[2]} cannot be used: {error}", file=sys.stderr)
        return 1
    return report(Path(sys.argv[1]), keys)


if __name__ == "__main__":
    sys.exit(main())
