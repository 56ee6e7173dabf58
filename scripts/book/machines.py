"""Machines of a page: network namespaces with all ports free, on one network, each with a home and a folder of its own.

Runs inside namespaces that `commands.py` has made with unshare, so that whatever is left running ends with the page.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from pages import ROOT

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = ROOT / "scripts/clients"
NETWORK = "192.168.77"
# What a page may take long for: a node that starts while other tests use both cores.
BLOCK_SECONDS = 300
# What would reach the page from whoever runs this.
OURS = ("POLYMATH_", "XDG_", "OPENAI_", "HF_", "OLLAMA_", "GUIDE_")


class Failed(Exception):
    """What a block said when it failed."""


def ip(*words, inside=None):
    enter = ["nsenter", "--target", str(inside), "--net"] if inside else []
    # Debian keeps it where only root's path leads.
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run([*enter, "ip", *map(str, words)], check=True, env=os.environ | {"PATH": path})


class Machine:
    """The first one is the page's own namespace, which has the network's bridge; others hang on to it."""

    def __init__(self, name, number, scratch):
        self.home, self.place, self.enter = scratch / name / "home", scratch / name / "polymath", []
        self.home.mkdir(parents=True)
        self.place.mkdir()
        for entry in ROOT.iterdir():
            if entry.name != ".git":
                (self.place / entry.name).symlink_to(entry)
        (self.place / "node_modules").symlink_to(CLIENTS / "node_modules")
        if number == 1:
            ip("link", "add", "lan", "type", "bridge")
            device, inside = "lan", None
        else:
            holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
            device, inside = "eth0", holder.pid
            self.enter = ["nsenter", "--target", str(inside), "--net"]
            while os.readlink(f"/proc/{inside}/ns/net") == os.readlink("/proc/self/ns/net"):
                pass
            ip("link", "add", name, "type", "veth", "peer", "name", device, "netns", inside)
            ip("link", "set", name, "master", "lan", "up")
        ip("link", "set", "lo", "up", inside=inside)
        ip("address", "add", f"{NETWORK}.{number}/24", "dev", device, inside=inside)
        ip("link", "set", device, "up", inside=inside)
        ip("route", "add", "default", "dev", device, inside=inside)

    def environment(self, daemon, logs):
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return theirs | {
            "PATH": f"{HERE / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "NO_PROXY": "*",
            "POLYMATH_ASSETS": str(ROOT / "models"),
            "GUIDE_DAEMON": str(daemon),
            "GUIDE_CURL": shutil.which("curl") or sys.exit("curl is missing; run scripts/setup tests"),
            "GUIDE_LOGS": str(logs),
        }

    def run(self, argv, place, environment):
        """Runs a program to its end, whatever it leaves running; what it printed."""
        with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
            program = subprocess.Popen(
                [*self.enter, *argv], cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            try:
                code = program.wait(BLOCK_SECONDS)
                failed = f"exit code {code}" if code else None
            except subprocess.TimeoutExpired:
                failed = f"not done after {BLOCK_SECONDS} s"
            out.seek(0)
            err.seek(0)
            printed = out.read()
            if failed:
                raise Failed(f"{failed}\n{printed}{err.read()}")
            return printed
