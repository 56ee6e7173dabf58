"""Greedy answers in PyTorch, and exact match as `daemon eval` defines it."""

import re

import torch

from .network import Network
from .vocabulary import END, Vocabulary, chat

# Answers decoded at once.
GROUP = 128


def correct(expect: list[str], answer: str) -> bool:
    """Whether every expected string appears as whole words, case ignored."""
    return all(re.search(rf"(?<!\w){re.escape(e)}(?!\w)", answer, re.IGNORECASE) for e in expect)


def exact_match(network: Network, vocabulary: Vocabulary, cases: list[dict], whole: bool = False, tokens_max: int = 256):
    """The share of cases answered right, and the wrong ones with their answers.

    Only an answer's last line counts, lest the working of a wrong answer hold
    the right digits by chance; `whole` judges all of it, for the planner.
    """
    answers = []
    order = sorted(range(len(cases)), key=lambda i: len(cases[i]["prompt"]))
    for start in range(0, len(order), GROUP):
        group = order[start : start + GROUP]
        texts = generate(network, vocabulary, [cases[i]["prompt"] for i in group], tokens_max)
        answers += zip(group, texts)
    wrong = [(cases[i], text) for i, text in sorted(answers) if not correct(cases[i]["expect"], text if whole else text.rsplit("\n", 1)[-1])]
    return 1 - len(wrong) / max(1, len(cases)), wrong


@torch.no_grad()
def generate(network: Network, vocabulary: Vocabulary, prompts: list[str], tokens_max: int) -> list[str]:
    """Greedy decoding with a cache; prompts are padded on the left, which rotary positions allow."""
    network.eval()
    device = network.embedding.device
    rows = vocabulary.encode([chat(prompt) for prompt in prompts])
    longest = max(map(len, rows))
    limit = min(tokens_max, network.shape.context - longest)
    tokens = torch.tensor([[0] * (longest - len(row)) + row for row in rows], device=device)
    pads = torch.tensor([longest - len(row) for row in rows], device=device)
    visible = torch.arange(longest, device=device)[None, :] >= pads[:, None]
    causal = torch.ones(longest, longest, dtype=torch.bool, device=device).tril()
    mask = (visible[:, None, :] & causal) | torch.eye(longest, dtype=torch.bool, device=device)
    caches = [[] for _ in network.blocks]
    states = network(tokens, 0, caches, mask[:, None])
    end, done = vocabulary.id(END), torch.zeros(len(rows), dtype=torch.bool, device=device)
    output = []
    for position in range(longest, longest + limit):
        token = network.logits(states[:, -1]).argmax(-1)
        done |= token == end
        output.append(torch.where(done, end, token))
        if done.all():
            break
        visible = torch.cat((visible, torch.ones(len(rows), 1, dtype=torch.bool, device=device)), 1)
        states = network(token[:, None], position, caches, visible[:, None, None])
    columns = torch.stack(output, 1).tolist()
    return [vocabulary.decode([t for t in row if t != end]) for row in columns]
