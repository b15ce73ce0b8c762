"""Read a patch file: its DEP-3 header, the files it touches, the lines it changes."""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass
class PatchFile:
    name: str
    fields: dict[str, str]
    added: int = 0
    removed: int = 0
    files: list[str] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return self.added + self.removed

    def header_faults(self) -> list[str]:
        faults = [
            f"the header has no {name}: add it (DEP-3)"
            for name in ("Description", "Author", "Forwarded", "Last-Update")
            if not self.fields.get(name)
        ]
        description = self.fields.get("Description", "")
        if description and len(description.split("\n", 1)) < 2:
            faults.append("the Description is one line: say below it why the overlay cannot do it")
        last_update = self.fields.get("Last-Update")
        if last_update and not is_iso_date(last_update):
            faults.append(f"Last-Update '{last_update}' is no date: write it as 2025-01-31")
        return faults


def is_iso_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def parse_header(lines: list[str]) -> dict[str, str]:
    """`Name: value` lines; a line that begins with a space goes on with the one before."""
    fields: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] == " " and name:
            fields[name] = f"{fields[name]}\n{line.strip()}".strip("\n")
        elif match := re.match(r"([A-Z][A-Za-z-]*): *(.*)", line):
            name = match[1]
            fields[name] = match[2].strip()
        else:
            name = ""
    return fields


def read(path: Path) -> PatchFile:
    lines = path.read_text().splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("--- ")), len(lines))
    patch = PatchFile(path.name, parse_header(lines[:start]))
    old_left = new_left = 0  # lines that the current hunk still has: `--- ` may be content
    old_name = ""
    for line in lines[start:]:
        if old_left > 0 or new_left > 0:
            old_left -= line[:1] in (" ", "-", "")
            new_left -= line[:1] in (" ", "+", "")
            patch.added += line[:1] == "+"
            patch.removed += line[:1] == "-"
        elif match := HUNK.match(line):
            old_left, new_left = (int(count or 1) for count in match.groups())
        elif line.startswith("--- "):
            old_name = line[4:]
        elif line.startswith("+++ "):
            name = old_name if line[4:].startswith("/dev/null") else line[4:]
            patch.files.append(name.split("\t")[0].partition("/")[2])
    return patch
