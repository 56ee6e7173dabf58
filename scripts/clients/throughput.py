"""Answers a second of servers that speak OpenAI's chat completions, in turns within one run.

    python scripts/clients/throughput.py --cases models/experts/chemistry/cases_unseen.jsonl \
        --server polymath=http://127.0.0.1:8080,expert:chemistry --server llama=http://127.0.0.1:8090,x

Each client is a process of its own that asks one question after another over one connection, at temperature 0. With
`--own` a client repeats its own question, so that servers which keep what they have read need not read it again.
Prints a line for each number of clients: the median over the rounds, and the first server's over each other's.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import time
import urllib.parse


def ask(number: int, url: str, model: str, questions: list[str], own: bool, seconds: float, counts) -> None:
    server = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(server.hostname, server.port, timeout=60)
    place, done, end = number * 37, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        question = {"role": "user", "content": questions[place % len(questions)]}
        body = {"model": model, "messages": [question], "max_tokens": 256, "temperature": 0}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise SystemExit(f"{url} answered {reply.status}: {text[:200]!r}")
        done += 1
        place += 0 if own else 1
    counts.put(done)


def measure(server: tuple[str, str, str], clients: int, options) -> float:
    counts = multiprocessing.Queue()
    with open(options.cases, encoding="utf-8") as lines:
        questions = [json.loads(line)["prompt"] for line in lines]
    _, url, model = server
    arguments = (url, model, questions, options.own, options.seconds, counts)
    running = [multiprocessing.Process(target=ask, args=(n, *arguments)) for n in range(clients)]
    for process in running:
        process.start()
    for process in running:
        process.join()
        if process.exitcode != 0:
            raise SystemExit(f"a client of {url} ended with {process.exitcode}")
    return sum(counts.get() for _ in running) / options.seconds


def server(text: str) -> tuple[str, str, str]:
    name, _, rest = text.partition("=")
    url, _, model = rest.partition(",")
    if not (name and url.startswith("http://") and model):
        raise argparse.ArgumentTypeError("write NAME=http://HOST:PORT,MODEL")
    return name, url, model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", type=server, action="append", required=True, metavar="NAME=URL,MODEL")
    parser.add_argument("--cases", required=True, help="JSON lines with a prompt each")
    parser.add_argument("--clients", default="1,4,8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--own", action="store_true", help="each client repeats its own question")
    options = parser.parse_args()
    for clients in map(int, options.clients.split(",")):
        rates: dict[str, list[float]] = {name: [] for name, _, _ in options.server}
        for turn in range(options.rounds):
            for one in options.server if turn % 2 == 0 else reversed(options.server):
                rates[one[0]].append(measure(one, clients, options))
        medians = {name: statistics.median(all_) for name, all_ in rates.items()}
        first = next(iter(medians.values()))
        said = ", ".join(f"{name} {median:.0f}/s (ratio {first / median:.2f})" for name, median in medians.items())
        print(f"{clients} clients: {said}", flush=True)


if __name__ == "__main__":
    main()
