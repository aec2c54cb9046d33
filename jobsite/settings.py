"""Every setting of jobsite, in one list: its name, default, help and what it accepts.

A value comes from the environment (`JOBSITE_NAME`), else from `jobsite.toml` in the instance folder, else
from the default. A name nobody knows, or a value that cannot be used, stops the start with a sentence.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobsite import setting_kinds as kinds
from jobsite.setting_kinds import NEWS, WEBHOOK_NEWS, setting

PREFIX = "JOBSITE_"
FILE = "jobsite.toml"


class SettingsError(Exception):
    """A setting that cannot be used; the text is one sentence for the person who starts jobsite."""


NO_EFFECT = "No effect yet:"
LISTED = "Not empty: people are made members of backends and organisations one by one"


@dataclass(frozen=True)
class Settings:
    """The settings of one instance, checked. Sizes are bytes, times are timedelta, addresses have no final slash."""

    instance: Path = setting(Path("instance"), "The instance folder: database, files, keys", Path)
    side: str = setting(
        "both", "Which side runs here: both, public or secure", kinds.choice("both", "public", "secure")
    )
    base_url: str = setting("", "The address people use; https makes cookies secure", kinds.url)
    database_url: str = setting(
        "",
        "Database address, also postgresql://user:password@host/name; empty is jobsite.db in INSTANCE",
        kinds.database,
        secret=True,
    )
    huey_url: str = setting(
        "", "Queue address, also redis: or rediss:; empty is huey.db in INSTANCE", kinds.queue, secret=True
    )
    secret_key: str = setting(
        "", "Signs cookies; empty uses secret.key in the instance folder", kinds.text, secret=True
    )
    executor: str = setting(
        "sandbox", "What runs jobs: sandbox, container, slurm", kinds.choice("sandbox", "container", "slurm")
    )
    executor_unsafe: bool = setting(False, "1 runs jobs without a sandbox where none is possible", kinds.flag)
    max_workers: int = setting(2, "How many ordinary jobs run at once", kinds.number(1, 10_000))
    max_db_workers: int = setting(2, "How many database jobs run at once", kinds.number(1, 10_000))
    job_cpus: float = setting(2.0, "Processors a job may use", kinds.number(0.1, 4096, float))
    job_memory: int = setting(4 * 2**30, "Memory a job may use", kinds.size)
    job_disk: int = setting(20 * 2**30, "Disk space a job may use", kinds.size)
    job_time_limit: timedelta = setting(timedelta(days=7), "How long a job may run", kinds.duration)
    job_user: int = setting(
        10_000, "User and group number of jobs when the server is root", kinds.number(1, 2**31 - 2)
    )
    runtimes: Mapping[str, tuple[str, ...]] = setting(
        {}, "Image name to the local program for it", kinds.runtimes
    )
    container_program: str = setting(
        "podman", "Executor container: podman or docker", kinds.choice("podman", "docker")
    )
    container_images: str = setting(
        "",
        "Executor container: what stands before the names of images, such as registry.example/images",
        kinds.images,
    )
    container_pull: bool = setting(
        False, "Executor container: 1 fetches an image that is missing here when a job needs it", kinds.flag
    )
    container_database_network: str = setting(
        "",
        "Executor container: the engine's network for database actions alone, which must lead to the database only; empty: none",
        kinds.closed_network,
    )
    slurm_partition: str = setting("", "Executor slurm: the partition, if not the usual", kinds.slurm_name)
    slurm_account: str = setting("", "Executor slurm: the account, if not the usual", kinds.slurm_name)
    slurm_options: tuple[str, ...] = setting((), "Executor slurm: options of sbatch", kinds.slurm_options)
    agent_images: str = setting(
        "",
        "Backends with an agent: what stands before the names of images, such as registry.example/images; the registry is asked for their digests",
        kinds.images,
    )
    agent_database_image: str = setting(
        "",
        "Backends with an agent: the image, as name:tag, that asks the database whether it is in maintenance; empty asks nobody",
        kinds.text,
    )
    agent_data_months: int = setting(
        0,
        "Backends with an agent: once a day the same image checks that the database holds the month that lies so many months back; 0 checks nothing",
        kinds.number(0, 24),
    )
    allowed_repos: tuple[str, ...] = setting(
        ("https://github.com/",),
        "Beginnings of repository addresses that may be used; local paths only if listed",
        kinds.words,
    )
    actions_org: str = setting(
        "",
        "Where reusable actions are: an image that is no runtime is the repository ACTIONS_ORG/name, which ALLOWED_REPOS must allow; empty: none",
        kinds.folder_of_repositories,
    )
    database_env: Mapping[str, str] = setting(
        {}, "Variables given to database actions only", kinds.variables, secret=True
    )
    database_hosts: tuple[str, ...] = setting(
        (),
        "Executor sandbox: the databases that database actions alone reach, ADDRESS:PORT or 127.0.0.1:PORT=ADDRESS:PORT each; inside, they are at 127.0.0.1; empty: none",
        kinds.database_hosts,
    )
    database_status_command: tuple[str, ...] = setting(
        (),
        "Program that says every 5 minutes whether the database is in maintenance, run with DATABASE_ENV; empty asks nobody",
        kinds.command,
    )
    metrics_networks: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1/128"), "Networks that may read /metrics", kinds.networks
    )
    github_client_id: str = setting("", f"Client id for login with GitHub. {LISTED}", kinds.text)
    github_client_secret: str = setting("", "Client secret for login with GitHub", kinds.text, secret=True)
    github_url: str = setting(
        "https://github.com",
        "Address of GitHub, or of a GitHub Enterprise server: there addresses with and without .git are one",
        kinds.url,
    )
    github_token: str = setting(
        "",
        "Token with which GITHUB_URL is asked, and gets issues; empty asks nobody",
        kinds.text,
        secret=True,
    )
    oidc_issuer: str = setting(
        "", f"Address of the OpenID Connect provider people log in with. {LISTED}", kinds.url
    )
    oidc_client_id: str = setting("", "Client id for OpenID Connect", kinds.text)
    oidc_client_secret: str = setting(
        "", "Client secret for OpenID Connect; empty for a public client", kinds.text, secret=True
    )
    oidc_name: str = setting(
        "", "How people call the OpenID Connect provider; empty is the name of its host", kinds.text
    )
    login_timeout: timedelta = setting(
        timedelta(seconds=10),
        "How long to wait for each answer of GitHub or the OpenID Connect provider at a login",
        kinds.duration,
    )
    smtp_url: str = setting(
        "",
        "Mail server, such as smtp://user:password@host:587 or smtps://host; empty sends no mail",
        kinds.scheme("smtp", "smtps"),
        secret=True,
    )
    mail_from: str = setting("", "Sender of mails; empty is jobsite at the host of BASE_URL", kinds.sender)
    publications_email: str = setting(
        "", "Address that is told when a repository with outputs is signed off", kinds.sender
    )
    platform_name: str = setting("OpenSAFELY", "How mails name the platform", kinds.line)
    webhook_url: str = setting(
        "",
        "Address that gets a POST of JSON for news of the site; empty sends none",
        kinds.webhook,
        secret=True,
    )
    webhook_secret: str = setting("", "Signs what is sent to WEBHOOK_URL", kinds.text, secret=True)
    webhook_kinds: tuple[str, ...] = setting(
        WEBHOOK_NEWS,
        "Kinds of news that are sent to WEBHOOK_URL (docs/notifications.md)",
        kinds.some_of(*NEWS),
    )
    sign_off_repo: str = setting(
        "", "Repository at GITHUB_URL, as owner/name, that gets an issue for each sign-off", kinds.repo_name
    )
    review_repo: str = setting(
        "", "Repository at GITHUB_URL that gets an issue for each release request told of", kinds.repo_name
    )
    review_repos: Mapping[str, str] = setting(
        {}, "Other repositories for that, by the slug of the project's organisation", kinds.repo_names
    )
    delivery_timeout: timedelta = setting(
        timedelta(seconds=30), "How long the delivery of one mail, webhook or issue may take", kinds.wait
    )
    project_page_url: str = setting(
        "",
        "Address of the page that tells the public what an approved project is for, with {number} for its number",
        kinds.project_page,
    )
    apply_url: str = setting("", "Where /apply/ leads: the form of those who want a project", kinds.url)
    support: str = setting(
        "", "Whom to write to for help: an e-mail address shown on error pages", kinds.text
    )
    token_lifetime: timedelta = setting(
        timedelta(hours=1), "How long a single-use token can be used", kinds.duration
    )
    token_login_networks: tuple[str, ...] = setting(
        (), "Networks that may sign in with a token; empty is any", kinds.networks
    )
    session_idle: timedelta = setting(
        timedelta(days=14), "A login ends after so long without use", kinds.duration
    )
    session_max: timedelta = setting(
        timedelta(days=365), "A login ends after so long in any case", kinds.duration
    )
    rate_limits: Mapping[str, str] = setting(
        {},
        'Limits other than the usual, by name: {"sign-in per address": "100 per 15 minutes"}',
        kinds.rate_limits,
    )
    trusted_proxies: int = setting(
        0, "How many proxies in front set X-Forwarded headers", kinds.number(0, 10)
    )
    level4_max_filesize: int = setting(16 * 2**20, "Largest file copied to Level 4", kinds.size)
    level4_max_csv_rows: int = setting(
        5000, "Most data rows of a CSV file copied to Level 4", kinds.number(1, 10**9)
    )
    level4_file_types: tuple[str, ...] = setting(
        (".csv", ".jpg", ".jpeg", ".png", ".svg", ".svgz", ".html", ".txt", ".log", ".json", ".md"),
        "File types copied to Level 4",
        kinds.words,
    )
    disclosure_threshold: int = setting(
        7, "Counts from 1 to this are small, for the disclosure checks", kinds.number(1, 1000)
    )
    rounding_base: int = setting(
        5, "Counts are rounded to multiples of this, for the disclosure checks", kinds.number(1, 1000)
    )
    reviews_needed: int = setting(2, "Reviews a release request needs", kinds.number(2, 3))
    undo_seconds: int = setting(
        60, "So many seconds an approved release waits and can be stopped", kinds.number(0, 86_400)
    )
    release_login: timedelta = setting(
        timedelta(0),
        "A release is approved by a login of at most this age, such as 15 min; 0: of any age",
        kinds.age,
    )
    copies_kept: timedelta = setting(
        timedelta(days=730), "So long the copies of a request's files stay once it has ended", kinds.duration
    )
    public_url: str = setting("", "Side secure: address of the public side; empty: there is none", kinds.url)
    backend_token: str = setting(
        "", "Side secure: the token of this backend at the public side", kinds.text, secret=True
    )
    backend: str = setting(
        "", "Side secure: slug of this backend at the public side; empty asks it", kinds.slug
    )
    poll_every: timedelta = setting(
        timedelta(seconds=10), "Side secure: how often PUBLIC_URL is asked for job requests", kinds.wait
    )
    controller_url: str = setting(
        "",
        "Side public: address of the controller that job requests of backends with dispatch push are sent to, such as https://host/controller/v1; empty: there is none",
        kinds.url,
    )
    controller_token: str = setting(
        "", "Side public: the token of this site at the controller", kinds.text, secret=True
    )
    controller_every: timedelta = setting(
        timedelta(seconds=60),
        "Side public: how often the controller is asked how jobs and backends stand",
        kinds.wait,
    )
    codelists_url: str = setting(
        "",
        "Address of a codelist service with the interface of OpenCodelists; empty checks codelists without asking",
        kinds.url,
    )
    codelists_timeout: timedelta = setting(
        timedelta(seconds=10), "How long to wait for the codelist service", kinds.duration
    )
    sse_viewers: int = setting(
        200,
        "How many people may follow logs by server-sent events; more are served by polling",
        kinds.number(0, 1000),
    )
    job_creation: bool = setting(True, "0 stops new job requests on the whole site", kinds.flag)
    fail_at: str = setting("", "For crash tests only: the named point at which to stop dead", kinds.text)

    @property
    def public(self) -> bool:
        """Whether pages of the public side are served here."""
        return self.side in ("both", "public")

    @property
    def secure(self) -> bool:
        """Whether pages of the secure side (Level 4) are served here, and jobs run here."""
        return self.side in ("both", "secure")

    @property
    def is_apart(self) -> bool:
        """Whether this is a secure side with a public side elsewhere, which it asks and tells."""
        return self.side == "secure" and bool(self.public_url)

    @property
    def drives(self) -> bool:
        """Whether job requests may be sent from here to a controller."""
        return self.public and bool(self.controller_url)

    @property
    def is_on_postgresql(self) -> bool:
        """Whether the tables are in a PostgreSQL database."""
        return self.database_url.startswith("postgresql:")

    @property
    def database(self) -> Path | str:
        """The database: a SQLite file, or the address of a PostgreSQL database."""
        return self.database_url if self.is_on_postgresql else self.database_path

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return kinds.path_of(self.database_url) or self.instance / "jobsite.db"

    @property
    def queue_path(self) -> Path:
        """The queue's own SQLite file."""
        return kinds.path_of(self.huey_url) or self.instance / "huey.db"


_current: Settings | None = None


def use(settings: Settings) -> None:
    """Make these the settings of the process; done once, when its instance is opened."""
    global _current
    _current = settings


def current() -> Settings:
    """The settings of the opened instance. Raises RuntimeError when none is open."""
    if _current is None:
        raise RuntimeError("no instance is open")
    return _current


SETTINGS: tuple[Field[Any], ...] = fields(Settings)
_NAMES = tuple(entry.name for entry in SETTINGS)


def load(instance: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `instance` (else `JOBSITE_INSTANCE`, else `./instance`). Raises `SettingsError`."""
    given, _ = given_values(instance, environ)
    return Settings(**given)


def given_values(
    instance: Path | str | None, environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings that are given, by name, and where each comes from. Raises `SettingsError`."""
    folder = Path(instance or environ.get(PREFIX + "INSTANCE") or "instance").resolve()
    raw = [(name, value, f"{FILE}") for name, value in _file(folder / FILE).items()]
    raw += [
        (name.removeprefix(PREFIX).lower(), value, f"environment ({name})")
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}REMOTE_")  # of `jobsite remote`
    ]
    given: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, value, source in raw:
        if name == "instance" and source == FILE:
            raise SettingsError(
                f"{FILE}: instance cannot be set in the file that lies in the instance folder."
            )
        given[name], sources[name] = _parsed(name, value, source), source
    given["instance"] = folder
    return given, sources


def _file(path: Path) -> dict[str, Any]:
    try:
        return {name.lower(): value for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def _parsed(name: str, value: Any, source: str) -> Any:
    if name not in _NAMES:
        near = difflib.get_close_matches(name, _NAMES, 1)
        hint = f" Did you mean {near[0].upper()}?" if near else " `jobsite settings` lists them all."
        raise SettingsError(f"{source}: there is no setting {name.upper()}.{hint}")
    entry = SETTINGS[_NAMES.index(name)]
    try:
        return entry.metadata["parse"](value)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{source}: {name.upper()} {error}.") from None
