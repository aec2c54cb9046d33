"""The web server of an instance alone, without an engine: `--instance DIR`, as `jobsite serve` is told. Two may follow a log."""

import sys
from pathlib import Path

from jobsite.application import create_app
from jobsite.jobs import log_stream
from jobsite.settings import Settings, load
from jobsite.web_server import answer_until_stopped, stop_on_signals, web_server

SEATS = 2


def main() -> None:
    log_stream.HEARTBEAT = 0.2  # who has gone without a word is found out by the next beat
    instance = Path(sys.argv[sys.argv.index("--instance") + 1])
    settings = Settings(instance=instance, sse_viewers=SEATS, database_url=load(instance).database_url)
    app = create_app(settings)
    stop_on_signals()
    server = web_server(app, settings, host="127.0.0.1", port=0)
    print(f"ready on http://127.0.0.1:{server.effective_port}", flush=True)
    answer_until_stopped(server)
