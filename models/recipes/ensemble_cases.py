#!/usr/bin/env python3
"""Writes the cases of `daemon eval ensemble`.

    python models/recipes/ensemble_cases.py

`cases/ensemble_dev.jsonl`: 500 prompts in trained phrasings, to choose the best single expert and to tune on.
`cases/ensemble.jsonl`: 1,000 prompts in phrasings that were never trained on, for the reported figures. No prompt
is in both, none is there twice.
"""

import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from domains import arithmetic
from expert.card import write_cases

CASES = Path(__file__).resolve().parent.parent / "cases"
DEV, HELD_OUT = 500, 1000
# Apart from the seeds of training and of the bundled expert's cases.
DEV_SEED, HELD_OUT_SEED = 2001, 2002


def main() -> None:
    dev = distinct(arithmetic.seen_cases(Random(DEV_SEED), 2 * DEV), set(), DEV)
    asked = {case["prompt"] for case in dev}
    held_out = distinct(arithmetic.unseen_cases(Random(HELD_OUT_SEED), 2 * HELD_OUT), asked, HELD_OUT)
    write_cases(CASES / "ensemble_dev.jsonl", dev)
    write_cases(CASES / "ensemble.jsonl", held_out)
    print(f"{len(dev)} development cases, {len(held_out)} held-out cases")


def distinct(cases: list[dict], taken: set[str], count: int) -> list[dict]:
    """The first so many whose prompts are new."""
    out = []
    for case in cases:
        if case["prompt"] not in taken and len(out) < count:
            taken.add(case["prompt"])
            out.append(case)
    assert len(out) == count, "draw more"
    return out


if __name__ == "__main__":
    main()
