"""The examples of `docs/running.md` are ones that systemd, nginx, Caddy and this program take."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from jobsite.settings import load

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
    public, secure = examples("systemd")
    assert "KillMode=process" in secure and "KillMode" not in public
    walls = ("RestrictNamespaces", "PrivateDevices", "ProtectControlGroups", "ProtectKernelTunables")
    assert all(f"{wall}=yes" in public and wall not in secure for wall in walls), "the sandbox makes its own"


@pytest.mark.skipif(
    not shutil.which("systemd-analyze") or not Path("/usr/bin/python3").exists(),
    reason="systemd-analyze, or the Python that the units name, is not installed",
)
@pytest.mark.parametrize("number", [0, 1], ids=["public", "secure"])
def test_systemd_takes_the_units(tmp_path: Path, number: int) -> None:
    unit = tmp_path / "jobsite.service"
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


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_takes_the_site(tmp_path: Path) -> None:
    (site,) = examples("nginx")
    site = re.sub(r"/etc/ssl/\S+\.(pem|key)", str(CERTIFICATE), site)
    site = site.replace("listen [::]:80;", "").replace("listen [::]:443 ssl http2;", "")
    site = site.replace("listen 80;", "listen 127.0.0.1:18080;").replace(
        "listen 443", "listen 127.0.0.1:18443"
    )
    kept = "".join(
        f"{name}_temp_path {tmp_path}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}{site}\n}}\n",
        "utf-8",
    )
    found = subprocess.run(
        ["nginx", "-t", "-p", tmp_path, "-c", whole], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed")
def test_caddy_takes_the_site(tmp_path: Path) -> None:
    (site,) = examples("caddy")
    (tmp_path / "Caddyfile").write_text(site, "utf-8")
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", tmp_path / "Caddyfile"]
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "warn" not in found.stderr
