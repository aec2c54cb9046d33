"""The webhook: one POST of JSON per piece of news, signed in the way of Standard Webhooks (standardwebhooks.com).

Headers: `webhook-id`, the same in every try; `webhook-timestamp`, seconds since 1970 of this try; and with a secret
`webhook-signature`, `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`.
"""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC
from typing import Any

from jobsite.core.clock import now, wire
from jobsite.core.outgoing import NoAnswer, exchange
from jobsite.notifications.deadlines import Undelivered
from jobsite.notifications.models import Delivery
from jobsite.notifications.rules import LOGGED, SENT
from jobsite.notifications.sites import link_to, place
from jobsite.notifications.wording import worded
from jobsite.settings import current

GONE = 410
_ENCODED = "whsec_"


def send_webhook(delivery: Delivery) -> str:
    """Hand a delivery to the webhook; gives what became of it. Raises `Undelivered`."""
    settings = current()
    if not settings.webhook_url:
        return LOGGED
    body = json.dumps(document(delivery), ensure_ascii=False, sort_keys=True).encode()
    headers = {"Content-Type": "application/json"}
    headers |= signed(delivery.identifier, body, settings.webhook_secret)
    seconds = settings.delivery_timeout.total_seconds()
    try:
        status = exchange(
            settings.webhook_url, seconds=seconds, method="POST", headers=headers, body=body
        ).status
    except NoAnswer as cause:
        raise Undelivered(f"The webhook {cause}.", unreachable=True) from None
    if not 200 <= status < 300:
        raise Undelivered(f"The webhook answered with status {status}.", final=status == GONE)
    return SENT


def document(delivery: Delivery) -> dict[str, Any]:
    """What is sent: kind, time, and the same words and facts that people read."""
    words = worded(delivery.kind, delivery.facts, place())
    data = {"id": delivery.identifier, "subject": words.subject, "text": "\n".join(words.lines)}
    data |= {"link": link_to(words.path), "facts": delivery.facts}
    return {"type": delivery.kind, "timestamp": wire(delivery.created_at), "data": data}


def signed(identifier: str, body: bytes, secret: str) -> dict[str, str]:
    """The headers that name and sign a body at this moment; without a secret it is not signed."""
    moment = str(int(now().replace(tzinfo=UTC).timestamp()))
    headers = {"webhook-id": identifier, "webhook-timestamp": moment}
    if secret:
        content = f"{identifier}.{moment}.".encode() + body
        digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(secret: str) -> bytes:
    """The bytes of a secret: after `whsec_` they are base64, any other text stands for itself."""
    if secret.startswith(_ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(_ENCODED), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
