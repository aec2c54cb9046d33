"""Public identifiers: short ones for requests and jobs, sortable ones for things with files."""

import base64
import secrets
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def short_id() -> str:
    """16 characters of `[a-z2-7]` from 10 random bytes: what other systems call a request by."""
    return encode(secrets.token_bytes(10))


def encode(ten_bytes: bytes) -> str:
    """The lower-case base32 text of exactly ten bytes: 16 characters without padding."""
    return base64.b32encode(ten_bytes).decode().lower()


def ulid() -> str:
    """A 26-character ULID: 48 bits of milliseconds, then 80 random bits; sorts by time of making."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
