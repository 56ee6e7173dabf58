"""A switch between network interfaces that delays, jitters and loses frames, by a seed: the kernel here has no netem.

    switch.py --delay-ms 25 --jitter-ms 3 --loss 0.01 --seed 7 PORT...

Every frame that comes in at a port goes out at the port behind which its receiver was seen, or at all others, after the delay. Lines on standard
input: `cut PORT` takes a port off, `join PORT` puts it back. Ends with standard input.
"""

import argparse
import heapq
import random
import selectors
import socket
import sys
import time

FRAME_BYTES_MAX = 65_536
ALL_PROTOCOLS = 0x0003
PACKET_OUTGOING = 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=float, default=25.0)
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("ports", nargs="+")
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    selector = selectors.DefaultSelector()
    ports = {}
    for name in arguments.ports:
        port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        port.bind((name, 0))
        port.setblocking(False)
        ports[name] = port
        selector.register(port, selectors.EVENT_READ, name)
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    cut, behind, waiting, count = set(), {}, [], 0
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, name, frame = heapq.heappop(waiting)
            if name not in cut:
                try:
                    ports[name].send(frame)
                except OSError:
                    # As a wire does with what does not fit.
                    pass
        timeout = max(0.0, waiting[0][0] - now) if waiting else None
        for key, _ in selector.select(timeout):
            if key.data is None:
                line = sys.stdin.readline().split()
                if not line:
                    return
                (cut.add if line[0] == "cut" else cut.discard)(line[1])
                print("done", flush=True)
                continue
            for _ in range(64):
                try:
                    frame, about = ports[key.data].recvfrom(FRAME_BYTES_MAX)
                except BlockingIOError:
                    break
                if about[2] == PACKET_OUTGOING or key.data in cut:
                    continue
                behind[frame[6:12]] = key.data
                to = behind.get(frame[0:6])
                for name in [to] if to else [name for name in ports if name != key.data]:
                    if name == key.data or draw.random() < arguments.loss:
                        continue
                    delay = max(0.0, draw.gauss(arguments.delay_ms, arguments.jitter_ms)) / 1_000
                    count += 1
                    heapq.heappush(waiting, (time.monotonic() + delay, count, name, frame))


main()
