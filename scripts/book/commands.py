"""Runs every command of the guide and the README, as it is written, against real nodes.

    python3 scripts/book/commands.py [PAGE...]

Each page has namespaces of its own (network, processes, mounts), so that all default ports are free and nothing is left
running whatever happens. What is not run is printed with its reason. `pages.py` says how a page asks for what.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import tomllib

import machines
import pages
from machines import CLIENTS, Failed, Machine
from pages import ROOT

# A page's set-up, and up to a dozen nodes that come up one after another on two busy cores.
PAGE_SECONDS = 900
FILE_NAME = re.compile(r"# ((?:~/)?[\w./-]+\.toml)\n")
# Says which line of the page failed.
TRAP = """trap 'echo "line $LINENO: $BASH_COMMAND" >&2' ERR; source "$1" """


def compare(printed, expected):
    """Every line of what the page shows must come in what was printed, in this order."""
    rest = printed.splitlines()
    for line in filter(None, map(str.strip, expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        at = next((i for i, said in enumerate(rest) if pattern.fullmatch(said.strip())), None)
        if at is None:
            raise Failed(f"the page shows `{line}`, which was not printed (or not in this place):\n{printed}")
        rest = rest[at + 1 :]


class Run:
    """One page, inside its namespaces."""

    def __init__(self, page, daemon, scratch):
        self.page, self.daemon, self.scratch = page, daemon, scratch
        self.logs = scratch / "logs"
        self.logs.mkdir()
        self.machines = {}
        # A page leaves the checkout as it is.
        subprocess.run(["mount", "--bind", str(ROOT), str(ROOT)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(ROOT)], check=True)
        self.machine("home")

    def machine(self, name):
        if name not in self.machines:
            self.machines[name] = Machine(name, len(self.machines) + 1, self.scratch)
        return self.machines[name]

    def shell(self, block, text):
        machine = self.machine(block.note("on") or "home")
        script = self.scratch / "block.sh"
        script.write_text("\n" * (block.line - 1) + text + "\n")
        place = ROOT if self.page.note("in") == "checkout" else machine.place
        environment = machine.environment(self.daemon, self.logs)
        return machine.run(["bash", "-eEuo", "pipefail", "-c", TRAP, "block", str(script)], place, environment)

    def program(self, block):
        machine = self.machine(block.note("on") or "home")
        python, suffix = str(CLIENTS / ".venv/bin/python"), {"python": ".py", "js": ".mjs"}[block.language]
        path = machine.place / f"program-{block.line}{suffix}"
        path.write_text(block.text + "\n")
        argv = [python if block.language == "python" else "node", str(path)]
        machine.run(argv, machine.place, machine.environment(self.daemon, self.logs))

    def settings(self, block):
        tomllib.loads(block.text)
        named = FILE_NAME.match(block.text)
        if not named:
            return None
        machine = self.machine(block.note("on") or "home")
        path = machine.place / named[1].replace("~", str(machine.home))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text + "\n")
        return "file"

    def block(self, block):
        """What kind of thing was done, if anything."""
        if block.note("before"):
            self.shell(block, block.note("before"))
        if block.language == "sh":
            printed = self.shell(block, block.text)
            if block.prints:
                compare(printed, block.prints)
            return "block"
        if block.language in ("python", "js"):
            self.program(block)
            return "program"
        if block.language == "toml":
            return self.settings(block)
        if block.language == "json":
            json.loads(block.text)
        return None


def inside(path, daemon, scratch):
    """Runs a page and prints what came of it, one JSON object."""
    page = pages.read(path)
    came = {"done": [], "left": [], "failed": None}
    whole = page.note("not-run")
    run = None
    for block in page.blocks:
        reason = whole or block.note("not-run")
        if reason:
            if block.language in ("sh", "python", "js"):
                came["left"].append([block.place, reason])
            continue
        try:
            if run is None:
                run = Run(page, daemon, scratch)
                if page.note("before"):
                    run.shell(pages.Block(path, 1, "sh", "", []), page.note("before"))
            kind = run.block(block)
        except (Failed, ValueError, OSError, subprocess.CalledProcessError) as error:
            came["failed"] = [block.place, str(error)]
            break
        if kind:
            came["done"].append(kind)
    print(json.dumps(came))


def isolated(path, daemon):
    """Runs a page in namespaces of its own."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    with tempfile.TemporaryDirectory(prefix="guide-", ignore_cleanup_errors=True) as scratch:
        argv = ["unshare", *mapped, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv += [sys.executable, __file__, "--inside", path, str(daemon), scratch]
        try:
            done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            return {"done": [], "left": [], "failed": [f"{path}:1", f"not done after {PAGE_SECONDS} s"]}
    if done.returncode:
        hint = "it needs namespaces (unshare) and iproute2; as root, or where users may make namespaces"
        return {"done": [], "left": [], "failed": [f"{path}:1", f"the page could not be run; {hint}"]}
    return json.loads(done.stdout.splitlines()[-1])


def main(wanted):
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    daemon = pathlib.Path(os.environ.get("GUIDE_DAEMON", target / "debug/daemon")).resolve()
    if not daemon.is_file():
        sys.exit(f"no program {daemon}; run cargo build --package polymath-daemon")
    done, left, failed, started = [], [], [], time.monotonic()
    for path in wanted or pages.runnable():
        began = time.monotonic()
        came = isolated(path, daemon)
        done += came["done"]
        left += came["left"]
        if came["done"] or came["failed"]:
            said = "FAILED" if came["failed"] else f"{len(came['done'])} run"
            print(f"{time.monotonic() - began:6.1f} s  {path}: {said}", flush=True)
        if came["failed"]:
            failed.append(came["failed"])
            print("{}: {}".format(*came["failed"]), flush=True)
    if left:
        print("not run:")
        for place, reason in left:
            print(f"  {place}: {reason}")
    count = {kind: done.count(kind) for kind in ("block", "program", "file")}
    print(
        f"{count['block']} blocks of commands, {count['program']} programs and {count['file']} settings files run in"
        f" {time.monotonic() - started:.0f} s; {len(left)} not run, {len(failed)} failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
    else:
        sys.exit(main(sys.argv[1:]))
