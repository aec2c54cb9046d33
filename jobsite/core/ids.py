"""Public identifiers of requests and jobs."""

import base64
import secrets


def short_id() -> str:
    """16 characters of `[a-z2-7]` from 10 random bytes: what other systems call a request by."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()
