"""The rerun rule, the readers of both frameworks, and whole runs with fake runners."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from conftest import TOOLS
from lib import suites


def load(name: str):
    loader = SourceFileLoader(name.replace("-", "_"), str(TOOLS / name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


run_suites = load("run-suites")


@pytest.mark.parametrize(
    ("again", "upstream", "ours"),
    [
        (set(), set(), {}),  # passes alone
        ({"t"}, set(), {"unit/a": {"t"}}),  # fails here only
        ({"t"}, {"t"}, {}),  # fails there too
        ({"t", "u"}, {"t"}, {"unit/a": {"u"}}),  # one of two is ours
        ({"t"}, {"other"}, {"unit/a": {"t"}}),  # another failure there excuses nothing
    ],
)
def test_what_counts_as_ours(again, upstream, ours):
    judged = run_suites.judge({"unit/a": {"t"}}, lambda _: again, lambda _: upstream)
    assert judged == ours


def test_upstream_is_not_asked_when_the_unit_passes_alone():
    def never(_unit):
        raise AssertionError("built the unpatched server for nothing")

    assert run_suites.judge({"unit/a": {"t"}}, lambda _: set(), never) == {}


def read_parallel(*lines: str) -> suites.Outcome:
    return suites.ParallelSuite("runtest").read("\n".join(lines))


def test_read_passed_and_failed():
    outcome = read_parallel(
        "Testing unit/a",
        "[ok]: first",
        "[err]: second one in tests/unit/a.tcl",
        "Expected '1' to be equal to '2' (context: ...)",
        "[1/2 done]: unit/a (3 seconds)",
    )
    assert (outcome.passed, outcome.done) == (1, {"unit/a"})
    assert outcome.failures == {"unit/a": {"second one"}}


def test_read_unit_that_ends_under_another_name():
    """unit/geo sets the variable that the runner reports at its end."""
    outcome = read_parallel(
        "Testing unit/geo",
        "[ok]: near the pole",
        "[1/1 done]: north (53 seconds)",
        "                   The End",
    )
    assert "unit/geo" in outcome.done
    assert outcome.failures == {}


def test_read_exception_names_the_unit_of_the_trace():
    outcome = read_parallel(
        "Testing unit/a",
        "Testing unit/b",
        "[exception]: Executing test client: I/O error reading reply.",
        '    (file "tests/support/helper.tcl" line 3)',
        '    (file "tests/unit/b.tcl" line 7)',
    )
    assert outcome.failures == {"unit/b": {suites.EXCEPTION}}


def test_read_exception_without_a_unit_blames_what_was_running():
    outcome = read_parallel(
        "Testing unit/a", "[1/3 done]: unit/a (1 seconds)", "Testing unit/b", "[exception]: gone"
    )
    assert outcome.failures == {"unit/b": {suites.EXCEPTION}}


def test_read_server_that_does_not_start():
    outcome = read_parallel("Testing unit/a", "[err]: Can't start the Redis server")
    assert outcome.failures == {"unit/a": {"Can't start the Redis server"}}


def test_read_timeout():
    outcome = read_parallel("Testing unit/a", "[TIMEOUT]: clients state report follows.")
    assert outcome.failures == {"unit/a": {suites.NO_PROGRESS}}


def read_instances(*lines: str) -> suites.Outcome:
    return suites.InstanceSuite("cluster").read("\n".join(lines))


def test_read_instances():
    outcome = read_instances(
        "Testing unit: 00-base.tcl",
        "10:00:00> Cluster is up: OK",
        "10:00:01> Cluster is writable: Expected '1' to be equal to '2'",
        "(Jumping to next unit after error)",
        "Testing unit: 01-failover.tcl",
        "10:00:02> Kill a master: node 3 OK",
        "WARNING 1 test(s) failed.",
    )
    assert outcome.passed == 2
    assert {"00-base.tcl", "01-failover.tcl"} <= outcome.done
    assert outcome.failures == {"00-base.tcl": {"Cluster is writable"}}


def test_read_instances_that_end_early():
    outcome = read_instances("Testing unit: 00-base.tcl", "10:00:00> Cluster is up: ")
    assert outcome.failures == {"00-base.tcl": {suites.EXCEPTION}}


FAKE_RUNTEST = """\
#!/bin/sh
# Fails the units listed in src/bad, ends early at the one in src/throws.
while [ $# -gt 0 ]; do
    if [ "$1" = --single ]; then
        echo "Testing $2"
        if grep -qx "$2" src/throws; then
            echo "[exception]: thrown"
            echo "    (file \\"tests/$2.tcl\\" line 1)"
            exit 1
        elif grep -qx "$2" src/bad; then
            echo "[err]: breaks in tests/$2.tcl"
        else
            echo "[ok]: works"
        fi
        echo "[1/1 done]: $2 (0 seconds)"
    fi
    shift
done
"""


def fake_tree(path: Path, *, bad: str = "", throws: str = "") -> Path:
    (path / "src").mkdir(parents=True)
    (path / "tests").mkdir()
    (path / "src" / "bad").write_text(f"{bad}\n")
    (path / "src" / "throws").write_text(f"{throws}\n")
    units = "\n".join(f"    unit/{name}" for name in "abc")
    (path / "tests" / "test_helper.tcl").write_text(f"set ::all_tests {{\n{units}\n}}\n")
    (path / "runtest").write_text(FAKE_RUNTEST)
    (path / "runtest").chmod(0o755)
    return path


@pytest.fixture
def run(run_tool, tmp_path):
    def run(patched: dict, upstream: dict):
        here = fake_tree(tmp_path / "patched" / "redis", **patched)
        there = fake_tree(tmp_path / "upstream" / "redis", **upstream)
        marker = tmp_path / "upstream-built"
        result = run_tool(
            *("run-suites", "--tree", here, "--upstream-tree", there),
            *("--build-upstream", f"touch {marker}", "--results", tmp_path / "results", "runtest"),
        )
        return result.returncode, result.stdout, marker.exists()

    return run


def test_run_that_passes_builds_no_upstream(run):
    status, output, built = run({}, {})
    assert (status, built) == (0, False)
    assert output.splitlines()[-1] == "3 passed, 0 failed"


def test_run_fails_where_only_the_patched_server_fails(run):
    status, output, built = run({"bad": "unit/b"}, {})
    assert (status, built) == (1, True)
    assert "passes on the unpatched server: unit/b" in output
    assert output.splitlines()[-1] == "2 passed, 1 failed"


def test_run_passes_where_upstream_fails_too(run):
    status, output, _ = run({"bad": "unit/b"}, {"bad": "unit/b"})
    assert status == 0
    assert "fails on the unpatched server too: unit/b" in output


def test_sanitizer_report_fails_the_run(run_tool, tmp_path):
    tree = fake_tree(tmp_path / "redis")
    runner = tree / "runtest"
    report = 'log=${ASAN_OPTIONS##*log_path=}; echo "ERROR: AddressSanitizer" > "$log.123"\n'
    runner.write_text(runner.read_text().replace("while", f"{report}while", 1))
    result = run_tool(*("run-suites", "--tree", tree, "--results", tmp_path / "results", "runtest"))
    assert result.returncode == 1
    assert "runtest-run-0.sanitizer.123" in result.stdout


def test_run_goes_on_after_an_exception(run):
    status, output, _ = run({"throws": "unit/a"}, {})
    assert status == 1
    assert output.splitlines()[-1] == "2 passed, 1 failed"
