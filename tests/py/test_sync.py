"""Equal files keep their time; only what changed is built again."""

import os
from pathlib import Path

import pytest
from lib import sync

LONG_AGO = 1_000_000_000


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path, Path]:
    source = tmp_path / "source"
    for name, content in (("a.c", "a\n"), ("deep/b.c", "b\n")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(content)
        os.utime(source / name, (LONG_AGO, LONG_AGO))
    target, manifest = tmp_path / "target", tmp_path / "files"
    assert sync.sync(source, target, manifest) == 2
    return source, target, manifest


def test_equal_files_keep_their_time(trees):
    source, target, _ = trees
    os.utime(source / "a.c")
    assert sync.sync(*trees) == 0
    assert (target / "a.c").stat().st_mtime == LONG_AGO


def test_changed_file_is_new_even_when_its_source_is_old(trees):
    source, target, _ = trees
    (source / "a.c").write_text("z\n")
    os.utime(source / "a.c", (LONG_AGO - 9, LONG_AGO - 9))
    assert sync.sync(*trees) == 1
    assert (target / "a.c").read_text() == "z\n"
    assert (target / "a.c").stat().st_mtime > LONG_AGO


def test_mode_follows(trees):
    source, target, _ = trees
    (source / "a.c").chmod(0o755)
    assert sync.sync(*trees) == 1
    assert os.access(target / "a.c", os.X_OK)


def test_left_file_goes_and_products_stay(trees):
    source, target, _ = trees
    (target / "a.o").write_text("object")
    (source / "a.c").unlink()
    assert sync.sync(*trees) == 1
    assert not (target / "a.c").exists()
    assert (target / "a.o").exists()
