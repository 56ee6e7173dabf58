"""The program as seen from outside: its windows, its log, its node, and what a person does with mouse and keyboard."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ["POLYMATH_DESKTOP"])
DAEMON = pathlib.Path(os.environ["POLYMATH_DAEMON"])
# The home of the test's user; whoever has made it removes it.
HOME = pathlib.Path(tempfile.mkdtemp(prefix="polymath-desktop-"))
PATIENCE_S = 90  # a busy machine with two cores loads a web view and a model meanwhile

CONSOLE = re.compile(r"window main: loaded (http://127\.0\.0\.1:\d+)")
# A picture of one colour, or of a page that did not come up, has fewer.
COLOURS_MIN = 100
# What moves, moves within this time; the field's caret may.
MOTION_S = 0.7
CARET_PIXELS = 60

def wait(what: str, condition, seconds: float = PATIENCE_S):
    """Waits until `condition` says something true, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.CalledProcessError, OSError):
            if found := condition():
                return found
        time.sleep(0.05)
    raise TimeoutError(f"not in {seconds} s: {what}\n{logs()}")


def logs() -> str:
    """What the programs have said, for whoever has to find a fault."""
    folder = HOME / ".local/share/org.polymath.desktop/logs"
    files = [HOME / "output.log", *sorted(folder.glob("*.log"))]
    return "\n".join(f"-- {path.name}\n{path.read_text()[-4000:]}" for path in files if path.exists())


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def log() -> str:
    path = HOME / ".local/share/org.polymath.desktop/logs/desktop.log"
    return path.read_text() if path.exists() else ""


def windows() -> dict[str, str]:
    """The windows that can be seen, and their titles."""
    found = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--class", PROGRAM.name], capture_output=True, text=True
    ).stdout.split()
    titled = {number: said("xdotool", "getwindowname", number).strip() for number in found}
    # Windows of a pixel belong to the toolkit.
    return {number: title for number, title in titled.items() if "1x1" not in geometry(number)}


def geometry(number: str) -> str:
    return said("xdotool", "getwindowgeometry", number)


def window(title: str) -> str | None:
    return next((number for number, text in windows().items() if title in text), None)


def nodes() -> list[int]:
    """The processes of nodes with this test's home."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            ours = f"HOME={HOME}".encode() in (process / "environ").read_bytes().split(b"\0")
            if ours and b"run" in arguments and str(DAEMON).encode() in arguments:
                found.append(int(process.name))
    return found


class Program:
    """One run of the program."""

    def __init__(self, *arguments: str) -> None:
        self.read = len(log())
        output = (HOME / "output.log").open("ab")
        self.process = subprocess.Popen([PROGRAM, *arguments], stdout=output, stderr=output)

    def console(self) -> str:
        """Waits for a console that was not there before, and for its page's own requests; says where it is."""

        def place() -> str | None:
            loaded = CONSOLE.findall(log()[self.read :])
            return loaded[-1] if loaded and "/v1/" in asked(loaded[-1]) else None

        return wait("the console", place)

    def ends(self, code: int = 0) -> None:
        """Waits for the end, which is to be this one."""
        ended = self.process.wait(PATIENCE_S)
        assert ended == code, f"it ended with {ended}\n{logs()}"

    def end(self, number: int, code: int = 0) -> None:
        self.process.send_signal(number)
        self.ends(code)


def counted(place: str, metric: str) -> list[str]:
    """The labels of one of the node's metrics, for all that has been counted."""
    address = (HOME / ".local/state/polymath/console.url").read_text().strip()
    request = urllib.request.Request(f"{place}/metrics")
    request.add_header("Authorization", f"Bearer {address.split('#key=')[1]}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    return re.findall(rf"polymath_{metric}{{(.*?)}} [1-9]", text)


def asked(place: str) -> str:
    """The routes that the page has called with success."""
    return " ".join(labels for labels in counted(place, "http_requests_total") if 'status="200"' in labels)


def ask(place: str, number: str, question: str) -> None:
    """Asks in the window as a person does, and waits for the answer."""

    def is_answered() -> bool:
        return 'outcome="answered"' in counted(place, "questions_total")

    _, size = geometry(number).split("Geometry: ")
    width, height = map(int, size.split()[0].split("x"))
    # The field is at the bottom, wherever exactly.
    for above in (106, 90, 122, 74, 138):
        said("xdotool", "mousemove", "--window", number, str(width * 3 // 5), str(height - above), "click", "1")
        said("xdotool", "type", "--delay", "5", question)
        said("xdotool", "key", "Return")
        with contextlib.suppress(TimeoutError):
            return wait("the answer", is_answered, 15)
    raise AssertionError(f"no answer\n{logs()}")


def picture(number: str, name: str | None = None) -> None:
    """Takes a picture of a window, once there is something to see on it and nothing moves; one with a name is for the documentation."""
    path, before = HOME / f"{name}.png", HOME / "before.png"

    def is_settled() -> bool:
        said("import", "-window", number, str(before))
        time.sleep(MOTION_S)
        said("import", "-window", number, str(path))
        if int(said("identify", "-format", "%k", str(path))) < COLOURS_MIN:
            return False
        compared = subprocess.run(["compare", "-metric", "AE", before, path, "null:"], capture_output=True, text=True)
        return float(compared.stderr) <= CARET_PIXELS

    wait("something on the window", is_settled)
    if name and os.environ.get("SCREENSHOTS") == "1":
        shutil.copy(path, ROOT / "docs/images")


def focus(title: str) -> str:
    """Gives a window the keyboard, once it is there."""
    number = wait(f"the window {title}", lambda: window(title))
    said("xdotool", "windowfocus", "--sync", number)
    return number


def close(number: str) -> None:
    """As the cross in the window's corner does."""
    said("wmctrl", "-i", "-c", number)
