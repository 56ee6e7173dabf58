"""Checks that the tests which docs/architecture.md names as holding an invariant are there."""

import re
import sys

from pages import DOCS, ROOT

FILE = re.compile(r"`([\w/.-]+/[\w/.-]*)`((?:(?:: |, )`\w+`)*)")


def main():
    text = (DOCS / "architecture.md").read_text()
    _, _, table = text.partition("| invariant | held by |")
    rows = [line for line in table.partition("\n\n")[0].splitlines()[2:] if line]
    found, tests = [], 0
    for row in rows:
        held = row.rsplit(" | ", 1)[-1]
        if not FILE.search(held) and "scripts/guide" not in held:
            found.append(f"nothing holds: {row}")
        for path, names in FILE.findall(held):
            file = ROOT / path
            if not file.exists():
                found.append(f"{path} is not there")
                continue
            for name in re.findall(r"`(\w+)`", names):
                tests += 1
                if not re.search(rf"fn {name}\(", file.read_text()):
                    found.append(f"{path} has no test {name}")
    print(*(f"docs/architecture.md: {fault}" for fault in found), sep="\n", end="\n" if found else "")
    print(f"{len(rows)} invariants, {tests} tests by name, {len(found)} faults")
    sys.exit(bool(found))


main()
