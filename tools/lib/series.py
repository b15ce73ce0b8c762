"""The patch series: its files, and quilt in a scratch tree."""

import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from . import project

PATCHES = project.ROOT / "patches"


class QuiltFailed(Exception):
    """Carries what quilt printed."""


def names(patches: Path = PATCHES) -> list[str]:
    """The patches in the order in which they apply."""
    series = patches / "series"
    lines = series.read_text().splitlines() if series.exists() else []
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def extract(tarball: Path, parent: Path) -> Path:
    """Unpack the release below `parent` and return its tree."""
    with tarfile.open(tarball) as archive:
        archive.extractall(parent, filter="fully_trusted")  # its digest is verified
    return parent / tarball.name.removesuffix(".tar.gz")


@dataclass(frozen=True)
class Quilt:
    """Quilt in `tree`, on the patches in `patches`, deaf to the user's own configuration."""

    tree: Path
    patches: Path = PATCHES

    def run(self, *words: str) -> str:
        user_free = {k: v for k, v in os.environ.items() if not k.startswith("QUILT_")}
        environment = user_free | {
            "QUILT_PATCHES": str(self.patches),
            "QUILT_SERIES": "series",
            "LC_ALL": "C",
        }
        command, *arguments = words
        result = subprocess.run(
            ["quilt", "--quiltrc", PATCHES / "quiltrc", command, *arguments],
            cwd=self.tree,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if result.returncode != 0:
            raise QuiltFailed(result.stdout)
        return result.stdout

    def push_all(self) -> None:
        for name in names(self.patches):
            self.run("push", name)

    def forget(self) -> None:
        """Leave a plain tree: no trace of quilt."""
        shutil.rmtree(self.tree / ".pc", ignore_errors=True)
