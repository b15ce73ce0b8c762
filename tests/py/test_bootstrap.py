import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TOOLS

NEEDED = (
    *("gcc", "g++", "make", "pkg-config", "git", "gzip", "patch", "quilt", "which", "ps"),
    *("tclsh8.6", "clang-format", "shellcheck"),
    *("sh", "env", "cat", "tr", "sort", "id", "echo", "chmod"),
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH on which everything that bootstrap looks for is there; a test takes away."""
    room = tmp_path / "bin"
    room.mkdir()
    for name in NEEDED:
        (room / name).symlink_to(shutil.which(name))
    script(room / "python3", f'exec {sys.executable} "$@"')
    script(room / "apt-get", 'echo "apt-get $*" >> "$CALLS"')
    return room


def script(path: Path, body: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def bootstrap(machine: Path, **env: str) -> tuple[int, str, str]:
    calls = machine.parent / "calls"
    result = subprocess.run(
        [TOOLS / "bootstrap"],
        env={"PATH": str(machine), "CALLS": str(calls)} | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout, calls.read_text() if calls.exists() else ""


def test_silent_when_nothing_is_missing(machine):
    assert bootstrap(machine) == (0, "", "")


def test_no_install_names_the_command_and_fails(machine):
    (machine / "quilt").unlink()
    (machine / "tclsh8.6").unlink()
    status, output, calls = bootstrap(machine, NO_INSTALL="1")
    assert status == 1
    assert "apt-get install quilt tcl8.6\n" in output
    assert calls == ""


def test_dnf_has_its_own_names(machine):
    (machine / "apt-get").rename(machine / "dnf")
    for name in ("ps", "shellcheck"):
        (machine / name).unlink()
    status, output, _ = bootstrap(machine, NO_INSTALL="1")
    assert status == 1
    assert "dnf install ShellCheck procps-ng\n" in output


def test_only_what_is_missing_is_installed(machine):
    (machine / "quilt").unlink()
    script(machine / "id", "echo 0")
    script(
        machine / "apt-get",
        'echo "apt-get $*" >> "$CALLS"\n'
        f'[ "$1" = update ] || {{ : > {machine}/quilt; chmod +x {machine}/quilt; }}',
    )
    status, output, calls = bootstrap(machine)
    assert status == 0, output
    assert calls.splitlines()[-1].endswith("--no-install-recommends quilt")


def test_an_ordinary_user_goes_through_sudo(machine):
    (machine / "quilt").unlink()
    script(machine / "id", "echo 1000")
    script(machine / "sudo", 'echo "sudo $*" >> "$CALLS"')
    status, output, calls = bootstrap(machine)
    assert "sudo env DEBIAN_FRONTEND=noninteractive apt-get install" in calls
    assert status == 1, "nothing was installed, and that must show"
    assert "still missing after the installation: quilt" in output


def test_without_root_and_sudo_the_command_is_named(machine):
    (machine / "quilt").unlink()
    script(machine / "id", "echo 1000")
    status, output, _ = bootstrap(machine)
    assert status == 1
    assert "there is no sudo. Run as root: apt-get" in output
