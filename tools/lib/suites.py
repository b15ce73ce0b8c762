"""Upstream's Tcl suites: how each is started, and how its output is read.

There are two frameworks. `tests/test_helper.tcl` spreads units over clients and is behind runtest,
runtest-moduleapi and our own tests; `tests/instances.tcl` runs unit after unit on a fixed set of
instances and is behind runtest-sentinel and runtest-cluster.
"""

import re
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

WHOLE_SUITE = "*"  # the unit of a failure that belongs to no single unit
EXCEPTION = "(exception: the unit ended early)"
NO_PROGRESS = "(the unit never finished)"


@dataclass
class Outcome:
    """What one run of a suite did."""

    passed: int = 0
    done: set[str] = field(default_factory=set)
    failures: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def fail(self, unit: str, test: str) -> None:
        self.failures[unit].add(test)

    def add(self, other: "Outcome") -> None:
        self.passed += other.passed
        self.done |= other.done
        for unit, tests in other.failures.items():
            self.failures[unit] |= tests

    def failed_count(self) -> int:
        return sum(len(tests) for tests in self.failures.values())


@dataclass(frozen=True)
class Suite:
    name: str
    base_port: int = 0

    def stage(self, tree: Path, room: Path) -> Path:
        """A place of its own to run in: the runners delete what others have in tests/tmp."""
        stage = room / self.name
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(parents=True)
        shutil.copytree(tree / "tests", stage / "tests")
        for entry in tree.iterdir():
            if entry.name not in ("tests", "overlay") and not entry.name.startswith("."):
                (stage / entry.name).symlink_to(entry)
        return stage


def configuration(directives: dict[str, str]) -> list[str]:
    return [word for key, value in directives.items() for word in ("--config", key, value)]


def unit_of_trace(line: str) -> str:
    """The trace of an exception names the unit, and files that it sources."""
    match = re.search(r'\(file "tests/(\S+)\.tcl" line', line)
    return match[1] if match else ""


@dataclass(frozen=True)
class ParallelSuite(Suite):
    """A suite of tests/test_helper.tcl."""

    ports: int = 1500

    def units(self, stage: Path) -> list[str]:
        source, pattern = {
            "runtest": ("tests/test_helper.tcl", r"^    ((?:unit|integration)/\S+)$"),
            "moduleapi": ("runtest-moduleapi", r"--single (\S+)"),
        }[self.name]
        return re.findall(pattern, (stage / source).read_text(), re.MULTILINE)

    def prepare(self) -> list[str]:
        return ["make", "-s", "-C", "tests/modules"] if self.name == "moduleapi" else []

    def command(self, units: list[str], directives: dict[str, str], clients: int) -> list[str]:
        ports = ["--baseport", str(self.base_port), "--portcount", str(self.ports)]
        chosen = [word for unit in units for word in ("--single", unit)]
        pace = ["--clients", str(min(clients, len(units))), "--timeout", "600"]
        return ["./runtest", *pace, *ports, *configuration(directives), *chosen]

    def read(self, output: str) -> Outcome:
        outcome = Outcome()
        in_flight: set[str] = set()
        exception = False
        for line in output.splitlines():
            if match := re.match(r"Testing (\S+/\S+)$", line):
                in_flight.add(match[1])
            elif match := re.match(r"\[\S+ done\]: (\S+) \(", line):
                in_flight.discard(match[1])
                outcome.done.add(match[1])
            elif line.startswith("[ok]: "):
                outcome.passed += 1
            elif match := re.match(r"\[err\]: (.*) in tests/(\S+)\.tcl$", line):
                outcome.fail(match[2], match[1])
            elif line.startswith("[err]: "):
                for unit in in_flight:
                    outcome.fail(unit, line.removeprefix("[err]: "))
            elif line.startswith("[TIMEOUT]"):
                for unit in in_flight:
                    outcome.fail(unit, NO_PROGRESS)
            elif line.strip() == "The End":
                # A unit that sets the variable `name` reports its end under that name (geo does),
                # but at the regular end of a run every unit has ended.
                outcome.done |= in_flight
            elif line.startswith("[exception]"):
                exception = True
            elif exception and (unit := unit_of_trace(line)) in in_flight:
                outcome.fail(unit, EXCEPTION)
                exception = False
        if exception:  # the trace names no unit: each that was running may be the one
            for unit in in_flight:
                outcome.fail(unit, EXCEPTION)
        return outcome


@dataclass(frozen=True)
class NumaSuite(ParallelSuite):
    """Our own tests: tests/tcl/numa in the repository."""

    sources: Path = Path()

    def stage(self, tree: Path, room: Path) -> Path:
        stage = super().stage(tree, room)
        (stage / "tests" / "numa").symlink_to(self.sources)
        return stage

    def units(self, stage: Path) -> list[str]:
        return sorted(f"numa/{path.stem}" for path in self.sources.glob("*.tcl"))


@dataclass(frozen=True)
class InstanceSuite(Suite):
    """A suite of tests/instances.tcl."""

    def units(self, stage: Path) -> list[str]:
        return sorted(path.name for path in (stage / "tests" / self.name / "tests").glob("*.tcl"))

    def prepare(self) -> list[str]:
        return []

    def command(self, units: list[str], directives: dict[str, str], clients: int) -> list[str]:
        """Its --single takes one pattern: either one unit or all of them."""
        chosen = ["--single", units[0]] if len(units) == 1 else []
        return [f"./runtest-{self.name}", *configuration(directives), *chosen]

    def read(self, output: str) -> Outcome:
        outcome = Outcome()
        unit, test, ended = WHOLE_SUITE, "(before the first test)", False
        for line in output.splitlines():
            if match := re.match(r"Testing unit: (\S+)", line):
                outcome.done.add(unit)
                unit = match[1]
            elif match := re.match(r"\d\d:\d\d:\d\d> (.*?): ?(.*)$", line):
                test = match[1]
                outcome.passed += 1
            elif line.startswith("(Jumping to next unit after error)"):
                outcome.passed -= 1
                outcome.fail(unit, test)
            elif "leaked fds" in line:
                outcome.fail(unit, "(leaked file descriptors)")
            elif line.startswith("*** Crash report found"):
                outcome.fail(WHOLE_SUITE, "(crash report in a log)")
            elif line.startswith(("GOOD!", "WARNING ")) and "Aborting" not in line:
                ended = True
        if ended:
            outcome.done.add(unit)
        else:
            outcome.fail(unit, EXCEPTION)
        return outcome
