#!/usr/bin/env python3
"""Chooses the exemplars of the bundled experts' cards.

    daemon run --rest 127.0.0.1:8080
    python models/recipes/exemplars.py --node http://127.0.0.1:8080

Of an expert's own prompts in trained phrasings those are taken by which routing tells them best from the other experts' prompts: starting from the
cards as they are, each exemplar in turn gives way to the one of the pool that most improves the mean over all prompts of a logistic of the
right expert's lead (its similarity less the best other one's, similarity as in `daemon/swarm/src/score.rs`), until nothing improves. Rewrites
EXEMPLARS in `domains/` and `exemplars` in the cards. Prompts are drawn with seeds of their own. None is among the cases in unseen phrasings; where
there are few things to ask for (elements, countries, months) one in twenty-five of those in trained phrasings comes up again.
"""

import argparse
import importlib
import json
import re
import sys
import urllib.request
from pathlib import Path
from random import Random

import numpy as np

RECIPES = Path(__file__).resolve().parent
EXPERTS = RECIPES.parent / "experts"
sys.path.insert(0, str(RECIPES))

IDS = ("arithmetic", "calendar", "chemistry", "dictionary", "geography", "numerals", "units", "words")
# The experts' cases have 1001 to 1003 (train.py).
PROMPTS_SEED, POOL_SEED, ORDER_SEED = 5000, 6000, 1
PROMPTS, POOL = 1200, 700
BEST = 3  # exemplars that count for a prompt
SCALE = 0.015  # of similarity: a lead of twice that is as good as won
GAIN_MIN = 5e-5  # of the mean over all prompts
ROUNDS_MAX = 8
BATCH = 128


class Embedder:
    """Sentence embeddings by a running node, as unit vectors."""

    def __init__(self, node: str):
        self.url = f"{node.rstrip('/')}/v1/embeddings"
        with urllib.request.urlopen(f"{node.rstrip('/')}/v1/models") as reply:
            self.model = next(m["id"] for m in json.load(reply)["data"] if m["id"] != "swarm" and ":" not in m["id"])

    def __call__(self, texts: list[str]) -> np.ndarray:
        rows = []
        for start in range(0, len(texts), BATCH):
            body = json.dumps({"model": self.model, "input": texts[start : start + BATCH]}).encode()
            request = urllib.request.Request(self.url, body, {"content-type": "application/json"})
            with urllib.request.urlopen(request) as reply:
                rows += [entry["embedding"] for entry in json.load(reply)["data"]]
        vectors = np.array(rows, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Card:
    """A card's texts, description first, with their similarities to all prompts, (prompts, texts)."""

    def __init__(self, texts: list[str], cosines: np.ndarray):
        self.texts, self.cosines = texts, cosines

    def similarity(self) -> np.ndarray:
        """(prompts,)"""
        best = np.sort(self.cosines[:, 1:], axis=1)[:, -BEST:]
        return (self.cosines[:, 0] + best.mean(1)) / 2

    def similarity_with(self, place: int, pool: np.ndarray) -> np.ndarray:
        """With each of a pool's texts in the place of one exemplar: (prompts, pool)."""
        others = np.delete(self.cosines[:, 1:], place - 1, axis=1)
        best = np.sort(others, axis=1)[:, -BEST:]
        total = best[:, 1:].sum(1, keepdims=True) + np.maximum(best[:, :1], pool)
        return (self.cosines[:, :1] + total / BEST) / 2


def won(lead: np.ndarray) -> np.ndarray:
    """How nearly each prompt goes to the right expert, in (0, 1)."""
    return 1 / (1 + np.exp(-lead / SCALE))


def lead(similarities: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(prompts, experts) to the right expert's lead over the best other one, (prompts,)."""
    rows = np.arange(len(right))
    others = similarities.copy()
    others[rows, right] = -np.inf
    return similarities[rows, right] - others.max(1)


def improve(cards: list[Card], pools: list[tuple[list[str], np.ndarray]], right: np.ndarray, order) -> int:
    """One round over all exemplars; how many were replaced."""
    similarities = np.stack([card.similarity() for card in cards], axis=1)
    rows, changes = np.arange(len(right)), 0
    for at, (card, (texts, cosines)) in enumerate(zip(cards, pools)):
        for place in order.permutation(np.arange(1, len(card.texts))):
            ours = card.similarity_with(place, cosines)
            rivals = np.delete(similarities, at, axis=1).max(1)
            others = similarities.copy()
            others[:, at] = others[rows, right] = -np.inf
            own = similarities[rows, right]
            leads = np.where((right == at)[:, None], ours - rivals[:, None], own[:, None] - np.maximum(others.max(1)[:, None], ours))
            means = won(leads).mean(0)
            best = int(means.argmax())
            if means[best] <= won(lead(similarities, right)).mean() + GAIN_MIN or texts[best] in card.texts:
                continue
            card.texts[place], card.cosines[:, place] = texts[best], cosines[:, best]
            similarities[:, at] = ours[:, best]
            changes += 1
    return changes


def rewrite(path: Path, name: str, indent: str, exemplars: list[str]) -> None:
    lines = "".join(f"{indent}{json.dumps(text, ensure_ascii=False)},\n" for text in exemplars)
    text, count = re.subn(rf"^{name} = \[\n.*?^\]", lambda _: f"{name} = [\n{lines}]", path.read_text(), count=1, flags=re.M | re.S)
    if count != 1:
        raise SystemExit(f"{path}: no list {name}")
    path.write_text(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node", default="http://127.0.0.1:8080", help="a running node, which embeds")
    embed = Embedder(parser.parse_args().node)
    domains = [importlib.import_module(f"domains.{id}") for id in IDS]
    drawn = [[case["prompt"] for case in domain.seen_cases(Random(PROMPTS_SEED), PROMPTS)] for domain in domains]
    prompts = embed([text for texts in drawn for text in texts])
    right = np.repeat(np.arange(len(IDS)), [len(texts) for texts in drawn])
    cards, pools = [], []
    for domain in domains:
        texts = [domain.DESCRIPTION, *domain.EXEMPLARS]
        cards.append(Card(texts, prompts @ embed(texts).T))
        pool = [case["prompt"] for case in domain.seen_cases(Random(POOL_SEED), POOL)]
        pools.append((pool, prompts @ embed(pool).T))
    order = np.random.default_rng(ORDER_SEED)
    for number in range(ROUNDS_MAX):
        changes = improve(cards, pools, right, order)
        leads = lead(np.stack([card.similarity() for card in cards], axis=1), right)
        print(f"round {number}: {changes} replaced, {(leads > 0).mean():.2%} to the right expert by similarity alone", flush=True)
        if not changes:
            break
    for id, card in zip(IDS, cards):
        rewrite(RECIPES / "domains" / f"{id}.py", "EXEMPLARS", "    ", card.texts[1:])
        rewrite(EXPERTS / id / "card.toml", "exemplars", "  ", card.texts[1:])


if __name__ == "__main__":
    main()
