"""What all tests share: an instance of their own, the cast, a browserless client, and the rules of the house."""

import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from pytest_socket import socket_allow_hosts
from werkzeug.routing import Rule

from jobsite.accounts import signing_in
from jobsite.accounts.actions import add_user
from jobsite.accounts.backends import add_backend
from jobsite.accounts.models import Backend, User
from jobsite.accounts.queries import user_or_stop
from jobsite.application import Jobsite, create_app
from jobsite.core.db import database, writing
from jobsite.core.limits import Limits
from jobsite.core.sqlite import PRAGMAS
from jobsite.instance import close_instance, open_instance, secret_key
from jobsite.settings import Settings

from .cluster import Cluster
from .databases import IS_POSTGRESQL, SERVER, keep, pool, put, use_postgresql

PLACES = r"(?<=127\.0\.0\.1):\d+|database_url='[^']*'"

CLUSTER = pytest.StashKey[Cluster]()

CAST = {
    "ada": ("Ada Adewale", ()),
    "ben": ("Ben Brandt", ()),
    "cat": ("Cat Castell", ("OutputChecker",)),
    "cyd": ("Cyd Cleary", ("OutputChecker",)),
    "pat": ("Pat Persson", ("OutputPublisher",)),
    "sam": ("Sam Sato", ("StaffAreaAdministrator", "ServiceAdministrator", "TechSupport")),
    "dan": ("Dan Duarte", ()),
}


def pytest_configure(config: pytest.Config) -> None:
    """With `DATABASE=postgresql` the tests have a server of their own, for all processes of the session."""
    config.addinivalue_line("markers", "sqlite_only(reason): about SQLite's file; skipped with PostgreSQL")
    if not IS_POSTGRESQL:
        return
    if SERVER not in os.environ:
        config.stash[CLUSTER] = cluster = Cluster(room=3 * 2**30)
        os.environ[SERVER] = cluster.address
    use_postgresql()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The server goes with the session that started it."""
    if CLUSTER in config.stash:
        config.stash[CLUSTER].end()
        del os.environ[SERVER]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL beside the databases of the tests, up at the end of each test: for those about servers that share one."""
    made = Cluster()
    yield made
    made.end()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No test reaches another machine."""
    if IS_POSTGRESQL and (mark := item.get_closest_marker("sqlite_only")):
        pytest.skip(f"SQLite alone: {mark.args[0]}")
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to say (`record_property("said", …)`) is said at the end, also when it ran in another process."""
    for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")):
        for line in (value for name, value in report.user_properties if name == "said"):
            terminalreporter.write_line(str(line))


@pytest.fixture(scope="session", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Argon2id as in the program, but at a cost that lets hundreds of tests sign in."""
    dear, signing_in.hasher = signing_in.hasher, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield
    signing_in.hasher = dear


@pytest.fixture(scope="session", autouse=True)
def no_power_cuts() -> Iterator[None]:
    """The databases of this process do not wait for the disk: only a power cut could tell. Servers started do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(PRAGMAS, "synchronous", "off")
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every test has an application of its own; its templates are compiled once."""
    compiled = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))
    Jobsite.jinja_options = {"bytecode_cache": compiled}


@pytest.fixture(scope="session", autouse=True)
def compiled_addresses() -> Iterator[None]:
    """Every test has an application of its own; what builds its addresses, most of the time it takes, is compiled once."""
    compiled: dict[Any, Any] = {}
    anew = Rule._compile_builder

    def once(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:
            return anew(rule, append_unknown)
        parts = (tuple(rule._trace), append_unknown)  # all that the function is made of
        if parts not in compiled:
            compiled[parts] = anew(rule, append_unknown)
        return compiled[parts]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Rule, "_compile_builder", once)
        yield


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what every instance begins with, made once: `secret.key`, `empty.db` with every migration applied,
    and `cast.db` with the people as well."""
    folder = tmp_path_factory.mktemp("prepared")
    settings = Settings(instance=folder)
    open_instance(settings)
    keep(settings, folder / "empty.db")
    add_cast()
    keep(settings, folder / "cast.db")
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The settings of this test's own instance; a test module may override them."""
    return Settings(instance=tmp_path / "instance")


@pytest.fixture
def instance(settings: Settings, prepared: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """This test's own instance folder, opened, with an empty database, or with the cast for who asks for it."""
    settings.instance.mkdir(parents=True)
    shutil.copy(prepared / "secret.key", settings.instance)
    put(prepared / ("cast.db" if "cast" in request.fixturenames else "empty.db"), settings)
    open_instance(settings)
    yield settings.instance
    close_instance()


if IS_POSTGRESQL:

    @pytest.fixture(autouse=True)
    def databases_given_back(tmp_path: Path) -> Iterator[None]:
        """The databases of a test are those of later ones."""
        yield
        close_instance()
        pool.release(tmp_path)


@dataclass
class Applications:
    """The application of each kind of settings, made once: what belongs to one instance is handed to it anew."""

    made: dict[str, tuple[Flask, dict[str, Any], dict[str, Any]]] = field(default_factory=dict)

    def of(self, settings: Settings, place: Path) -> Flask:
        """The application for an instance that is open. `place` is where the test lies: neither it nor a port makes a
        difference."""
        kind = re.sub(PLACES, "", repr(settings).replace(str(place), ""))
        if kind not in self.made:
            app = create_app(settings)
            app._got_first_request = True  # whoever adds to an application makes one of their own
            self.made[kind] = (app, dict(app.config), dict(app.extensions))
        app, config, extensions = self.made[kind]
        app.config.clear()
        app.config.update(config, SECRET_KEY=secret_key(settings))
        app.extensions = {**extensions, "jobsite.limits": Limits(settings.rate_limits)}
        return app


@pytest.fixture(scope="session")
def applications() -> Applications:
    """The applications of this process."""
    return Applications()


@pytest.fixture
def app(instance: Path, settings: Settings, tmp_path: Path, applications: Applications) -> Flask:
    """The application of this test's instance. Its configuration and extensions may be changed, nothing else."""
    return applications.of(settings, tmp_path)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor who is not logged in. More of them: `app.test_client()`."""
    return app.test_client()


@pytest.fixture
def cast(instance: Path) -> SimpleNamespace:
    """The people of all tests, as users: `cast.ada` … `cast.dan`. Project roles come from the room projects."""
    if not User.select().exists():
        add_cast()
    found = {user.username: user for user in User.select().where(User.username.in_(list(CAST)))}
    return SimpleNamespace(**{name: found[name] for name in CAST})


def add_cast() -> None:
    """The people of all tests become users."""
    with writing():
        for name, (fullname, roles) in CAST.items():
            add_user(by="system", username=name, fullname=fullname, email=f"{name}@example.org", roles=roles)


@pytest.fixture
def local(instance: Path) -> Backend:
    """The backend `local`."""
    return add_backend(by="system", slug="local", name="Local")


@pytest.fixture
def sign_in() -> Callable[[FlaskClient, str], FlaskClient]:
    """`sign_in(client, "ada")`: a token by the real verb, used in the real form."""

    def through_the_form(client: FlaskClient, username: str) -> FlaskClient:
        token = signing_in.make_token(by="system", user=user_or_stop(username))
        page = client.get("/login/").text
        form = {"user": username, "token": token, "csrf_token": csrf_of(page)}
        response = client.post("/login-with-token/", data=form)
        assert response.status_code == 303, response.text
        return client

    return through_the_form


@pytest.fixture
def csrf() -> Callable[[FlaskClient, str], str]:
    """`csrf(client, "/settings/")`: the CSRF token of the forms on that page."""
    return lambda client, path: csrf_of(client.get(path).text)


def csrf_of(page: str) -> str:
    """The value of the first CSRF field of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no form with a CSRF field"
    return found[1]


@pytest.fixture
def queries() -> Callable[[], Any]:
    """`with queries() as seen:` collects the SQL statements of the block, without PRAGMAs."""

    @contextmanager
    def recorder() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(sql: str, *_: Any, **__: Any) -> None:
            if not str(sql).startswith(("PRAGMA", "BEGIN", "COMMIT")):
                seen.append(str(sql))

        database.obj.query_hooks.append(note)
        try:
            yield seen
        finally:
            database.obj.query_hooks.remove(note)

    return recorder


@pytest.fixture
def failing_disk() -> Callable[[], Any]:
    """`with failing_disk():` no file of this process can grow within the block, as on a full disk."""

    @contextmanager
    def block() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return block
