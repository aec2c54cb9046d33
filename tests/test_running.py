"""The examples of `docs/running.md` are ones that systemd, nginx, Caddy and this program take."""

import http.cookiejar
import os
import re
import shutil
import socket
import ssl
import subprocess
import tomllib
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobsite.settings import load

from .crash.conftest import made  # noqa: F401
from .databases import copied_instance
from .end_to_end.browsing import Browser
from .servers import Server, jobs_in, jobsite, jobsite_json, until

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "running.md").read_text("utf-8")
CERTIFICATE = Path(__file__).parent / "projects" / "loopback.pem"


def examples(kind: str) -> list[str]:
    """The examples of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_settings_are_ones_there_are(tmp_path: Path) -> None:
    public, secure = examples("toml")
    for side, text in (("public", public), ("secure", secure)):
        (tmp_path / "jobsite.toml").write_text(text, "utf-8")
        found = load(tmp_path, {})
        assert (found.side, found.is_apart) == (side, side == "secure")
        assert tomllib.loads(text)["trusted_proxies"] == found.trusted_proxies == 1


def test_only_the_server_is_stopped_where_jobs_run() -> None:
    public, secure, several = examples("systemd")
    assert "KillMode=process" in secure and "KillMode=process" in several and "KillMode" not in public
    walls = ("RestrictNamespaces", "PrivateDevices", "ProtectControlGroups", "ProtectKernelTunables")
    assert all(f"{wall}=yes" in public and wall not in secure for wall in walls), "the sandbox makes its own"


@pytest.mark.skipif(
    not shutil.which("systemd-analyze") or not Path("/usr/bin/python3").exists(),
    reason="systemd-analyze, or the Python that the units name, is not installed",
)
@pytest.mark.parametrize(
    ("number", "name"), [(0, "jobsite"), (1, "jobsite"), (2, "jobsite@")], ids=["public", "secure", "several"]
)
def test_systemd_takes_the_units(tmp_path: Path, number: int, name: str) -> None:
    unit = tmp_path / f"{name}.service"
    text = (
        examples("systemd")[number]
        .replace("User=jobsite", "User=root")
        .replace("Group=jobsite", "Group=root")
    )
    unit.write_text(text, "utf-8")
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    said = [line for line in found.stderr.splitlines() if "jobsite" in line]
    assert (found.returncode, said) == (0, [])


class OverTls(Browser):
    """A browser that trusts the certificate of the tests, and says which page it comes from."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        trusting, self.cookies = (
            ssl.create_default_context(cafile=str(CERTIFICATE)),
            http.cookiejar.CookieJar(),
        )
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trusting), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self._opener.addheaders = [("Referer", f"{address}/")]

    def open(self, path: str) -> Any:
        """An answer that is read while it comes."""
        return self._opener.open(self.address + path, timeout=60)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    with ExitStack() as held:
        return [
            held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)
        ]


def nginx_of(folder: Path, plain: int, https: int, *programs: str) -> list[str | Path]:
    """The words that start nginx with the site of the example, at these ports of this machine, in front of one server or as
    many as the example for several has."""
    site, upstream = examples("nginx")
    for number, program in enumerate(programs, 1):
        upstream = upstream.replace(f"127.0.0.1:800{number}", program.removeprefix("http://"))
    upstream, program = (upstream, "http://jobsite") if programs[1:] else ("", programs[0])
    site = re.sub(r"/etc/ssl/\S+\.(pem|key)", str(CERTIFICATE), site)
    site = site.replace("listen [::]:80;", "").replace("listen [::]:443 ssl http2;", "")
    site = site.replace("listen 80;", f"listen 127.0.0.1:{plain};")
    site = site.replace("listen 443", f"listen 127.0.0.1:{https}").replace("$host;", f"$host:{https};")
    site = site.replace("http://127.0.0.1:8000", program)
    kept = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"pid {folder}/pid;\nerror_log stderr;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}{upstream}{site}\n}}\n",
        "utf-8",
    )
    return ["nginx", "-p", folder, "-c", whole]


needs_nginx = pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")


@needs_nginx
@pytest.mark.parametrize("servers", [1, 2])
def test_nginx_takes_the_site(tmp_path: Path, servers: int) -> None:
    command = [*nginx_of(tmp_path, 18080, 18443, *["http://127.0.0.1:8000"] * servers), "-t"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@needs_nginx
@pytest.mark.xdist_group("server")
def test_behind_nginx_people_log_in_and_follow_a_log_while_its_job_runs(
    made: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    instance = copied_instance(made, tmp_path / "instance")
    plain, https = free_ports(2)
    address = f"https://127.0.0.1:{https}"
    environ = {"JOBSITE_BASE_URL": address, "JOBSITE_TRUSTED_PROXIES": "1"}
    token = jobsite(instance, "user", "token", "ada").stdout.strip()
    with Server(instance, **environ) as server:
        command = nginx_of(tmp_path, plain, https, server.address)
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as nginx:
            try:
                until(lambda: answers(https))
                browser = OverTls(address)
                assert browser.signs_in("ada", token)
                assert all(cookie.secure for cookie in browser.cookies)
                job = jobsite_json(instance, "request", "asthma", "slow", "--by", "ada")["jobs"][0][
                    "identifier"
                ]
                log = f"/asthma/1/{job}/log/stream"
                until(lambda: jobs_in(instance)[0]["status_code"] == "executing")
                with browser.open(log) as stream:
                    assert next(line for line in stream if b"line 0005" in line)
                    assert jobs_in(instance)[0]["status_code"] == "executing"
            finally:
                nginx.terminate()


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
@pytest.mark.parametrize("number", [0, 1], ids=["one", "several"])
def test_caddy_takes_the_site(tmp_path: Path, number: int) -> None:
    site = examples("caddy")[number]
    (tmp_path / "Caddyfile").write_text(site, "utf-8")
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", tmp_path / "Caddyfile"]
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "warn" not in found.stderr
