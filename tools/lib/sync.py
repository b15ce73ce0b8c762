"""Bring a tree to the content of another and leave every equal file alone, its time included."""

import filecmp
import os
import shutil
from pathlib import Path


def source_files(tree: Path) -> list[str]:
    return sorted(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())


def copy_changed(source: Path, target: Path) -> bool:
    """Copy unless equal. A changed file gets the time of now, so that make sees the change even
    when an older content comes back."""
    same = target.is_file() and filecmp.cmp(source, target, shallow=False)
    if same and (source.stat().st_mode ^ target.stat().st_mode) & 0o777 == 0:
        return False
    existed = target.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    if existed:
        os.utime(target)
    return True


def sync(source: Path, target: Path, manifest: Path) -> int:
    """Returns how many files changed. `manifest` remembers what came from the source, so that a
    file that has left it can be told from what a build has made."""
    files = source_files(source)
    changed = sum(copy_changed(source / name, target / name) for name in files)
    before = manifest.read_text().splitlines() if manifest.exists() else []
    for name in set(before) - set(files):
        (target / name).unlink(missing_ok=True)
        changed += 1
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("\n".join(files) + "\n")
    return changed
