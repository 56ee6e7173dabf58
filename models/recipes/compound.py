#!/usr/bin/env python3
"""Generates the compound questions: several parts, each for an expert, joined as people join them.

    python models/recipes/compound.py trained

writes `models/cases/compound_dev.jsonl`, `compound_trained.jsonl` and `compound.jsonl`.
In the first and the last every part is in a held-out phrasing of its domain;
the two share neither those phrasings (each domain's are halved) nor the ways of
joining them. The second joins trained phrasings in the ways of the first: ten
times the variety, to tune planner and router on. About a tenth are single
questions that must not be split, and three in twenty have a part that needs an
earlier one's answer: there only the end of the chain is expected. Parts of
several sentences appear as single questions only.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from compound_phrases import FOLLOW_UPS, JOINS, REFERENCES
from domains.chemistry_facts import ELEMENTS
from domains.dictionary_facts import WORDS
from domains.geography_facts import COUNTRIES
from expert.dataset import HeldOut

DOMAINS = ("arithmetic", "calendar", "chemistry", "dictionary", "geography", "numerals", "units", "words")
CASES = {"dev": 240, "trained": 600, "reported": 240}
# Shares of single, dependent and independent questions.
KINDS, SHARES = ("single", "dependent", "independent"), (10, 15, 75)
POOL = 2400  # held-out prompts drawn from each domain before halving
SEEDS = {"dev": 501, "trained": 909, "reported": 502}
FILES = {"dev": "compound_dev.jsonl", "trained": "compound_trained.jsonl", "reported": "compound.jsonl"}
TRAINED_POOL = 1200

CAPITALS = {c["capital"]: c for c in COUNTRIES}
NAMES = {c["country"]: c for c in COUNTRIES}
TRANSLATED = {w["English"]: w for w in WORDS}
ELEMENT_NAMES = {e["element"] for e in ELEMENTS}


class Part:
    """One question: who should answer it, its text, what the answer must hold."""

    def __init__(self, expert: str, prompt: str, expect: list[str], name_first: bool):
        self.expert, self.prompt, self.expect = expert, prompt, expect
        self.name_first = name_first  # starts with a slot, so its casing is not ours

    def sentence(self) -> str:
        mark = "" if self.prompt[-1:] in "?.!" else "?" if _asks(self.prompt) else "."
        text = self.prompt if self.name_first else self.prompt[:1].upper() + self.prompt[1:]
        return text + mark

    def small(self) -> str:
        text = self.sentence()
        keep = self.name_first or text.split(" ")[0] in ("I", "I'm", "I'd", "Binary", "Hexadecimal")
        return text if keep else text[:1].lower() + text[1:]

    def bare(self, first: bool) -> str:
        return (self.sentence() if first else self.small()).rstrip("?.!")


def main() -> None:
    folder = Path(__file__).resolve().parent.parent / "cases"
    folder.mkdir(exist_ok=True)
    # Figures are compared over time, so files that are there are rewritten only by name. (`dev` and `reported` date
    # from before the domains' phrasings were broadened; the same command would choose other parts today.)
    for half in sys.argv[1:] or [half for half in SEEDS if not (folder / FILES[half]).exists()]:
        cases = generate(half, Random(SEEDS[half]))
        lines = [json.dumps(case, ensure_ascii=False) for case in cases]
        (folder / FILES[half]).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{FILES[half]}: {len(cases)} cases")


def generate(half: str, rng: Random) -> list[dict]:
    """The cases of one half, in no particular order, no prompt twice."""
    pools = {domain: pool(domain, half) for domain in DOMAINS}
    cases, seen = [], set()
    turn = 0
    ways = "dev" if half == "trained" else half
    while len(cases) < CASES[half]:
        kind = rng.choices(KINDS, SHARES)[0]
        if kind == "single":
            part = rng.choice(pools[DOMAINS[turn % len(DOMAINS)]])
            case = as_case(part.sentence(), [part], part.expect)
        elif kind == "dependent":
            case = dependent(ways, pools, rng)
        else:
            case = independent(ways, pools, rng, turn)
        turn += 1
        if case["prompt"] not in seen:
            seen.add(case["prompt"])
            cases.append(case)
    return cases


def pool(domain_id: str, half: str) -> list[Part]:
    """Held-out prompts of a domain whose phrasing falls into this half."""
    domain = importlib.import_module(f"domains.{domain_id}")
    if half == "trained":
        return [Part(domain_id, c["prompt"], c["expect"], False) for c in domain.seen_cases(Random(9), TRAINED_POOL)]
    templates = list(dict.fromkeys(domain.UNSEEN_TEMPLATES))
    patterns = [HeldOut([template]) for template in templates]
    parts = []
    for case in domain.unseen_cases(Random(7), POOL):
        index = next((i for i, p in enumerate(patterns) if p.matches(case["prompt"])), None)
        if index is None or index % 2 != ("dev", "reported").index(half):
            continue
        parts.append(Part(domain_id, case["prompt"], case["expect"], templates[index].startswith("{")))
    return parts


def independent(half: str, pools: dict, rng: Random, turn: int) -> dict:
    count = rng.choices((2, 3, 4), (50, 32, 18))[0]
    first = DOMAINS[turn % len(DOMAINS)]  # so that every domain comes up equally often
    chosen = [first, *rng.sample([d for d in DOMAINS if d != first], count - 1)]
    rng.shuffle(chosen)
    template = rng.choice(JOINS[half][count])
    within = "{c}" in template  # one sentence for all: nobody puts commas into such parts
    parts = [rng.choice([p for p in pools[d] if simple(p) and not (within and "," in p.prompt)]) for d in chosen]
    prompt = join(template, parts)
    return as_case(prompt, parts, [e for part in parts for e in part.expect])


def join(template: str, parts: list[Part]) -> str:
    slots = {}
    for index, part in enumerate(parts):
        slots["ABCD"[index]] = part.sentence()
        slots["cdef"[index]] = part.bare(first=index == 0)
        slots["abxy"[index]] = part.small()
    return template.format(**slots)


def dependent(half: str, pools: dict, rng: Random) -> dict:
    """A question and one about its answer; one in three with an unrelated question before or after."""
    first, follow, final, slots = chain(pools, rng)
    expert, task = FOLLOW_UPS[follow]
    asked = fill(rng.choice(REFERENCES[half][follow]), slots)
    parts, sentences, expect = [first], [first.sentence(), asked], [final]
    tasks = [{"expert": first.expert, "prompt": first.prompt}, {"expert": expert, "prompt": fill(task, slots)}]
    if rng.random() < 1 / 3:
        other = rng.choice([p for p in pools[rng.choice(DOMAINS)] if simple(p)])
        expect = [*other.expect, *expect]
        task = {"expert": other.expert, "prompt": other.prompt}
        if rng.random() < 0.5:
            sentences.insert(0, other.sentence())
            tasks.insert(0, task)
            tasks[2]["prompt"] = tasks[2]["prompt"].replace("{{1}}", "{{2}}")
            expect = [*other.expect, final]
        else:
            sentences.append(other.sentence())
            tasks.append(task)
            expect = [final, *other.expect]
    return described(" ".join(sentences), expect, tasks)


def chain(pools: dict, rng: Random):
    """A first part with an answer that something can be asked about: part, follow-up, final answer, slots."""
    while True:
        part = rng.choice(pools[rng.choice(("geography", "geography", "arithmetic", "chemistry", "dictionary", "calendar"))])
        answer = part.expect[0]
        if not simple(part):
            continue
        options = []
        plain = answer.isascii() and answer.isalpha()
        if plain and (answer in CAPITALS or part.expert == "dictionary"):
            options += [("reverse", answer[::-1]), ("letters", str(len(answer))), ("initial", answer[0])]
        if answer in NAMES:
            options += [("currency", NAMES[answer]["currency"]), ("language", NAMES[answer]["language"])]
        if answer in ELEMENT_NAMES and answer in TRANSLATED:
            options.append(("into", None))
        if answer.isdigit() and 1 <= int(answer) <= 255:
            options += [("roman", roman(int(answer))), ("binary", f"{int(answer):b}"), ("add", None), ("times", None)]
        if not options:
            continue
        follow, final = rng.choice(options)
        slots = {"k": str(rng.randint(3, 9) if follow == "times" else rng.randint(11, 89))}
        slots["language"] = rng.choice(("Spanish", "French", "German"))
        if follow == "add":
            final = str(int(answer) + int(slots["k"]))
        elif follow == "times":
            final = str(int(answer) * int(slots["k"]))
        elif follow == "into":
            final = TRANSLATED[answer][slots["language"]]
        return part, follow, final, slots


def fill(text: str, slots: dict) -> str:
    return text.replace("{k}", slots["k"]).replace("{language}", slots["language"])


def as_case(prompt: str, parts: list[Part], expect: list[str]) -> dict:
    return described(prompt, expect, [{"expert": p.expert, "prompt": p.prompt} for p in parts])


def described(prompt: str, expect: list[str], parts: list[dict]) -> dict:
    """A case for `eval ask`, with the gold plan that `eval plan` reads."""
    tasks = [part["prompt"] for part in parts]
    edges = [[int(n) - 1, at] for at, task in enumerate(tasks) for n in re.findall(r"\{\{(\d+)\}\}", task)]
    return {"prompt": prompt, "expect": expect, "parts": parts, "tasks": tasks, "edges": edges}


def simple(part: Part) -> bool:
    """Whether a part is one sentence."""
    return not re.search(r"[?.!:;]\s", part.prompt.strip())


def roman(number: int) -> str:
    """Roman numerals of a number below 4,000."""
    values = (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1)
    symbols = "M CM D CD C XC L XL X IX V IV I".split()
    text = ""
    for value, symbol in zip(values, symbols):
        text += symbol * (number // value)
        number %= value
    return text


def _asks(text: str) -> bool:
    first = re.split(r"\W", text.lower())[0]
    starts = "what which who whose how when is are was were does do did could can would will of to in on by if at under"
    return first in starts.split()


if __name__ == "__main__":
    main()
