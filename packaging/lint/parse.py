"""Parses what is written for macOS and Windows, and compares what several files of packaging must say alike."""

import pathlib
import plistlib
import re
import sys
import tomllib
import xml.etree.ElementTree

import tree_sitter
import tree_sitter_powershell

PACKAGING = pathlib.Path(__file__).resolve().parents[1]
EXPERTS = PACKAGING.parent / "models" / "experts"


def main() -> int:
    faults = [*powershell(PACKAGING / "windows" / "install.ps1"), *launchd(), *task(), *experts(), *runtime()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def powershell(script: pathlib.Path) -> list[str]:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    waiting, faults = [parser.parse(script.read_bytes()).root_node], []
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            faults.append(f"{script.name}:{node.start_point.row + 1}: not PowerShell: {node.text.decode()[:60]}")
        waiting.extend(node.children)
    return faults


def launchd() -> list[str]:
    agent = plistlib.loads((PACKAGING / "macos" / "ai.polymath.node.plist").read_bytes())
    if agent["Label"] != "ai.polymath.node" or not agent["ProgramArguments"][0].startswith("/"):
        return ["ai.polymath.node.plist: launchd wants the file's name as Label, and an absolute path"]
    return []


def task() -> list[str]:
    root = xml.etree.ElementTree.parse(PACKAGING / "windows" / "polymath-task.xml").getroot()
    space = {"task": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    if root.find("task:Actions/task:Exec/task:Command", space) is None:
        return ["polymath-task.xml: runs nothing"]
    return []


def experts() -> list[str]:
    """The service serves every bundled expert, and the containers only ones that there are."""
    bundled = {card.parent.name for card in EXPERTS.glob("*/card.toml")}
    config = tomllib.loads((PACKAGING / "debian" / "config.toml").read_text())
    served = {pathlib.Path(expert["card"]).name for expert in config["expert"]}
    composed = set(re.findall(r"models/experts/(\w+)", (PACKAGING / "docker" / "docker-compose.yml").read_text()))
    faults = []
    if served != bundled:
        faults.append(f"debian/config.toml: bundled experts and served ones differ in {sorted(served ^ bundled)}")
    if not composed <= bundled:
        faults.append(f"docker-compose.yml: no such experts: {sorted(composed - bundled)}")
    return faults


def runtime() -> list[str]:
    """The installer for macOS brings the ONNX Runtime that the program looks for."""
    wanted = re.search(r'libonnxruntime\.so\.([0-9.]+)"', (PACKAGING.parent / "scripts" / "setup-assets.py").read_text())
    brought = re.search(r"^RUNTIME=(.+)$", (PACKAGING / "macos" / "package").read_text(), re.MULTILINE)
    if not wanted or not brought or wanted[1] != brought[1]:
        return ["macos/package: RUNTIME is not the version of scripts/setup-assets.py"]
    return []


if __name__ == "__main__":
    sys.exit(main())
