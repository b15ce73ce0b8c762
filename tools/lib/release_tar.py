"""Rebuild upstream's release tarball bit for bit from a copy of its tree.

Upstream writes a release with `git archive` and then `gzip -9`. Everything that is in such a file
and not in the tree (the commit, two times) is known, so the official digest can be met.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
RECORD = 20 * BLOCK


@dataclass(frozen=True)
class Release:
    version: str
    commit: str
    commit_time: int
    gzip_time: int


@dataclass(frozen=True)
class File:
    path: str
    executable: bool
    content: bytes


REDIS_6_2_14 = Release(
    version="6.2.14",
    commit="91863dd854feba7f75ae58976a920acb192a5b67",
    commit_time=1697614990,
    gzip_time=1697615795,
)


def header(name: str, mode: int, size: int, mtime: int, kind: bytes) -> bytes:
    fields = (
        name.encode().ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0,  # uid
        b"%07o\0" % 0,  # gid
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,  # the checksum counts itself as spaces
        kind,
        b"\0" * 100,  # link name
        b"ustar\0" + b"00",
        b"root".ljust(32, b"\0"),
        b"root".ljust(32, b"\0"),
        b"%07o\0" % 0,  # device major
        b"%07o\0" % 0,  # device minor
        b"\0" * 155,  # prefix: no name is longer than 100
    )
    if len(fields[0]) > 100:
        raise ValueError(f"name too long for ustar without a prefix: {name}")
    block = b"".join(fields).ljust(BLOCK, b"\0")
    return block[:148] + b"%07o\0" % sum(block) + block[156:]


def padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % BLOCK)


def pax_record(key: str, value: str) -> bytes:
    """`<length> key=value\\n`, where the length counts its own digits."""
    body = f" {key}={value}\n"
    length = len(body) + len(str(len(body)))
    length = len(body) + len(str(length))
    return f"{length}{body}".encode()


def directories(files: Iterable[File]) -> set[str]:
    return {f"{parent}/" for f in files for parent in Path(f.path).parents if parent.name}


def tar_blocks(release: Release, files: list[File]) -> Iterator[bytes]:
    time = release.commit_time
    comment = pax_record("comment", release.commit)
    yield header("pax_global_header", 0o666, len(comment), time, b"g") + padded(comment)
    prefix = f"redis-{release.version}/"
    yield header(prefix, 0o775, 0, time, b"5")
    by_path = {f.path: f for f in files}
    # Git sorts a directory as if its name ended with a slash; so does this.
    for path in sorted(by_path.keys() | directories(files)):
        if path.endswith("/"):
            yield header(prefix + path, 0o775, 0, time, b"5")
            continue
        file = by_path[path]
        mode = 0o775 if file.executable else 0o664
        yield header(prefix + path, mode, len(file.content), time, b"0") + padded(file.content)


def write(release: Release, files: list[File], target: Path) -> None:
    """Write the tarball to `target`; the caller compares its digest."""
    plain = target.parent / f"redis-{release.version}.tar"
    stream = b"".join(tar_blocks(release, files)) + b"\0" * (2 * BLOCK)
    plain.write_bytes(stream + b"\0" * (-len(stream) % RECORD))
    # Python's zlib compresses differently: only GNU gzip gives upstream's bytes.
    os.utime(plain, (release.gzip_time, release.gzip_time))
    subprocess.run(["gzip", "-9", "--name", "--force", plain], check=True)
    packed = plain.with_suffix(".tar.gz")
    if packed != target:
        packed.replace(target)
