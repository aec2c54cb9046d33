import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest

from jobsite.projects import repositories
from jobsite.projects.repositories import (
    BranchMissing,
    FileMissing,
    FileTooLarge,
    RepositoryUnreachable,
)

pytestmark = pytest.mark.usefixtures("instance")
HOSTILE = (
    "--upload-pack=touch /tmp/x",
    "-x",
    "--all",
    "",
    "main~1",
    "main^{/First}",
    "@{-1}",
    "../main",
    "a b",
    "a\nb",
    "\x00",
    "é" * 300,
)


def test_branches_come_with_main_first_and_every_name_git_allows(study) -> None:
    for name in ("zeta", "Alpha", "feature/x", "master", "weird-é\u4e2d"):
        study.git("branch", name)
    assert repositories.branches(study.url) == [
        "main",
        "master",
        "Alpha",
        "feature/x",
        "weird-é\u4e2d",
        "zeta",
    ]
    assert repositories.remote_branches(study.url) == repositories.branches(study.url)


def test_a_ref_is_a_branch_else_a_tag_else_a_commit(study) -> None:
    first = study.commit("One")
    study.git("tag", "-a", "v1", "-m", "tag")
    second = study.commit("Two")
    assert repositories.resolve(study.url, "main") == second
    assert repositories.resolve(study.url, "v1") == first
    assert repositories.resolve(study.url, first[:9]) == first
    study.git("tag", "main", first)
    assert repositories.resolve(study.url, "main") == second


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_branch_name_is_a_missing_branch_and_no_option(study, name: str) -> None:
    with pytest.raises(BranchMissing, match="Missing branch: "):
        repositories.resolve(study.url, name)


def test_a_missing_branch_is_named(study) -> None:
    with pytest.raises(BranchMissing) as caught:
        repositories.resolve(study.url, "B")
    assert str(caught.value) == "Missing branch: 'B'"


def test_a_commit_counts_only_on_the_branch_that_reaches_it(study) -> None:
    main = study.commit("On main")
    study.git("checkout", "--quiet", "-b", "side")
    side = study.commit("On side")
    assert repositories.commit_on_branch(study.url, main, "main")
    assert repositories.commit_on_branch(study.url, main, "side")
    assert not repositories.commit_on_branch(study.url, side, "main")
    assert not repositories.commit_on_branch(study.url, "0" * 40, "main")
    assert not repositories.commit_on_branch(study.url, "--all", "main")


def test_a_file_is_read_at_the_very_commit(study) -> None:
    old = study.commit("Old", {"project.yaml": "old", "a/b c/é.txt": "deep"})
    study.commit("New", {"project.yaml": "new"})
    assert repositories.read_file(study.url, old, "project.yaml", 10) == b"old"
    assert repositories.read_file(study.url, old, "a/b c/é.txt", 10) == b"deep"


def test_links_folders_and_paths_that_leave_the_repository_are_missing_files(study, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (study.path / "link").symlink_to(tmp_path / "secret")
    commit = study.commit("Link", {"folder/file": "x"})
    for path in ("link", "folder", "nothing", "../secret", "/etc/passwd", "", ":(glob)*", "*", "-z", "a\nb"):
        with pytest.raises(FileMissing):
            repositories.read_file(study.url, commit, path, 1000)


def test_a_file_that_is_too_large_is_refused_unread(study) -> None:
    commit = study.commit("Large", {"project.yaml": "x" * 1001})
    with pytest.raises(FileTooLarge, match="1001 bytes, at most 1000"):
        repositories.read_file(study.url, commit, "project.yaml", 1000)


def test_commits_are_told_with_subject_author_and_time(study) -> None:
    commit = study.commit("Round table 1 – to 5\n\nMore below")
    facts = repositories.commit_facts(study.url, commit)
    assert (facts.commit, facts.subject, facts.author) == (commit, "Round table 1 – to 5", "Ada Adewale")
    assert abs((datetime.now() - datetime.fromtimestamp(facts.at.timestamp())).days) <= 1
    assert [one.subject for one in repositories.recent_commits(study.url, "main")] == [
        "Round table 1 – to 5",
        "First",
    ]
    assert len(repositories.recent_commits(study.url, "main", limit=1)) == 1


def test_a_commit_that_is_not_there_is_missing(study) -> None:
    for commit in ("0" * 40, "HEAD", "--all", "main"):
        with pytest.raises(BranchMissing, match="Missing commit"):
            repositories.commit_facts(study.url, commit)


def test_an_absurd_time_of_a_commit_breaks_nothing(study) -> None:
    tree = study.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor A <a@b> 99999999999999999 +0000\ncommitter A <a@b> 99999999999999999 +0000\n\nFar\n"
    commit = study.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", stdin=raw)
    assert repositories.commit_facts(study.url, commit).subject == "Far"


def test_settings_of_a_repository_start_no_program(study, tmp_path: Path) -> None:
    program, ran = tmp_path / "program", tmp_path / "ran"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    tree = study.git("rev-parse", "HEAD^{tree}")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n"
    raw = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n{signature}\nSigned\n"
    commit = study.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    study.git("config", "log.showSignature", "true")
    study.git("config", "gpg.program", str(program))
    assert repositories.commit_facts(study.url, commit).subject == "Signed"
    assert not ran.exists()


def test_objects_are_not_replaced_by_others_on_reading(study) -> None:
    old = study.commit("Old", {"project.yaml": "old"})
    new = study.commit("New", {"project.yaml": "new"})
    study.git("replace", old, new)
    assert repositories.read_file(study.url, old, "project.yaml", 10) == b"old"


def test_a_folder_that_is_no_repository_is_said_to_be_none(study) -> None:
    (study.path.parent / "plain").mkdir()
    for path in ("plain", "nothing"):
        with pytest.raises(RepositoryUnreachable, match="There is no git repository at"):
            repositories.branches(str(study.path.parent / path))


def test_a_folder_outside_the_allowed_ones_is_not_read_not_even_through_a_link(study, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "elsewhere")], check=True)
    (study.path.parent / "link").symlink_to(tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere", study.path.parent / "link"):
        with pytest.raises(RepositoryUnreachable, match="may not be used here"):
            repositories.branches(str(path))


def test_a_repository_of_another_owner_is_read(study) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    subprocess.run(["chown", "-R", "12345", str(study.path)], check=True)
    assert repositories.branches(study.url) == ["main"]


def test_a_mirror_has_all_branches_and_tags_and_forgets_deleted_branches_but_no_commit(
    study, host, allow: Callable[[str], None]
) -> None:
    allow(host.address)
    study.git("branch", "dev")
    study.git("tag", "v1")
    url = host.publish(study)
    with pytest.raises(RepositoryUnreachable, match="has not been fetched yet"):
        repositories.branches(url)
    assert repositories.remote_branches(url) == ["main", "dev"]
    repositories.refresh(url)
    assert repositories.branches(url) == ["main", "dev"]
    old = repositories.resolve(url, "dev")
    study.git("branch", "-D", "dev")
    study.git("checkout", "--quiet", "--orphan", "fresh")
    new = study.commit("Fresh")
    study.git("branch", "-M", "main")
    host.publish(study)
    repositories.refresh(url)
    repositories.tidy(url)
    assert repositories.branches(url) == ["main"]
    assert repositories.resolve(url, "main") == new
    assert repositories.resolve(url, "v1") == old
    assert repositories.read_file(url, old, "project.yaml", 100)
    assert not repositories.commit_on_branch(url, old, "main")


def test_pages_read_the_mirror_without_the_network(study, host, allow: Callable[[str], None]) -> None:
    allow(host.address)
    url = host.publish(study)
    repositories.refresh(url)
    host.asked.clear()
    commit = repositories.resolve(url, "main")
    repositories.read_file(url, commit, "project.yaml", 100)
    repositories.recent_commits(url, "main")
    assert host.asked == []


def test_mirrors_of_like_named_repositories_are_apart_and_stay_in_their_folder(instance: Path) -> None:
    urls = [
        "https://a.example/x/y",
        "https://b.example/x/y",
        "https://a.example/x-y/..",
        "https://a.example/-/x",
    ]
    places = {repositories.mirror(url) for url in urls}
    assert len(places) == len(urls)
    assert {place.parent for place in places} == {instance / "repos"}
    assert all(not place.name.startswith(("-", ".")) and place.suffix == ".git" for place in places)


def test_what_a_killed_git_left_behind_does_not_stop_the_next(
    study, host, allow: Callable[[str], None]
) -> None:
    allow(host.address)
    url = host.publish(study)
    repositories.refresh(url)
    for name in ("packed-refs.lock", "refs/heads/main.lock", "shallow.lock"):
        (repositories.mirror(url) / name).write_text("")
    new = study.commit("New")
    host.publish(study)
    repositories.refresh(url)
    assert repositories.resolve(url, "main") == new


def test_many_who_ask_at_once_share_fetches_and_all_see_the_newest(
    study, host, allow: Callable[[str], None]
) -> None:
    allow(host.address)
    url = host.publish(study)
    repositories.refresh(url)
    new = study.commit("New")
    host.publish(study)
    host.asked.clear()
    seen = []

    def ask() -> None:
        repositories.refresh(url)
        seen.append(repositories.resolve(url, "main"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [new] * 8
    assert len([path for path in host.asked if path.startswith("/northfield/air/info/refs")]) < 8


def test_a_host_that_never_answers_ends_in_a_sentence_and_leaves_no_process(
    allow: Callable[[str], None],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/owner/name"
        allow(url)
        for ask in (repositories.remote_branches, repositories.refresh):
            with pytest.raises(
                RepositoryUnreachable, match=r"could not be reached: no answer within 0\.3 seconds\.$"
            ):
                ask(url, seconds=0.3)
    until = time.monotonic() + 10  # a killed process is listed until the system has taken it away
    while [command for command in _commands() if url.encode() in command]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_host_that_refuses_is_told_apart(allow: Callable[[str], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    allow(f"https://127.0.0.1:{port}/")
    with pytest.raises(RepositoryUnreachable, match="its host does not answer"):
        repositories.remote_branches(f"https://127.0.0.1:{port}/owner/name")


def test_a_certificate_nobody_vouches_for_is_refused(
    study, host, allow: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(host.address)
    monkeypatch.delenv("GIT_SSL_CAINFO")
    with pytest.raises(RepositoryUnreachable, match="identity of its host could not be checked"):
        repositories.remote_branches(host.publish(study))


def test_a_private_repository_asks_nobody_for_a_password_and_no_helper_of_the_account(
    host, allow: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(host.address)
    ran = tmp_path / "ran"
    (tmp_path / ".gitconfig").write_text(f'[credential]\n\thelper = "!touch {ran}; echo"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    host.answer = (401, {"WWW-Authenticate": 'Basic realm="x"', "Content-Length": "0"})
    with pytest.raises(RepositoryUnreachable, match="does not exist, or it is private"):
        repositories.remote_branches(host.address + "owner/name")
    assert host.asked and not ran.exists()


def test_a_host_cannot_send_git_on_to_another_protocol(
    host, allow: Callable[[str], None], study, tmp_path: Path
) -> None:
    allow(host.address)
    with socket.create_server(("127.0.0.1", 0)) as plain:
        plain.settimeout(0)
        port = plain.getsockname()[1]
        for target in (
            f"http://127.0.0.1:{port}/x/info/refs?service=git-upload-pack",
            f"file://{study.path}",
        ):
            host.answer = (302, {"Location": target, "Content-Length": "0"})
            with pytest.raises(RepositoryUnreachable):
                repositories.remote_branches(host.address + "owner/name")
        with pytest.raises(BlockingIOError):
            plain.accept()


def test_an_address_that_is_no_longer_allowed_is_not_fetched(study, host) -> None:
    url = host.publish(study)
    for ask in (repositories.refresh, repositories.remote_branches, repositories.branches):
        with pytest.raises(RepositoryUnreachable, match="may not be used here"):
            ask(url)
    assert host.asked == []


def _commands() -> list[bytes]:
    """The command lines of all processes that run now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.append((process / "cmdline").read_bytes())
    return found
