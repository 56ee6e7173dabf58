"""Endless training batches of one domain, and the guard around held-out phrasings."""

import re
from random import Random

import torch
from torch.utils.data import DataLoader

from .phrase import SLOT
from .vocabulary import END, Vocabulary, chat

# Weight of the prompt's own tokens: it keeps the prompt's distribution sharp,
# which audits later read, and costs no extra time.
PROMPT_WEIGHT = 0.2
# Batches drawn at once and sorted by length, so that padding stays below a few percent.
POOL_BATCHES = 16
# Lengths are rounded up to this, so that the matrix library meets few shapes: it
# compiles a kernel for each and keeps a thousand of them.
LENGTH_STEP = 6


class HeldOut:
    """Recognises prompts that match a held-out phrasing, whatever fills its slots."""

    def __init__(self, templates):
        patterns = sorted({self._pattern(t) for t in templates})
        self.pattern = re.compile("|".join(f"(?:{p})" for p in patterns)) if patterns else None

    @staticmethod
    def _pattern(template: str) -> str:
        pieces = [re.escape(normal(piece)) for piece in SLOT.split(template)[0::2]]
        return r"\s*\S+(?: \S+){0,3}\s*".join(piece.strip() for piece in pieces)

    def matches(self, prompt: str) -> bool:
        return bool(self.pattern and self.pattern.fullmatch(normal(prompt)))


def normal(text: str) -> str:
    """Lower case, one space between words, no end punctuation."""
    return " ".join(re.sub(r"[?!,;:]|\.(?=\s|$)", " ", text.lower()).split())


class Batches:
    """Draws examples, drops held-out phrasings, and packs them by length."""

    def __init__(self, example, held_out: HeldOut, vocabulary: Vocabulary, batch: int, context: int):
        self.example, self.held_out, self.vocabulary = example, held_out, vocabulary
        self.batch, self.context = batch, context
        self.dropped = 0

    def draw(self, rng: Random) -> tuple[str, str]:
        while True:
            prompt, answer = self.example(rng)
            if not self.held_out.matches(prompt):
                return prompt, answer
            self.dropped += 1

    def pools(self, seed: int, first: int, count: int, workers: int):
        """Pools `first` to `first + count`, drawn by `workers` processes; each depends on the seed and its number alone."""
        torch.multiprocessing.set_sharing_strategy("file_system")  # hundreds of small tensors wait at once
        numbered = _Numbered(self, seed)
        return DataLoader(numbered, batch_size=None, sampler=range(first, first + count), num_workers=workers, prefetch_factor=3)

    def pool(self, rng: Random):
        """Yields `POOL_BATCHES` batches of `(tokens, targets, weights)`, shuffled."""
        pairs = [self.draw(rng) for _ in range(self.batch * POOL_BATCHES)]
        heads = self.vocabulary.encode([chat(prompt) for prompt, _ in pairs])
        tails = self.vocabulary.encode([answer + END for _, answer in pairs])
        rows = sorted(zip(heads, tails), key=lambda row: len(row[0]) + len(row[1]))
        rows = [row for row in rows if len(row[0]) + len(row[1]) <= self.context]
        batches = [rows[i : i + self.batch] for i in range(0, len(rows), self.batch)]
        rng.shuffle(batches)
        for batch in batches:
            yield self._tensors(batch)

    @staticmethod
    def _tensors(rows):
        longest = max(len(head) + len(tail) for head, tail in rows)
        length = (longest - 2) // LENGTH_STEP * LENGTH_STEP + LENGTH_STEP + 1
        tokens = torch.zeros(len(rows), length, dtype=torch.long)
        weights = torch.zeros(len(rows), length)
        for index, (head, tail) in enumerate(rows):
            end = len(head) + len(tail)
            tokens[index, :end] = torch.tensor(head + tail)
            weights[index, : len(head)] = PROMPT_WEIGHT
            weights[index, len(head) : end] = 1.0
        return tokens[:, :-1], tokens[:, 1:], weights[:, 1:]


class _Numbered(torch.utils.data.Dataset):
    """Pools by number, for processes that draw ahead."""

    def __init__(self, batches: Batches, seed: int):
        self.batches, self.seed = batches, seed

    def __getitem__(self, number: int) -> list[tuple]:
        return list(self.batches.pool(Random(f"{self.seed}/{number}")))
