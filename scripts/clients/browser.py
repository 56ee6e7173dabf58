"""A page in headless Chromium that talks to a node over WebSocket; prints what came of it.

    python scripts/clients/browser.py PORT ws://127.0.0.1:8081/ws/chat

The page is served on 127.0.0.1:PORT, which is its origin. Prints `answer ...`, `refused` or `error ...`.
"""

import http.server
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from urllib.parse import quote

PORT, NODE = int(sys.argv[1]), sys.argv[2]
PATIENCE = 120  # seconds; a browser's first start on a busy machine takes some
PAGE = pathlib.Path(__file__).with_name("page.html").read_bytes()
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage"
).split()
result, done = [], threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def do_POST(self):
        result.append(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(204)
        self.end_headers()
        done.set()

    def log_message(self, *_):
        pass


def main():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("no Chromium here; run `scripts/setup tests`")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # The browser's own children may still write there for a moment after it was killed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        url = f"http://127.0.0.1:{PORT}/?ws={quote(NODE, safe='')}"
        browser = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", url],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        arrived = done.wait(PATIENCE)
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
    if not arrived:
        sys.exit("the page did not report back")
    print(result[0])


main()
