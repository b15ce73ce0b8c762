import re
from pathlib import Path

import pytest
from conftest import first_patch

GOOD = """\
Description: planted
 Why here: a test plants it.
Author: tests
Forwarded: not-needed
Last-Update: 2025-01-31
---
"""


@pytest.fixture
def check(run_tool, build_dir, patches):
    def run():
        return run_tool("check-patches", "--build-dir", build_dir, "--patches", patches)

    return run


def plant(patches: Path, name: str, text: str, *, touched: str = "") -> None:
    (patches / name).write_text(text)
    with (patches / "series").open("a") as series:
        series.write(f"{name}\n")
    if touched:
        with (patches / "touched-files").open("a") as listed:
            listed.write(f"{touched}\n")


def change(count: int) -> str:
    """A patch body that adds lines at the end of BUGS, which has one line."""
    line = "Please check https://github.com/redis/redis/issues"
    added = "".join(f"+line {i}\n" for i in range(count))
    return f"--- a/BUGS\n+++ b/BUGS\n@@ -1 +1,{count + 1} @@\n {line}\n{added}"


def assert_fault(result, *parts: str) -> None:
    faults = [line for line in result.stdout.splitlines() if line.startswith("FAULT")]
    assert result.returncode == 1, result.stdout
    assert any(all(part in fault for part in parts) for fault in faults), result.stdout


def test_the_real_series_is_clean(check):
    result = check()
    assert result.returncode == 0, result.stdout
    assert re.search(r"\d+ patches, \d+ of \d+ files, \d+ of \d+ changed lines", result.stdout)


def test_a_planted_good_patch_passes(check, patches):
    plant(patches, "good.patch", GOOD + change(1), touched="BUGS")
    result = check()
    assert result.returncode == 0, result.stdout
    assert re.search(r"good\.patch +1 +1 +0", result.stdout)


@pytest.mark.parametrize("field", ["Description", "Author", "Forwarded", "Last-Update"])
def test_missing_header_field(check, patches, field):
    text = re.sub(rf"^{field}: .*\n", "", GOOD, flags=re.MULTILINE)
    plant(patches, "bad.patch", text + change(1), touched="BUGS")
    assert_fault(check(), "bad.patch", f"no {field}")


def test_description_without_a_reason(check, patches):
    text = GOOD.replace(" Why here: a test plants it.\n", "")
    plant(patches, "bad.patch", text + change(1), touched="BUGS")
    assert_fault(check(), "bad.patch", "why the overlay cannot do it")


@pytest.mark.parametrize("date", ["2025-02-30", "31.01.2025", "20250131"])
def test_last_update_that_is_no_date(check, patches, date):
    plant(patches, "bad.patch", GOOD.replace("2025-01-31", date) + change(1), touched="BUGS")
    assert_fault(check(), "bad.patch", date, "no date")


def test_unlisted_file(check, patches):
    plant(patches, "bad.patch", GOOD + change(1))
    assert_fault(check(), "bad.patch", "touches BUGS", "touched-files")


def test_listed_file_that_nobody_touches(check, patches):
    with (patches / "touched-files").open("a") as listed:
        listed.write("MANIFESTO\n")
    assert_fault(check(), "touched-files", "MANIFESTO")


def test_patch_that_is_not_in_the_series(check, patches):
    (patches / "stray.patch").write_text(GOOD + change(1))
    assert_fault(check(), "stray.patch", "not in patches/series")


def test_stale_series_entry(check, patches):
    with (patches / "series").open("a") as series:
        series.write("gone.patch\n")
    assert_fault(check(), "gone.patch", "not there")


def test_file_that_does_not_belong(check, patches):
    (patches / "old.patch.orig").write_text("")
    assert_fault(check(), "old.patch.orig", "does not belong")


def test_over_budget(check, patches):
    plant(patches, "bad.patch", GOOD + change(500), touched="BUGS")
    assert_fault(check(), "the series changes", "at most")


def test_fuzz(check, patches):
    """The context differs in its outer line: patch alone would take it with fuzz 1."""
    path = first_patch(patches)
    lines = path.read_text().splitlines(keepends=True)
    hunk = next(i for i, line in enumerate(lines) if line.startswith("@@"))
    assert lines[hunk + 1].startswith(" ")
    lines[hunk + 1] = " not what upstream has here\n"
    path.write_text("".join(lines))
    assert_fault(check(), path.name, "does not apply")


def test_offset(check, patches):
    path = first_patch(patches)
    text = re.sub(
        r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@",
        lambda m: f"@@ -{int(m[1]) + 2},{m[2]} +{int(m[3]) + 2},{m[4]} @@",
        path.read_text(),
        count=1,
    )
    path.write_text(text)
    assert_fault(check(), path.name, "offset")


def test_wrong_strip_level(check, patches):
    body = change(1).replace("a/BUGS", "BUGS").replace("b/BUGS", "BUGS")
    plant(patches, "bad.patch", GOOD + body, touched="BUGS")
    assert_fault(check(), "bad.patch", "does not apply")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("--- a/BUGS\n", "--- a/BUGS\t2025-01-31 10:00:00.000000000 +0000\n"),
        ("--- a/BUGS\n", "Index: redis/BUGS\n--- a/BUGS\n"),
    ],
)
def test_what_quilt_would_not_write(check, patches, old, new):
    plant(patches, "bad.patch", GOOD + change(1).replace(old, new), touched="BUGS")
    assert_fault(check(), "bad.patch", "not what quilt writes")
