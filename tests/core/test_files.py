import hashlib
import os
import socket
import stat

import pytest

from jobsite.core import files

ROOT = os.geteuid() == 0

UNSAFE = [
    "",
    "/etc/passwd",
    "..",
    "../secret",
    "a/../../secret",
    "a/./b",
    ".",
    "a//b",
    "a/",
    "a\\b",
    "a\0b",
    "a\nb",
    "table\u202egnp.csv",
    "ta\u200bble.csv",
    "a\x7fb",
    "a\x85b",
    "caf\udce9.csv",
    "x" * 256,
    "/".join(["x" * 200] * 30),
]


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    return folder


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    (folder / "output").mkdir(parents=True)
    (folder / "output" / "a.csv").write_bytes(b"a\n1\n")
    return folder


@pytest.mark.parametrize("path", UNSAFE)
def test_a_path_that_could_leave_its_root_is_refused_in_a_sentence(root, path):
    with pytest.raises(files.UnsafePath) as refusal:
        files.safe_join(root, path)
    assert str(refusal.value).endswith(".") and str(refusal.value).isprintable()
    with pytest.raises(files.UnsafePath):
        files.open_beneath(root, path)


@pytest.mark.parametrize(
    "path", ["a.csv", "output/tables/été $x{1}~.csv", "...", ".hidden/.a.csv", "a b/c;d"]
)
def test_an_odd_but_harmless_path_is_joined_as_it_stands(root, path):
    assert str(files.safe_join(root, path)) == f"{root}/{path}"


def test_a_regular_file_is_opened_for_reading_bytes(root):
    with files.open_beneath(root, "output/a.csv") as file:
        assert file.read() == b"a\n1\n"


def test_a_missing_file_is_told_apart_from_an_unsafe_one(root):
    with pytest.raises(FileNotFoundError):
        files.open_beneath(root, "output/b.csv")
    with pytest.raises(FileNotFoundError):
        files.open_beneath(root, "nothing/b.csv")


def _link_to_file(root, outside):
    (root / "bad").symlink_to(outside / "secret")


def _link_in_the_middle(root, outside):
    (root / "bad").symlink_to(outside)
    return "bad/secret"


def _relative_link_inside(root, outside):
    (root / "bad").symlink_to("output/a.csv")


def _dangling_link(root, outside):
    (root / "bad").symlink_to("nowhere")


def _link_to_itself(root, outside):
    (root / "bad").symlink_to("bad")


def _pipe(root, outside):
    os.mkfifo(root / "bad")


def _socket(root, outside):
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.getcwd()
        os.chdir(root)
        try:
            listener.bind("bad")
        finally:
            os.chdir(before)


def _directory(root, outside):
    (root / "bad").mkdir()


def _file_as_directory(root, outside):
    return "output/a.csv/b"


def _device(root, outside):
    os.mknod(root / "bad", stat.S_IFCHR | 0o600, os.makedev(1, 5))


HOSTILE = [
    _link_to_file,
    _link_in_the_middle,
    _relative_link_inside,
    _dangling_link,
    _link_to_itself,
    _pipe,
    _socket,
    _directory,
    _file_as_directory,
    pytest.param(_device, marks=pytest.mark.skipif(not ROOT, reason="only root can make device nodes")),
]


@pytest.mark.parametrize("make", HOSTILE)
def test_nothing_but_a_regular_file_reached_without_links_is_opened(root, outside, make):
    with pytest.raises(files.UnsafePath):
        files.open_beneath(root, make(root, outside) or "bad")


def test_no_file_descriptor_is_left_open_by_refusals(root, outside):
    _link_in_the_middle(root, outside)
    os.mkfifo(root / "output" / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("bad/secret", "output/pipe", "output/none", "output/a.csv/x", "nothing/x"):
        with pytest.raises((files.UnsafePath, FileNotFoundError)):
            files.open_beneath(root, path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_atomic_write_replaces_a_link_and_leaves_its_target_alone(root, outside):
    (root / "note").symlink_to(outside / "secret")
    files.atomic_write(root / "note", "new")
    assert (outside / "secret").read_text() == "secret"
    assert not (root / "note").is_symlink() and (root / "note").read_text() == "new"


def test_atomic_write_gives_the_mode_asked_for_whatever_the_umask(root):
    before = os.umask(0o077)
    try:
        files.atomic_write(root / "note", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((root / "note").stat().st_mode) == 0o640


def test_a_failed_atomic_write_leaves_the_old_file_and_no_rubbish(root):
    (root / "note").mkdir()
    with pytest.raises(OSError):
        files.atomic_write(root / "note", b"x")
    assert sorted(path.name for path in root.iterdir()) == ["note", "output"]


def test_a_copy_is_measured_on_what_was_written_and_keeps_its_time(root, tmp_path):
    os.utime(root / "output" / "a.csv", ns=(1, 1_700_000_000_123_456_789))
    target = tmp_path / "target"
    target.mkdir()
    with files.open_beneath(root, "output/a.csv") as source:
        copied = files.copy_beneath(source, target, "deep/er/b.csv")
    assert copied == (4, hashlib.sha256(b"a\n1\n").hexdigest())
    assert (target / "deep/er/b.csv").read_bytes() == b"a\n1\n"
    assert (target / "deep/er/b.csv").stat().st_mtime_ns == 1_700_000_000_123_456_789


def test_a_copy_replaces_links_at_its_end_and_refuses_them_on_its_way(root, outside):
    (root / "out").symlink_to(outside)
    (root / "link.csv").symlink_to(outside / "secret")
    with files.open_beneath(root, "output/a.csv") as source:
        files.copy_beneath(source, root, "link.csv")
        with pytest.raises(files.UnsafePath):
            files.copy_beneath(source, root, "out/planted.csv")
    assert (outside / "secret").read_text() == "secret"
    assert os.listdir(outside) == ["secret"]
    assert (root / "link.csv").read_bytes() == b"a\n1\n"


def test_the_hash_of_a_path_and_of_an_open_file_agree(root):
    expected = hashlib.sha256(b"a\n1\n").hexdigest()
    with (root / "output/a.csv").open("rb") as file:
        assert files.sha256_of(file) == expected == files.sha256_of(root / "output/a.csv")


def test_remove_tree_takes_links_away_and_leaves_their_targets(root, outside):
    (root / "output" / "link").symlink_to(outside)
    (root / "output" / "file-link").symlink_to(outside / "secret")
    os.mkfifo(root / "output" / "pipe")
    files.remove_tree(root)
    assert not root.exists()
    assert (outside / "secret").read_text() == "secret"


def test_remove_tree_of_a_link_removes_the_link_only(tmp_path, outside):
    (tmp_path / "link").symlink_to(outside)
    files.remove_tree(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink() and (outside / "secret").exists()


def test_remove_tree_of_nothing_and_of_one_file_are_no_errors(tmp_path):
    (tmp_path / "file").write_text("x")
    files.remove_tree(tmp_path / "file")
    files.remove_tree(tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_remove_tree_takes_any_depth_and_folders_closed_by_their_owner(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    directory = os.open(top, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=directory)
        below = os.open("deep", os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
    os.close(directory)
    (top / "closed" / "inner").mkdir(parents=True)
    (top / "closed" / "inner" / "file").write_text("x")
    (top / "closed" / "inner").chmod(0)
    (top / "closed").chmod(0)
    top.chmod(0)
    files.remove_tree(top)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("path", ["root/..", "root/output/..", "/"])
def test_remove_tree_never_takes_what_lies_above(tmp_path, root, path):
    with pytest.raises(files.UnsafePath):
        files.remove_tree(tmp_path / path)
    assert (root / "output" / "a.csv").exists()


def test_new_directories_are_closed_to_others_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        made = files.make_directories(tmp_path / "new", "a/b")
    finally:
        os.umask(before)
    assert made == tmp_path / "new/a/b"
    for path in (made, made.parent, tmp_path / "new"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_moving_and_linking_refuse_links_on_their_way(tmp_path, root, outside):
    (root / "out").symlink_to(outside)
    for act in (files.move_beneath, files.link_beneath):
        with pytest.raises(files.UnsafePath):
            act(root, "output/a.csv", root, "out/planted.csv")
        with pytest.raises(files.UnsafePath):
            act(root, "out/secret", root, "taken.csv")
    files.remove_beneath(root, "out/secret")
    assert os.listdir(outside) == ["secret"] and sorted(os.listdir(root)) == ["out", "output"]


def test_a_link_is_not_given_a_second_name(root, outside):
    (root / "link").symlink_to(outside / "secret")
    with pytest.raises(files.UnsafePath):
        files.link_beneath(root, "link", root, "second")


def test_a_second_name_that_is_taken_keeps_its_file(root):
    (root / "taken").write_text("taken")
    files.link_beneath(root, "output/a.csv", root, "taken")
    files.link_beneath(root, "output/a.csv", root, "new/name")
    assert (root / "taken").read_text() == "taken"
    assert os.path.samefile(root / "output/a.csv", root / "new/name")
