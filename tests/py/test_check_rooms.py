from pathlib import Path

import pytest


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for room in ("overlay/core", "overlay/redis", "tests/unit"):
        (tmp_path / room).mkdir(parents=True)
    (tmp_path / "overlay/core/heap.h").write_text("#pragma once\n#include <cstddef>\n")
    (tmp_path / "overlay/redis/state.h").write_text('#include "server.h"\n')
    return tmp_path


def check(run_tool, repository: Path, path: str, include: str):
    (repository / path).write_text(f"// a line before\n{include}\n")
    return run_tool("check-rooms", "--root", repository)


def test_the_real_overlay_is_clean(run_tool):
    result = run_tool("check-rooms")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "include",
    [
        '#include "heap.h"',
        "#include <jemalloc/jemalloc.h>",
        "#include <sys/mman.h>",
        "#include <numaif.h>",
        '// "server.h" is not for us',
    ],
)
def test_core_may_use_core_and_the_system(run_tool, repository, include):
    result = check(run_tool, repository, "overlay/core/a.cc", include)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", ["overlay/core/a.cc", "overlay/core/a.h", "tests/unit/a.cc"])
@pytest.mark.parametrize(
    "include",
    [
        '#include "server.h"',
        "#include <server.h>",
        '#include "../redis/state.h"',
        '#include "redis/state.h"',
        '  #  include "sds.h"',
        '#include "../../build/redis-6.2.14/src/dict.h"',
    ],
)
def test_core_may_not_use_redis(run_tool, repository, path, include):
    result = check(run_tool, repository, path, include)
    assert result.returncode == 1
    assert f"{path}: includes" in result.stdout
    assert "outside overlay/core" in result.stdout


def test_redis_may_use_everything(run_tool, repository):
    result = check(run_tool, repository, "overlay/redis/a.cc", '#include "server.h"')
    assert result.returncode == 0
