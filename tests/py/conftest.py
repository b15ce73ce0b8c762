"""Servers on free loopback ports, and the tools as a user runs them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import hypothesis.configuration
import pytest
import redis

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"
BUILD = ROOT / os.environ.get("BUILD_DIR", "build")
SERVER_LIFE_S = 600  # a server ends after this even if pytest has been killed
START_LIMIT_S = 20

sys.path.insert(0, str(TOOLS))  # for the tools' own modules: `from lib import ...`
hypothesis.configuration.set_hypothesis_home_dir(BUILD / "hypothesis")
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.load_profile("default")


def tree(variable: str) -> Path:
    path = os.environ.get(variable)
    if not path:
        pytest.fail(f"{variable} is not set: run these tests by 'make test-py'")
    return Path(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """One redis-server and a client that is connected to it."""

    program: Path
    directory: Path
    directives: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None
    client: redis.Redis | None = None

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.client.info("server")["process_id"]

    def start(self) -> "Server":
        """Start, and wait until it answers; the data set may still be loading before that."""
        arguments = [
            word
            for name, value in self.directives.items()
            for word in (f"--{name}", *(value.split() or [""]))
        ]
        own = ["--port", str(self.port), "--dir", str(self.directory), "--bind", "127.0.0.1"]
        bounded = ["timeout", "--signal=KILL", str(SERVER_LIFE_S), str(self.program)]
        with (self.directory / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*bounded, *own, *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                self.client.ping()
                return
            except (redis.ConnectionError, redis.BusyLoadingError):
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log}")

    def stop(self) -> None:
        """End by pid: `timeout` hands the signal on to its server."""
        if self.client:
            self.client.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """The server first: without its `timeout` its life would have no bound."""
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), 9)
        self.process.kill()
        self.process.wait()

    def restart(self, **directives: str) -> "Server":
        self.stop()
        self.directives |= dashed(directives)
        return self.start()


def dashed(directives: dict[str, object]) -> dict[str, str]:
    return {name.replace("_", "-"): str(value) for name, value in directives.items()}


def server_factory(
    program: Path, defaults: dict[str, str], directory: Path
) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(**directives: object) -> Server:
        place = directory / f"server-{len(servers)}"
        place.mkdir(parents=True)
        servers.append(Server(program, place, defaults | dashed(directives)))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def numa_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """numa_server(maxmemory="1gb", numa_topology="virtual:3") starts a patched server."""
    program = tree("NUMA_TREE") / "src" / "redis-server"
    defaults = {"save": "", "numa-topology": "virtual:2"}
    yield from server_factory(program, defaults, tmp_path / "numa")


@pytest.fixture
def upstream_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """The same for the unpatched server."""
    program = tree("UPSTREAM_TREE") / "src" / "redis-server"
    yield from server_factory(program, {"save": ""}, tmp_path / "upstream")


@pytest.fixture
def run_tool() -> Callable[..., subprocess.CompletedProcess]:
    """run_tool("fetch", "--help", env={...}): stdout and stderr come back as one text."""

    def run(tool: str, *arguments: object, env: dict | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [TOOLS / tool, *map(str, arguments)],
            env=os.environ | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def tarball() -> Path:
    return BUILD / "dl" / "redis-6.2.14.tar.gz"


@pytest.fixture
def build_dir(tmp_path: Path, tarball: Path) -> Path:
    """A build directory that holds the tarball and nothing else."""
    (tmp_path / "build" / "dl").mkdir(parents=True)
    shutil.copy(tarball, tmp_path / "build" / "dl")
    return tmp_path / "build"


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """A copy of the series, to spoil."""
    return Path(shutil.copytree(ROOT / "patches", tmp_path / "patches"))


def first_patch(patches: Path) -> Path:
    return patches / (patches / "series").read_text().split()[0]
