"""Plays a person at a terminal who talks to `daemon chat`: asks, stops an answer with Ctrl-C, asks again, leaves.

    python scripts/clients/chat_terminal.py DAEMON [ARGUMENT...]

ARGUMENTs come before `chat`. The node must be so busy that an answer takes a while to begin. Keys are pressed only when
the program listens: in the editor the terminal is raw, while an answer comes it is not.
"""

import os
import pty
import select
import sys
import termios
import time

PATIENCE = 60  # seconds
ASKS_FOR_THE_CURSOR = "\x1b[6n"
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], [*sys.argv[1:], "chat"])
termios.tcsetwinsize(terminal, (40, 120))
screen = ""


def until(what, condition):
    """Reads what the program prints, and answers as a terminal does, until the condition holds."""
    global screen
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"gave up waiting until {what}; the screen says\n{screen}"
        if select.select([terminal], [], [], 0.005)[0]:
            try:
                text = os.read(terminal, 65536).decode(errors="replace")
            except OSError:
                # The other end is closed.
                assert condition(), f"the program left before {what}; the screen says\n{screen}"
                return
            screen += text
            # Where is the cursor?
            os.write(terminal, b"\x1b[1;1R" * text.count(ASKS_FOR_THE_CURSOR))


def raw():
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def listening():
    """The editor asks where the cursor is once it has the keyboard; what is typed before may be lost."""
    return raw() and ASKS_FOR_THE_CURSOR in screen


def press(keys):
    """Presses keys in the editor."""
    global screen
    until("the editor listens", listening)
    screen = ""
    os.write(terminal, keys)


def ask(question):
    press(question.encode() + b"\r")
    # An answer may be there and the editor back before anyone looks.
    until("the question is asked", lambda: not raw() or ASKS_FOR_THE_CURSOR in screen)


def says(text):
    until(f"it says {text!r}", lambda: text in screen)


def main():
    ask("What is the chemical symbol for gold?")
    says("Au")
    says("chemistry")
    ask("What is the chemical symbol for silver?")
    os.write(terminal, b"\x03")
    says("stopped")
    assert "Ag" not in screen, screen
    # In the editor it throws the line away, and no more.
    press(b"nonsense\x03")
    ask("What is the chemical symbol for iron?")
    says("Fe")
    until("the editor listens", listening)
    os.write(terminal, b"\x04")
    deadline = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            break
        assert time.monotonic() < deadline, "Ctrl-D does not end it"
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                os.read(terminal, 65536)
            except OSError:
                pass
    assert os.waitstatus_to_exitcode(status) == 0, status
    print("ok")


main()
