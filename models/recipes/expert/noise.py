"""Alternatives in templates, and noise between the words of a question.

`expand` resolves `[what is|find|] {a} plus {b}` to one of its readings.
`sprinkle` puts random words between the words of a template or replaces those
that carry no meaning there, so that a small model learns the words that matter
instead of their positions. `prompt` does both, then renders and surrounds.
"""

import re
from random import Random

from expert.phrase import CHATTER, SYLLABLES, render, surround

CHOICE = re.compile(r"\[([^\[\]]*)\]")


def expand(rng: Random, template: str) -> str:
    """Chooses one reading of every `[a|b|c]`, innermost first."""
    while True:
        match = CHOICE.search(template)
        if match is None:
            return " ".join(template.split(" ")) if "  " not in template else re.sub(" +", " ", template).strip()
        reading = rng.choice(match.group(1).split("|"))
        template = template[: match.start()] + reading + template[match.end() :]


def invented(rng: Random, least: int = 1, most: int = 4) -> str:
    """A pronounceable word that means nothing."""
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(least, most)))


def filler_word(rng: Random) -> str:
    """A word that says nothing about what is asked."""
    return invented(rng) if rng.random() < 0.35 else rng.choice(CHATTER)


def sprinkle(rng: Random, template: str, keys: frozenset[str], rate: float = 0.3) -> str:
    """Inserts fillers between words and replaces words outside `keys`.

    Slots, and words with anything but letters in them, stay as they are.
    """
    words = template.split(" ")
    if rng.random() < rate:
        for _ in range(rng.randint(1, 2)):
            words.insert(rng.randint(0, len(words)), filler_word(rng))
    if rng.random() < rate:
        spots = [i for i, word in enumerate(words) if word.isalpha() and word.lower() not in keys]
        for spot in rng.sample(spots, min(len(spots), rng.randint(1, 2))):
            words[spot] = filler_word(rng) if rng.random() < 0.7 else ""
    return " ".join(word for word in words if word)


def capital(text: str) -> str:
    """The text with a capital at its front; a slot there stays as it is."""
    return text[:1].upper() + text[1:]


def prompt(rng: Random, template: str, keys: frozenset[str], *, noise: float = 1.0, **slots) -> str:
    """One noisy prompt from a template; `noise` 0 gives a clean one."""
    text = capital(expand(rng, template))
    if noise > 0:
        text = sprinkle(rng, text, keys, 0.3 * noise)
    text = render(rng, text, noise=noise, **slots)
    return surround(rng, text, 0.55 * noise)
