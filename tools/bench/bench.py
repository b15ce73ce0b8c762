"""What the benchmarks share: servers of either build, a raw client, and tables."""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))


def version() -> str:
    for line in (ROOT / "VERSION").read_text().splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "REDIS_VERSION":
            return value.strip()
    raise SystemExit("VERSION names no REDIS_VERSION")


def parser(text: str) -> argparse.ArgumentParser:
    """Options that every benchmark takes."""
    p = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tree = f"redis-{version()}/src/redis-server"
    p.add_argument("--patched", type=Path, default=BUILD / tree, help="default: %(default)s")
    p.add_argument(
        "--unpatched",
        type=Path,
        default=BUILD / "upstream" / tree,
        help="made by `make upstream`; default: %(default)s",
    )
    return p


def require(*programs: Path) -> None:
    for program in programs:
        if not program.exists():
            raise SystemExit(f"{program} is missing: run `make build upstream`")


class Client:
    """RESP2 over one socket; replies come back as they are on the wire, decoded."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def send(self, *words: str | bytes | int) -> None:
        self.socket.sendall(encode(*words))

    def __call__(self, *words: str | bytes | int):
        self.send(*words)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.file.read(size + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest.decode()

    def batch(self, commands: list[bytes]) -> None:
        """Sends encoded commands in one piece and reads all the replies."""
        self.socket.sendall(b"".join(commands))
        for _ in commands:
            self.reply()


def encode(*words: str | bytes | int) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def server(binary: Path, *options: str, under: tuple[str, ...] = ()):
    """Yields (client, process) of a server that keeps nothing on disk."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="redis-numa-bench-"))
    command = [*under, str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    process = subprocess.Popen(
        [*command, *options], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield connect(port, process), process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def connect(port: int, process: subprocess.Popen) -> Client:
    deadline = time.monotonic() + 60
    while True:
        try:
            client = Client(port)
            client("PING")
            return client
        except (OSError, IndexError, ValueError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{process.args[0]} does not answer") from None
            time.sleep(0.05)


def info(client: Client, section: str) -> dict[str, str]:
    text = client("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def rss(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def node_figures(client: Client, node: int) -> dict[str, str]:
    """The fields of a node's line of INFO numa."""
    line = info(client, "numa")[f"numa_node{node}"]
    return dict(field.split("=", 1) for field in line.split(","))


def slot_rss(pid: int, address: int, slot_bits: int = 40) -> int:
    """What the kernel has backed of the far slot that an address lies in."""
    total = 0
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            inside = int(words[0].split("-")[0], 16) >> slot_bits == address >> slot_bits
        elif inside and words[0] == "Rss:":
            total += int(words[1]) * 1024
    return total


def address_of(client: Client, key: str) -> int:
    return int(client("DEBUG", "OBJECT", key).split()[1].split(":")[1], 16)


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            row[0].ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=False)),
        ]
        print("  ".join(cells).rstrip())
