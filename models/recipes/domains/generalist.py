"""The baseline: one model of an expert's size that learns every domain at once.

Its budget is the tokens that all the experts saw together, as their cards
state. Every domain lends the same number of examples, so the comparison asks
what specialisation buys at equal data and equal size.
"""

import importlib
import tomllib
from pathlib import Path
from random import Random

ID = "generalist"
DESCRIPTION = (
    "Answers short questions on geography, chemistry, the calendar, arithmetic, units, numerals, words and translation."
)
WIDTH = 192
TOKENIZER = "bpe"
BATCH = 64

SOURCES = ("arithmetic", "calendar", "chemistry", "dictionary", "geography", "numerals", "units", "words")
DOMAINS = tuple(importlib.import_module(f"domains.{source}") for source in SOURCES)
EXEMPLARS = [exemplar for domain in DOMAINS for exemplar in domain.EXEMPLARS[:2]]
UNSEEN_TEMPLATES = tuple(template for domain in DOMAINS for template in domain.UNSEEN_TEMPLATES)


def token_budget() -> int:
    """Tokens seen by all the experts of these domains, from their cards."""
    experts = Path(__file__).resolve().parents[2] / "experts"
    cards = (tomllib.loads((experts / source / "card.toml").read_text("utf-8")) for source in SOURCES)
    return sum(card["training"]["tokens"] for card in cards)


def example(rng: Random) -> tuple[str, str]:
    return rng.choice(DOMAINS).example(rng)


def seen_cases(rng: Random, count: int) -> list[dict]:
    return _cases(rng, count, "seen_cases")


def unseen_cases(rng: Random, count: int) -> list[dict]:
    return _cases(rng, count, "unseen_cases")


def _cases(rng: Random, count: int, kind: str) -> list[dict]:
    """Equal shares of every domain's own cases."""
    share = -(-count // len(DOMAINS))
    cases = [case for domain in DOMAINS for case in getattr(domain, kind)(rng, share)]
    rng.shuffle(cases)
    return cases[:count]
