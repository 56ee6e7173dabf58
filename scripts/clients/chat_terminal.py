#!/usr/bin/env python3
"""Uses `daemon chat` on a pseudo-terminal, as a person does.

    chat_terminal.py NODE_PID DAEMON [ARGUMENT...]

The node behind it (NODE_PID, with the experts chemistry and arithmetic) is stopped for a moment, so that Ctrl-C comes
while an answer is under way for certain. ARGUMENTs come before `chat` (--state-dir, --assets). Standard library only.
Exits with 0 if the chat streams, stops an answer without ending, keeps its history, and leaves with Ctrl-D.
"""

import os
import pty
import select
import signal
import sys
import time

PATIENCE = 60.0
# The editor gives the keyboard back: it ends bracketed paste.
DONE = b"\x1b[?2004l"


class Terminal:
    def __init__(self, command):
        self.seen = b""
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.environ["TERM"] = "xterm"
            os.execv(command[0], command)

    def read(self, seconds):
        """Takes what comes within the time; False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        # The editor asks where the cursor is.
        for _ in range(data.count(b"\x1b[6n")):
            os.write(self.master, b"\x1b[1;1R")
        self.seen += data
        return bool(data)

    def until(self, text, what):
        """Waits for the text, and forgets what came up to it."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            if time.monotonic() > deadline or not self.read(0.2):
                raise SystemExit(f"FAIL {what}: {text!r} did not come after {self.seen[-400:]!r}")
        self.seen = self.seen[self.seen.index(text) + len(text) :]
        print(f"ok   {what}")

    def interrupt(self, text, what):
        """Presses Ctrl-C until the text comes: the first may be too early, while the editor still has the keys."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen and time.monotonic() < deadline:
            self.type(b"\x03")
            self.read(0.5)
        self.until(text, what)

    def type(self, keys):
        os.write(self.master, keys)

    def ended(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.read(0.1)
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                return os.waitstatus_to_exitcode(status)
        os.kill(self.process, signal.SIGKILL)
        raise SystemExit("FAIL Ctrl-D does not leave")


def main(node, command):
    chat = Terminal([*command, "chat"])
    chat.until(b"you", "there is a prompt")
    chat.type(b"What is the chemical symbol for gold?\r")
    chat.until(b"Au\r\n", "the answer comes")
    chat.until(b"chemistry", "and who gave it")
    chat.until(b"you", "there is a prompt again")
    chat.type(b"half a question\x03")
    chat.until(DONE, "Ctrl-C throws a line away")
    chat.until(b"you", "there is a prompt again")
    os.kill(node, signal.SIGSTOP)
    try:
        chat.type(b"What is 17 plus 25?\r")
        chat.until(DONE, "the question is on its way")
        chat.interrupt(b"stopped", "Ctrl-C stops the answer")
    finally:
        os.kill(node, signal.SIGCONT)
    chat.until(b"you", "and not the program")
    chat.type(b"What is 17 plus 25?\r")
    chat.until(b"42\r\n", "which answers the next question")
    chat.until(b"you", "there is a prompt again")
    chat.type(b"\x04")
    code = chat.ended()
    if code != 0:
        raise SystemExit(f"FAIL the chat ends with {code}")
    print("all is well")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(int(sys.argv[1]), sys.argv[2:])
