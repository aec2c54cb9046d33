"""What is noted for Level 4: heads of its event log, and releases by another way (specification 8.7 and 9.3)."""

from flask import Response

from jobsite.sync.api.callers import BACKEND
from jobsite.sync.api.endpoints import Answer, Call, Endpoints, answer
from jobsite.sync.api.keeping import keep_checkpoint, note_release
from jobsite.sync.api.shapes import Many, Moment, Optional, OrNull, Shape, Text, Whole

api = Endpoints("api")

FILES = Optional(OrNull(Many(Text(1000), most=10_000), ()), ())
"""Release command lines before they named files sent none."""
CHECKPOINT = Shape(
    {"seq": Whole(1), "head": Text(128), "at": Moment(), "key": Text(128), "signature": Text(500)}
)
RELEASED = Shape({"created_by": Text(100), "path": Text(1000), "files": FILES})


@api("POST", "level4/checkpoints/", caller=BACKEND, body=CHECKPOINT, answers={201: Answer("it is kept")})
def checkpoint(call: Call) -> Response:
    """A signed head of the event log at Level 4; who rewrites that log later shows."""
    keep_checkpoint(by=call.backend, **call.body)
    return answer(status=201)


@api("POST", "release-notifications/", caller=BACKEND, body=RELEASED, answers={201: Answer("it is noted")})
def released_elsewhere(call: Call) -> Response:
    """That files were released by another way: who did it, from where, and which; only how many is kept."""
    note_release(by=call.backend, **call.body)
    return answer(status=201)
