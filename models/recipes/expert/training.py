"""The training loop: schedule, checkpoints, early finish."""

import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch.nn import functional as F

from .dataset import POOL_BATCHES, Batches
from .evaluate import exact_match
from .network import Network
from .optimiser import Optimiser

WARM_UP = 60  # steps; Muon is steady after a few dozen
COOL_DOWN = 0.4  # share of the steps over which the rate falls linearly to zero
CHECKPOINT_SECONDS = 60
PERFECT = 4  # watches in a row; unseen phrasings keep improving after the seen ones are right


@dataclass
class Plan:
    """How long to train, and what to watch meanwhile."""

    steps: int
    minutes: float  # CPU minutes (on a GPU: minutes) after which the cool-down ends early
    seed: int
    watch: list[dict]  # trained phrasings; when these stay perfect, cool down
    whole: bool = False  # judge every line of an answer, see `exact_match`
    every: int = 250
    fused: bool = False  # compile the step: a third faster after most of a minute
    workers: int = 0  # processes that draw examples ahead; other examples than the trainer itself draws


class Trainer:
    """Owns one run; `run` can be killed and continued from its checkpoint."""

    def __init__(self, network: Network, batches: Batches, plan: Plan, checkpoint: Path):
        self.network, self.batches, self.plan, self.path = network, batches, plan, checkpoint
        self.loss = torch.compile(weighted_loss, dynamic=True) if plan.fused else weighted_loss
        self.optimiser = Optimiser(network)
        self.device = network.embedding.device
        self.rng = Random(plan.seed)
        self.started = time.monotonic()
        self.step = self.tokens = self.perfect = 0
        self.seconds = 0.0  # CPU or GPU seconds of earlier processes
        self.cool_from, self.end = int(plan.steps * (1 - COOL_DOWN)), plan.steps
        if checkpoint.exists():
            self._restore()

    def run(self) -> None:
        saved = time.monotonic()
        losses = []
        for pool in self._pools():
            if self.step >= self.end:
                break
            for tokens, targets, weights in pool:
                self.network.train()
                losses.append(self._train(tokens, targets, weights))
                if self.minutes() > self.plan.minutes * (1 - COOL_DOWN):
                    self._cool_down()
                if self.step % self.plan.every == 0:
                    self._watch(float(sum(losses)) / len(losses))
                    losses.clear()
                if self.step >= self.end:
                    break
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        self._save()

    def minutes(self) -> float:
        """CPU minutes, or minutes that a GPU was held."""
        here = time.process_time() if self.device.type == "cpu" else time.monotonic() - self.started
        return (self.seconds + here) / 60

    def _pools(self):
        if self.plan.workers:
            first = self.step // POOL_BATCHES
            yield from self.batches.pools(self.plan.seed, first, self.plan.steps // POOL_BATCHES + 1, self.plan.workers)
        while True:
            yield self.batches.pool(self.rng)

    def _train(self, tokens, targets, weights) -> torch.Tensor:
        self.tokens += int((weights > 0).sum()) + len(tokens)
        tokens, targets, weights = (t.to(self.device, non_blocking=True) for t in (tokens, targets, weights))
        loss = self.loss(self.network, tokens, targets, weights)
        loss.backward()
        self.optimiser.step(self._scale())
        self.step += 1
        return loss.detach()

    def _scale(self) -> float:
        if self.step < WARM_UP:
            return (self.step + 1) / WARM_UP
        if self.step < self.cool_from:
            return 1.0
        return max(0.02, (self.end - self.step) / max(1, self.end - self.cool_from))

    def _watch(self, loss: float) -> None:
        share, wrong = exact_match(self.network, self.batches.vocabulary, self.plan.watch, self.plan.whole)
        self.perfect = self.perfect + 1 if share >= 0.99 else 0
        print(
            f"step {self.step}/{self.end} loss {loss:.3f} seen {share:.1%} tokens {self.tokens:,}"
            f" {self.device.type} {self.minutes():.1f} min held-out matches dropped {self.batches.dropped}",
            flush=True,
        )
        for case, answer in wrong[:2]:
            print(f"   {case['prompt']!r} -> {answer[-60:]!r}, wanted {case['expect']}", flush=True)
        if self.perfect >= PERFECT:
            self._cool_down()

    def _cool_down(self) -> None:
        if self.step < self.cool_from:
            self.cool_from = self.step
            rest = COOL_DOWN * self.step / (1 - COOL_DOWN)
            self.end = min(self.end, self.step + int(rest))
            print(f"cooling down from step {self.step} to {self.end}", flush=True)

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state(),
            "rng": self.rng.getstate(),
            "counts": (self.step, self.tokens, self.perfect, self.cool_from, self.end),
            "seconds": self.minutes() * 60,
            "vocabulary": self.batches.vocabulary.tokens,
        }
        partial = self.path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.path)

    def _restore(self) -> None:
        state = torch.load(self.path, weights_only=False, map_location=self.device)
        if state["vocabulary"] != self.batches.vocabulary.tokens:
            raise SystemExit(f"{self.path}: from a run with other data; use --fresh")
        self.network.load_state_dict(state["network"])
        self.optimiser.restore(state["optimiser"])
        self.rng.setstate(state["rng"])
        self.step, self.tokens, self.perfect, self.cool_from, self.end = state["counts"]
        self.seconds = state["seconds"]
        if self.step >= self.end and self.plan.steps > self.end:
            # A finished run that shall go on: warm again, then cool down as one of that length.
            self.cool_from, self.end = int(self.plan.steps * (1 - COOL_DOWN)), self.plan.steps
        print(f"continuing at step {self.step}", flush=True)


def weighted_loss(network: Network, tokens, targets, weights) -> torch.Tensor:
    """The mean cross-entropy of the targets, each with its weight."""
    with torch.autocast(tokens.device.type, torch.bfloat16):  # matrix products only; the weights stay float32
        logits = network.logits(network(tokens))
    loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return (loss * weights.flatten()).sum() / weights.sum()
