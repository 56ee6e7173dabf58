"""The planner: copies each task of a compound prompt onto a numbered line of its own.

    1. Add 37 and 48
    2. tell me the capital of Japan.

It learns to find the borders, not to know the domains: most training tasks hold
random or invented words, which leaves copying as the only way to be right. Tasks
are copied as they stand, what joins, greets, introduces or thanks is dropped.
Nothing is copied of a prompt with one task, also when it has `and` or several
sentences in it: its answer is the word `whole`.
"""

import importlib
from functools import cache
from random import Random

from domains.planner_joins import UNSEEN, everyday, joined, surrounded
from domains.planner_tasks import POOL, SOURCES, bare, marked, single, small
from expert.dataset import HeldOut
from expert.noise import capital

ID = "planner"
DESCRIPTION = (
    "Splits a prompt with several questions or instructions into its separate tasks,"
    " one a line in the order asked; a prompt with a single task is called whole."
)
EXEMPLARS = [
    "What is the capital of France? Spell it backwards.",
    "Add 37 and 48 and tell me the capital of Japan.",
    "Convert 5 km to meters, then write 47 in Roman numerals.",
    "What is the symbol for gold and how many letters does Madrid have?",
    "1. What is 12 times 7? 2. What day comes after Monday?",
    "First translate dog into Spanish, then count its letters.",
    "Name the capital of Peru; also tell me how many minutes are in 3 hours.",
    "Please answer these: What is 9 in binary? Which month follows May?",
    "Split this into tasks: sort the letters of Oslo and divide 84 by 7.",
    "How do you say bread in German? And what is 15 plus 26?",
    "Reverse lantern, subtract 5 from 90 and name the element with number 8.",
    "- Spell Cairo backwards - What is 8 times 9?",
    "What currency is used in Kenya? What is its capital? What language is spoken there?",
    "What is the sum of 17 and 26?",
]
WIDTH = 192
TOKENIZER = "bpe"
BATCH = 32
STEPS = 16_000
ABILITIES = ["planner"]
UNSEEN_TEMPLATES = ()  # joins hold whole prompts: a pattern of them would match everything
WHOLE = "whole"


def _answer(parts: list[str]) -> str:
    if len(parts) == 1:
        return WHOLE
    return "\n".join(f"{index}. {part}" for index, part in enumerate(parts, 1))


def _ask(rng: Random) -> tuple[str, list[str]]:
    count = rng.choices((1, 2, 3, 4, 5), (29, 34, 24, 10, 3))[0]
    if count == 1:
        text = surrounded(rng, single(rng))
        return text, [text]
    return joined(rng, count)


def vocabulary_example(rng: Random) -> tuple[str, str]:
    """The pairs that the tokens are learnt from: the broad ways of joining, where rare words are as common as others."""
    text, parts = _ask(rng)
    return text, _answer(parts)


@cache
def _held_out_phrasings() -> HeldOut:
    return HeldOut([template for source in SOURCES for template in importlib.import_module(f"domains.{source}").UNSEEN_TEMPLATES])


def example(rng: Random) -> tuple[str, str]:
    """One training pair; no task of it is in a held-out phrasing of a domain."""
    while True:
        text, parts = everyday(rng, rng.choices((1, 2, 3, 4), (2, 5, 4, 2))[0]) if rng.random() < 0.5 else _ask(rng)
        if not any(map(_held_out_phrasings().matches, parts)):
            return text, _answer(parts)


def _case(text: str, parts: list[str]) -> dict:
    # The answer as one string: every line, in its place.
    return {"prompt": text, "expect": [_answer(parts)]}


def seen_cases(rng: Random, n: int) -> list[dict]:
    """Prompts joined in trained ways."""
    return [_case(*_ask(rng)) for _ in range(n)]


@cache
def _held_out_prompts(source: str) -> list[str]:
    domain = importlib.import_module(f"domains.{source}")
    return [case["prompt"] for case in domain.unseen_cases(Random(POOL), POOL)]


def _held_out_task(rng: Random) -> str:
    return marked(rng.choice(_held_out_prompts(rng.choice(SOURCES))))


def unseen_cases(rng: Random, n: int) -> list[dict]:
    """Held-out phrasings of the domains, joined in held-out ways; a quarter are single tasks."""
    cases = []
    for _ in range(n):
        count = rng.choices((1, 2, 3), (25, 45, 30))[0]
        parts = [_held_out_task(rng) for _ in range(count)]
        if count == 1:
            cases.append(_case(parts[0], parts))
            continue
        template = rng.choice(UNSEEN[count])
        names = "abx" if "{c}" not in template else "cdx"
        shown = []
        for name, part in zip(names, parts):
            if f"{{{name.upper()}}}" in template:
                shown.append((name.upper(), capital(part)))
            else:
                follows = template.index(f"{{{name}}}") > 0
                text = small(part) if follows else part
                inside = "{c}" in template and part is not parts[-1]
                shown.append((name, bare(text) if inside else text))
        cases.append(_case(template.format(**dict(shown)), [text for _, text in shown]))
    return cases
