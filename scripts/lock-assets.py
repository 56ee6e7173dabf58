#!/usr/bin/env python3
"""Writes scripts/assets.lock: the wheels of scripts/assets.in for every machine we support, by SHA-256.

    python3 scripts/lock-assets.py

Asks pip what it would install for each Python and processor, without installing it. Run it after changing
assets.in, and read the difference before committing it.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PYTHONS = ("3.11", "3.12", "3.13")
PROCESSORS = ("x86_64", "aarch64")
# Debian 12 has glibc 2.36, so any of these wheels runs there.
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


def resolve(python: str, processor: str) -> dict[str, str]:
    """Requirement to SHA-256, for one Python on one processor."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
        for platform in PLATFORMS:
            command += ["--platform", f"{platform}_{processor}"]
        command += ["--target", folder, "--report", str(report), "--requirement", str(HERE / "assets.in")]
        subprocess.run(command, check=True)
        installs = json.loads(report.read_text())["install"]
    return {
        f"{entry['metadata']['name']}=={entry['metadata']['version']}": entry["download_info"]["archive_info"]["hashes"]["sha256"]
        for entry in installs
    }


def main() -> None:
    hashes: dict[str, set[str]] = {}
    for python in PYTHONS:
        for processor in PROCESSORS:
            print(f"resolving for Python {python} on {processor}", flush=True)
            for requirement, sha256 in resolve(python, processor).items():
                hashes.setdefault(requirement, set()).add(sha256)
    lines = ["# Written by scripts/lock-assets.py from assets.in: wheels for CPython 3.11 to 3.13, x86_64 and aarch64.", ""]
    for requirement in sorted(hashes, key=str.lower):
        options = [f"    --hash=sha256:{sha256}" for sha256 in sorted(hashes[requirement])]
        lines.append(" \\\n".join([requirement, *options]))
    (HERE / "assets.lock").write_text("\n".join(lines) + "\n")
    print(f"{HERE / 'assets.lock'}: {len(hashes)} packages, {sum(map(len, hashes.values()))} wheels")


if __name__ == "__main__":
    main()
