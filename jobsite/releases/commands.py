"""Commands about releases: check a bundle anywhere, name this installation's key, look at uploads and start them again."""

import sys
from pathlib import Path
from typing import Any

import click

from jobsite.accounts.queries import user_or_stop
from jobsite.core.clock import wire
from jobsite.core.commands import as_json, instance_command, print_json
from jobsite.releases.bundles import verifying
from jobsite.releases.requests.models import ReleaseRequest
from jobsite.releases.requests.upload_progress import UploadProgress, progress
from jobsite.releases.requests.uploading import try_again
from jobsite.releases.signing import fingerprint, public_key
from jobsite.settings import Settings


@click.command("verify")
@click.argument("bundle", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the public keys that are trusted, one a line.",
)
@as_json
def verify(bundle: Path, key_file: Path | None, json_wanted: bool) -> None:
    """Check a bundle of released files offline; no instance is needed."""
    try:
        keys = verifying.read_keys(key_file.read_text()) if key_file else []
    except (OSError, ValueError) as error:
        click.echo(f"{key_file} cannot be used: {error}.", err=True)
        sys.exit(1)
    if not json_wanted:
        sys.exit(verifying.report(bundle, keys, click.echo))
    lines = list(verifying.verify(bundle, keys))
    print_json({"valid": all(line.holds for line in lines), "tests": [line._asdict() for line in lines]})
    sys.exit(0 if all(line.holds for line in lines) else 1)


@instance_command(as_json, name="signing-key")
def signing_key(settings: Settings, json_wanted: bool) -> None:
    """Print the public key with which this installation signs releases, and its fingerprint."""
    key = public_key()
    if json_wanted:
        return print_json({"key": key, "fingerprint": fingerprint(key)})
    click.echo(f"{key}\nfingerprint {fingerprint(key)}")


@instance_command(as_json, name="uploads", side="secure")
def uploads(settings: Settings, json_wanted: bool) -> None:
    """List the release requests whose files are on their way out of Level 4."""
    under_way = ReleaseRequest.upload_state.in_(("held", "running", "waiting", "stuck"))
    rows = ReleaseRequest.select().where(under_way).order_by(ReleaseRequest.id)
    found = [_row(request, progress(request)) for request in rows]
    if json_wanted:
        return print_json(found)
    for row in found:
        error = f": {row['last_error']}" if row["last_error"] else ""
        click.echo(f"{row['request']}  {row['state']}  {row['done']} of {row['total']}{error}")


@instance_command(
    click.argument("request"),
    click.option(
        "--by", required=True, metavar="USERNAME", help="The checker in whose name it is asked for."
    ),
    name="retry-upload",
    side="secure",
)
def retry_upload(settings: Settings, request: str, by: str) -> None:
    """Start a stuck or waiting upload at once."""
    try_again(by=user_or_stop(by), request_id=request)
    click.echo(f"The upload of {request} goes on.")


def _row(request: ReleaseRequest, told: UploadProgress) -> dict[str, Any]:
    facts = {"request": request.id, "state": told.state, "done": told.done, "total": told.total}
    return {**facts, "last_error": told.last_error, "next_at": wire(told.next_at), "sender": told.sender}


COMMANDS = (verify, signing_key, uploads, retry_upload)
