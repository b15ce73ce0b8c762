"""Where things are, which version is meant, and how a tool gives up."""

import hashlib
import os
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]


def fail(message: str) -> NoReturn:
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(1)


def pinned() -> dict[str, str]:
    """The key=value lines of VERSION."""
    lines = (ROOT / "VERSION").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def settings() -> dict[str, str]:
    """What VERSION says, unless the environment (so also make's command line) says otherwise."""
    return {key: os.environ.get(key) or value for key, value in pinned().items()}


def redis_version() -> str:
    return settings()["REDIS_VERSION"]


def pinned_version() -> str:
    return pinned()["REDIS_VERSION"]


def build_dir() -> Path:
    """BUILD_DIR as make sees it: relative to the repository."""
    return ROOT / os.environ.get("BUILD_DIR", "build")


def tarball(build: Path, version: str) -> Path:
    return build / "dl" / f"redis-{version}.tar.gz"


def official_sha256(version: str) -> str:
    table = ROOT / "tools" / "upstream.sha256"
    name = f"redis-{version}.tar.gz"
    for line in table.read_text().splitlines():
        digest, _, file = line.partition("  ")
        if file == name:
            return digest
    known = [line.split()[1] for line in table.read_text().splitlines() if line[:1] != "#"]
    fail(f"{name} is not in tools/upstream.sha256, which knows {', '.join(known)}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
