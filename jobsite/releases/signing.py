"""The key with which an installation signs what it says of its releases: Ed25519, made once, never leaving the instance."""

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jobsite.settings import current

FILE = "signing.key"


def sign(message: bytes) -> str:
    """The signature of this installation under a message, 128 hexadecimal digits; the same each time."""
    return _key().sign(message).hex()


def public_key() -> str:
    """The public half of the key, 64 hexadecimal digits: what others check signatures with."""
    return _key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def fingerprint(key: str) -> str:
    """What people compare instead of a key: the first 32 hexadecimal digits of its SHA-256, in groups of four."""
    digest = hashlib.sha256(bytes.fromhex(key)).hexdigest()[:32]
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def _key() -> Ed25519PrivateKey:
    path = current().instance / FILE
    if not path.exists():
        _make(path)
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))


def _make(path: Path) -> None:
    """Write a new key, readable by its owner alone. It gets its name when it is whole; a quicker process wins."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{FILE}.") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)
