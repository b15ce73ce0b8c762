import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, ROOT, TOOLS, first_patch
from lib import patchfile


@pytest.fixture
def tool(run_tool, build_dir, patches):
    def run(*arguments):
        return run_tool("patch", "--build-dir", build_dir, "--patches", patches, *arguments)

    return run


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory) -> Path:
    """The series as quilt writes it, so that only a test's own change shows."""
    room = tmp_path_factory.mktemp("refreshed")
    (room / "build").mkdir()
    (room / "build" / "dl").symlink_to(BUILD / "dl")
    copy = Path(shutil.copytree(ROOT / "patches", room / "patches"))
    command = ["--build-dir", room / "build", "--patches", copy, "refresh"]
    subprocess.run([TOOLS / "patch", *command], check=True)
    return copy


@pytest.fixture
def series(refreshed, patches):
    shutil.rmtree(patches)
    return Path(shutil.copytree(refreshed, patches))


def contents(patches: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in patches.iterdir()}


def tree_of(result) -> Path:
    assert result.returncode == 0, result.stdout
    return Path(result.stdout.splitlines()[-1])


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_refresh_is_idempotent(tool, series):
    before = contents(series)
    assert "nothing changed" in tool("refresh").stdout
    assert contents(series) == before


def test_edit_and_save_change_one_patch_and_keep_its_header(tool, series):
    patch = first_patch(series)
    before = contents(series)
    tree = tree_of(tool("edit", patch.stem))
    append(tree / "BUGS", "edited\n")
    (tree / "NEW").write_text("a new file\n")
    (tree / "MANIFESTO").unlink()
    result = tool("save")
    assert result.returncode == 0, result.stdout
    after = contents(series)
    assert {name for name in after if after[name] != before[name]} == {patch.name}
    read = patchfile.read(patch)
    assert {"BUGS", "NEW", "MANIFESTO"} <= set(read.files)
    assert read.header_faults() == []
    assert read.fields["Description"] in before[patch.name].replace("\n ", "\n")


def test_save_without_a_change_writes_nothing(tool, series):
    before = contents(series)
    tree_of(tool("edit", first_patch(series).name))
    assert "nothing changed" in tool("save").stdout
    assert contents(series) == before


def test_new_patch_goes_to_the_end_with_a_complete_header(tool, series):
    tree = tree_of(
        tool("new", "say-hello", "--description", "say hello", "--why", "Why here: BUGS is read.")
    )
    append(tree / "BUGS", "hello\n")
    assert tool("save").returncode == 0
    assert (series / "series").read_text().split()[-1] == "say-hello.patch"
    read = patchfile.read(series / "say-hello.patch")
    assert read.files == ["BUGS"]
    assert read.header_faults() == []


def test_a_later_patch_that_no_longer_applies_is_handed_over(tool, series):
    for name in ("one", "two"):
        tree = tree_of(tool("new", name, "--description", name, "--why", "Why here: a test."))
        append(tree / "BUGS", f"{name}\n")
        assert tool("save").returncode == 0
    before = contents(series)
    tree = tree_of(tool("edit", "one"))
    bugs = tree / "BUGS"
    bugs.write_text(bugs.read_text().replace("one", "ONE"))

    stopped = tool("save")
    assert stopped.returncode == 1
    assert "two.patch does not apply on top of your change" in stopped.stdout
    assert contents(series) == before, "patches/ changed before the whole series applied"
    assert "rejects are left" in tool("save").stdout

    (tree / "BUGS.rej").unlink()
    append(bugs, "two\n")
    assert tool("save").returncode == 0
    after = contents(series)
    assert {name for name in after if after[name] != before[name]} == {"one.patch", "two.patch"}
    assert "+ONE" in after["one.patch"]
    assert "+two" in after["two.patch"]


def test_unknown_patch_is_named(tool):
    result = tool("edit", "no-such-patch")
    assert result.returncode == 1
    assert "no-such-patch.patch is not in the series" in result.stdout


def test_save_before_edit(tool):
    result = tool("save")
    assert result.returncode == 1
    assert "begin with 'tools/patch edit NAME'" in result.stdout
