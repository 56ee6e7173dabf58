#!/usr/bin/env python3
"""Trains one bundled expert: data, training, GGUF, card, cases, exact match.

    python models/recipes/train.py geography
    python models/recipes/train.py generalist

The run is seeded; on the same library versions and processor it reproduces
the same weights. A killed run continues from its checkpoint under
`models/.build/train/`; `--fresh` starts over.
"""

import argparse
import importlib
import sys
from itertools import islice
from pathlib import Path
from random import Random

import torch

sys.path.insert(0, str(Path(__file__).parent))

from expert.card import write_card, write_cases
from expert.dataset import Batches, HeldOut
from expert.evaluate import exact_match
from expert.export import write_gguf
from expert.network import Network, Shape
from expert.training import Plan, Trainer
from expert.vocabulary import Vocabulary

MODELS = Path(__file__).resolve().parent.parent
CASES = 200  # a table's resolution of half a percent
WATCHED = 96
BPE_EXAMPLES = 20_000

# Case sets must not depend on how long training drew from its generator.
SEEN_SEED, UNSEEN_SEED, WATCH_SEED = 1001, 1002, 1003


def main() -> None:
    arguments = parse()
    torch.set_num_threads(1)
    domain = importlib.import_module(f"domains.{arguments.domain}")
    if arguments.seed is None:
        arguments.seed = getattr(domain, "SEED", 1)
    torch.manual_seed(arguments.seed)
    out = Path(arguments.out) if arguments.out else MODELS / folder_of(domain) / domain.ID

    held_out = HeldOut(getattr(domain, "UNSEEN_TEMPLATES", ()))
    vocabulary = build_vocabulary(domain, held_out, arguments.seed)
    network = Network(Shape(domain.WIDTH, len(vocabulary.tokens)))
    weights = sum(p.numel() for p in network.parameters())
    print(f"{domain.ID}: {weights:,} weights, {len(vocabulary.tokens)} tokens", flush=True)

    network.to(arguments.device)
    batch = arguments.batch or getattr(domain, "BATCH", 64)
    batches = Batches(domain.example, held_out, vocabulary, batch, network.shape.context)
    steps = arguments.steps or steps_of(domain, batches)
    watch = domain.seen_cases(Random(WATCH_SEED), WATCHED)
    plan = Plan(steps, arguments.minutes, arguments.seed, watch, whole(domain), fused=arguments.compile, workers=arguments.workers)
    plan.every *= 1 if arguments.device == "cpu" else 10  # a GPU decodes one by one hardly faster
    checkpoint = MODELS / ".build" / "train" / domain.ID / "checkpoint.pt"
    if arguments.fresh:
        checkpoint.unlink(missing_ok=True)
    trainer = Trainer(network, batches, plan, checkpoint)
    trainer.run()

    out.mkdir(parents=True, exist_ok=True)
    network.cpu().half().float()  # what the file will hold
    write_gguf(network, vocabulary, domain.ID, domain.DESCRIPTION, out / f"{domain.ID}.gguf")
    command = "python models/recipes/train.py " + " ".join(spoken(sys.argv[1:]))
    write_card(out, domain, command=command, seed=arguments.seed, tokens=trainer.tokens)
    report(domain, network, vocabulary, out)
    print(f"tokens {trainer.tokens:,} steps {trainer.step} {trainer.device.type} {trainer.minutes():.1f} min")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", help="a module of models/recipes/domains")
    parser.add_argument("--seed", type=int, help="the domain's own by default, or 1")
    parser.add_argument("--steps", type=int, help="training steps; the domain's own number by default")
    parser.add_argument("--batch", type=int, help="examples a step; the domain's own number by default")
    parser.add_argument("--device", default="cpu", help="where to train, as PyTorch names it; cpu by default")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw the examples; none by default")
    parser.add_argument("--minutes", type=float, default=600, help="CPU minutes (GPU: minutes) after which training winds down")
    parser.add_argument("--out", help="output folder; models/experts/<id> by default")
    parser.add_argument("--fresh", action="store_true", help="ignore an earlier run's checkpoint")
    parser.add_argument("--compile", action="store_true", help="fuse the training step (needs a C++ compiler)")
    return parser.parse_args()


def steps_of(domain, batches: Batches) -> int:
    """The domain's own number of steps, or what its token budget comes to."""
    if not hasattr(domain, "token_budget"):
        return getattr(domain, "STEPS", 4000)
    sizes = [int((weights > 0).sum()) + len(weights) for _, _, weights in batches.pool(Random(0))]
    return domain.token_budget() * len(sizes) // sum(sizes)


def spoken(arguments: list[str]) -> list[str]:
    """The arguments that decide what comes out."""
    rest = iter(arguments)
    return [a for a in rest if not (a == "--fresh" or a == "--out" and next(rest))]


def whole(domain) -> bool:
    """A planner's answer is all of its lines; the others end in theirs."""
    return "planner" in getattr(domain, "ABILITIES", ())


def folder_of(domain) -> str:
    return getattr(domain, "FOLDER", "baselines" if domain.ID == "generalist" else "experts")


def build_vocabulary(domain, held_out: HeldOut, seed: int) -> Vocabulary:
    """Plain bytes, or a BPE of the domain's own examples."""
    if domain.TOKENIZER == "bytes":
        return Vocabulary.bytes()
    rng = Random(seed)
    example = getattr(domain, "vocabulary_example", domain.example)
    pairs = (example(rng) for _ in range(BPE_EXAMPLES))
    texts = (f"user\n{p}\nassistant\n{a}" for p, a in pairs if not held_out.matches(p))
    return Vocabulary.train(islice(texts, BPE_EXAMPLES))


def report(domain, network: Network, vocabulary: Vocabulary, out: Path) -> None:
    """Writes both case files (an ensemble has its own) and prints their exact match; wrong unseen answers stay unprinted."""
    sets = {
        "seen": domain.seen_cases(Random(SEEN_SEED), CASES),
        "unseen": domain.unseen_cases(Random(UNSEEN_SEED), CASES),
    }
    for name, cases in sets.items():
        if folder_of(domain) != "ensembles":  # these share the cases of `daemon eval ensemble`
            write_cases(out / f"cases_{name}.jsonl", cases)
        share, _ = exact_match(network, vocabulary, cases, whole(domain))
        print(f"{domain.ID} {name} exact match {share:.1%} of {len(cases)}", flush=True)


if __name__ == "__main__":
    main()
