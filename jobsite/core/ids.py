"""Public identifiers of requests, jobs, release requests and released files."""

import base64
import secrets
from datetime import datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1)


def short_id() -> str:
    """16 characters of `[a-z2-7]` from 10 random bytes: what other systems call a request by."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def ulid(moment: datetime) -> str:
    """26 characters that sort by time: milliseconds of `moment` (naive UTC) and 80 random bits (the ULID form)."""
    milliseconds = int((moment - _EPOCH).total_seconds() * 1000)
    number = (milliseconds << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
