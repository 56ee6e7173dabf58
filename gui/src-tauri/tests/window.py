"""The desktop program as people use it: real windows, a real node, a real bus; every step waits for what it wants to see.

    scripts/desktop test
"""

import contextlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
import time

from program import DAEMON, HOME, ROOT, Program, ask, close, focus, log, logs, nodes, picture, said, wait, window, windows
from session import Desktop, screen

SETTINGS = f"""
[node]
listen_address = "/ip4/127.0.0.1/udp/0/quic-v1"
[network]
mdns = false
upnp = false
[api]
rest_address = "127.0.0.1:0"
grpc_address = "off"
ws_address = "off"
[[expert]]
card = "{ROOT}/models/experts/geography"
[[expert]]
card = "{ROOT}/models/experts/arithmetic"
"""


def invitation(name: str) -> str:
    state = HOME / "friend"
    said(str(DAEMON), "--state-dir", str(state), "swarm", "create", name)
    command = (str(DAEMON), "--state-dir", str(state), "swarm", "invite", name, "--address", "/ip4/192.0.2.1/udp/4820/quic-v1")
    return said(*command).strip()


def swarms() -> list[str]:
    return [swarm["name"] for swarm in json.loads(said(str(DAEMON), "swarm", "list", "--json"))["swarms"]]


# What a page may not do, and what it may: ask for a command of ours, go elsewhere, go to our own page, save a file.
PROBE = """<!doctype html><title>Probe</title><script>
const { invoke } = window.__TAURI_INTERNALS__;
const commands = ['situation', 'retry', 'connect', 'offer', 'accept', 'start', 'plugin:opener|open_url', 'plugin:event|listen'];
const refused = (command) => invoke(command, {}).then(() => false, (error) => /not allowed/.test(error));
Promise.all(commands.map(refused)).then((all) => {
  document.title = all.every(Boolean) ? 'REFUSED' : `ALLOWED ${commands.filter((_, at) => !all[at])}`;
  const file = document.createElement('a');
  file.href = URL.createObjectURL(new Blob(['hello']));
  file.download = 'receipts.jsonl';
  // One after the other: a page goes where it was told last.
  const steps = [
    () => (location.href = 'tauri://localhost/index.html'),
    () => (location.href = 'https://example.org/'),
    () => file.click(),
  ];
  steps.forEach((step, at) => setTimeout(step, 3_000 * at));
});
</script>"""


@contextlib.contextmanager
def page(text: str):
    """Serves one page, and says where."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Story:
    """The steps, in their order: each begins where the one before has ended."""

    def __init__(self, desktop: Desktop) -> None:
        self.desktop = desktop

    def test_the_console_is_shown(self) -> None:
        self.program = Program()
        self.program.console()
        number = wait("the console's title", lambda: next((n for n, t in windows().items() if t == "Polymath"), None))
        picture(number)
        assert len(nodes()) == 1, nodes()
        assert "#key=" not in logs(), "the owner's key is in a log"

    def test_a_second_start_shows_the_first(self) -> None:
        Program().ends()
        wait("the first to hear of it", lambda: "started a second time" in log())
        assert len(windows()) == 1, windows()
        assert len(nodes()) == 1, nodes()

    def test_a_link_asks_before_it_joins(self) -> None:
        link = f"polymath://join?invitation={invitation('family')}"
        Program(link).ends()
        picture(focus("Join a private swarm"), "desktop-join")
        assert swarms() == [], "joined without asking"

        self._agree("the membership", lambda: swarms() == ["family"])
        wait("the notification", lambda: "You are in a private swarm" in self.desktop.notifications)
        self._agree("the node there", lambda: log().count("the node in family runs"))
        assert len(nodes()) == 2, nodes()
        picture(focus("Join a private swarm"))
        self._escape()
        said(str(DAEMON), "--swarm", "family", "stop")
        wait("its end", lambda: len(nodes()) == 1)

    def test_a_bad_link_is_refused(self) -> None:
        for link in ["polymath://join?invitation=polymath1:zzzz", "polymath://leave", "polymath://join?invitation=$(reboot)"]:
            refused = log().count("a link was refused")
            Program(link).ends()
            wait("the refusal", lambda: log().count("a link was refused") == refused + 1)
        self._escape()
        assert swarms() == ["family"]

    def _agree(self, what: str, is_done) -> None:
        def agreed() -> bool:
            # The answer that does nothing has the focus; the other one is before it.
            focus("Join a private swarm")
            said("xdotool", "key", "shift+Tab", "Return")
            with contextlib.suppress(TimeoutError):
                return wait(what, is_done, 20)
            return False

        wait(what, agreed)

    def _escape(self) -> None:
        def is_gone() -> bool:
            if title := window("Join a private swarm"):
                said("xdotool", "windowfocus", "--sync", title, "key", "Escape")
            return len(windows()) == 1

        wait("the dialog's end", is_gone)

    def test_a_node_that_is_killed_comes_back(self) -> None:
        [first] = nodes()
        self.program.read = len(log())
        os.kill(first, signal.SIGKILL)
        self.program.console()
        [second] = nodes()
        assert first != second
        wait("the notification", lambda: "Your node is back" in self.desktop.notifications)
        assert self.desktop.notifications.count("Your node has stopped") == 1, self.desktop.notifications

    def test_closing_ends_it_where_there_is_no_tray(self) -> None:
        assert not self.desktop.has_tray()
        close(wait("the window", lambda: window("Polymath")))
        self.program.ends()
        assert nodes() == []

    def test_closing_hides_it_in_the_tray(self) -> None:
        self.desktop.show_tray()
        wait("the tray", self.desktop.has_tray)
        self.program = Program()
        place = self.program.console()
        number = wait("the window", lambda: window("Polymath"))
        ask(place, number, "What is the capital of Peru? And what is 17 times 4?")
        picture(number, "desktop")
        close(wait("the window", lambda: window("Polymath")))
        wait("the window to hide", lambda: not windows())
        assert len(nodes()) == 1, "the node ends with the window"
        wait("the tray's menu", self.desktop.menu)
        assert "Your node is running" in self.desktop.menu(), self.desktop.menu()
        self.desktop.choose("Open Polymath")
        wait("the window again", windows)

    def test_it_starts_at_login_if_so_wished(self) -> None:
        entry = HOME / ".config/autostart/Polymath.desktop"
        assert not entry.exists()
        self.desktop.choose("Start at login")
        wait("the entry", lambda: "--hidden" in entry.read_text())
        self.desktop.choose("Start at login")
        wait("its end", lambda: not entry.exists())

    def test_the_menu_ends_it(self) -> None:
        self.desktop.choose("Quit")
        self.program.ends()
        assert nodes() == []
        self.desktop.forget_icons()

    def test_it_can_start_hidden_and_its_violent_end_ends_the_node(self) -> None:
        self.program = Program("--hidden")
        self.program.console()
        assert windows() == {}
        Program("--hidden").ends()
        assert windows() == {}
        assert len(nodes()) == 1
        self.program.end(signal.SIGKILL, -signal.SIGKILL)
        wait("the node's end", lambda: not nodes())

    def test_it_does_not_hide_where_no_tray_comes(self) -> None:
        self.desktop.hide_tray()
        wait("the tray's end", lambda: not self.desktop.has_tray())
        self.program = Program("--hidden")
        self.program.console()
        wait("the window", lambda: window("Polymath"))
        self.program.end(signal.SIGTERM)
        self.desktop.show_tray()

    def test_a_signal_ends_both(self) -> None:
        self.program = Program()
        self.program.console()
        self.program.end(signal.SIGTERM)
        assert nodes() == []

    def test_a_node_of_the_users_own_is_used_and_left_alone(self) -> None:
        node = subprocess.Popen([DAEMON, "run"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait("the node", lambda: said(str(DAEMON), "health") and said(str(DAEMON), "console", "--print"))
            self.program = Program()
            place = self.program.console()
            assert nodes() == [node.pid], nodes()
            self.program.end(signal.SIGTERM)
            assert node.poll() is None, "it ended somebody else's node"
            self._shows_a_node_elsewhere(place)
        finally:
            node.terminate()
            node.wait()

    def _shows_a_node_elsewhere(self, place: str) -> None:
        self.program = Program("--node", place)
        assert self.program.console() == place
        self.program.end(signal.SIGTERM)

    def test_a_page_gets_no_command_and_leads_nowhere(self) -> None:
        opened, saved = HOME / "opened", HOME / "Downloads/receipts.jsonl"
        with page(PROBE) as place:
            self.program = Program("--node", place)
            wait("the refusal", lambda: "REFUSED" in "".join(windows().values()))
            wait("the browser", lambda: opened.read_text().split() == ["https://example.org/"])
            wait("the file", lambda: saved.read_text() == "hello")
            wait("the notification", lambda: "Saved" in self.desktop.notifications)
            assert "REFUSED" in "".join(windows().values()), "the page has gone away"
            self.program.end(signal.SIGTERM)

    def test_what_keeps_a_node_from_starting_is_shown(self) -> None:
        settings = HOME / "settings.toml"
        settings.write_text("[node]\nnonsense = 1\n")
        self.program = Program()
        wait("the fault", lambda: window("Your node does not run"))
        assert "nonsense" in log()
        picture(window("Your node does not run"))
        settings.write_text(SETTINGS)

        def is_tried_again() -> bool:
            # The first thing that can be chosen is another try.
            focus("Your node does not run")
            said("xdotool", "key", "Tab", "Return")
            return "node: Looking" in log()[self.program.read :]

        wait("another try", is_tried_again)
        self.program.console()
        self.program.end(signal.SIGTERM)


def own_environment() -> None:
    """Everything that the program finds is this test's: home, settings, browser."""
    settings = HOME / "settings.toml"
    settings.write_text(SETTINGS)
    for variable in [name for name in os.environ if name.startswith(("XDG_", "POLYMATH_"))]:
        del os.environ[variable]
    runtime = HOME / "runtime"
    runtime.mkdir(mode=0o700)
    # For what the console's window does not show.
    browser = HOME / "bin/xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$@" >>{HOME}/opened\n')
    browser.chmod(0o755)
    os.environ |= {
        "PATH": f"{browser.parent}:{os.environ['PATH']}",
        "HOME": str(HOME),
        "XDG_RUNTIME_DIR": str(runtime),
        "POLYMATH_DAEMON": str(DAEMON),
        "POLYMATH_CONFIG": str(settings),
        "POLYMATH_ASSETS": str(ROOT / "models"),
        "GDK_BACKEND": "x11",
        # No screen reader comes, and its bus would only make noise.
        "NO_AT_BRIDGE": "1",
    }


def main() -> None:
    own_environment()
    passed = 0
    with screen(HOME):
        story = Story(Desktop())
        for name in [name for name in vars(Story) if name.startswith("test_")]:
            began = time.monotonic()
            try:
                getattr(story, name)()
            except BaseException:
                print(f"not ok {name}\n{passed} passed, 1 failed", flush=True)
                story.program.process.kill()
                raise
            passed += 1
            print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{passed} passed, 0 failed")


if __name__ == "__main__":
    try:
        main()
    finally:
        # A program that was killed may still be writing.
        shutil.rmtree(HOME, ignore_errors=True)
