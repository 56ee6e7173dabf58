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


def sprinkle(
    rng: Random, template: str, keys: frozenset[str], rate: float = 0.3, apart: bool = False
) -> str:
    """Inserts fillers between words and replaces words outside `keys`.

    Slots, and words with anything but letters in them, stay as they are. With
    `apart` nothing changes beside a slot, for questions about a word which a
    filler could be mistaken for.
    """
    words = template.split(" ")
    if rng.random() < rate:
        for _ in range(rng.randint(1, 2)):
            spot = rng.randint(0, len(words))
            if not (apart and _beside_slot(words, spot)):
                words.insert(spot, filler_word(rng))
    if rng.random() < rate:
        spots = [i for i, word in enumerate(words) if word.isalpha() and word.lower() not in keys]
        for spot in rng.sample(spots, min(len(spots), rng.randint(1, 2))):
            if not (apart and (_beside_slot(words, spot) or _beside_slot(words, spot + 1))):
                words[spot] = filler_word(rng) if rng.random() < 0.7 else ""
    return " ".join(word for word in words if word)


def _beside_slot(words: list[str], spot: int) -> bool:
    """Whether a word inserted at `spot` would touch a slot."""
    return any("{" in word for word in words[max(0, spot - 1) : spot + 1])


def capital(text: str) -> str:
    """The text with a capital at its front; a slot there stays as it is."""
    return text[:1].upper() + text[1:]


# First words, after "so" and the like, that make a sentence a question.
_QUESTIONS = frozenset(
    "what what's whats which who how when where is are does do did can could would will of with".split()
)


def ended(rng: Random, text: str) -> str:
    """The text with the end mark people give it, most of the time."""
    if text[-1:] in "?.!=" or rng.random() < 0.3:
        return text
    sentence = text.rsplit(". ", 1)[-1]
    asks = sentence.split(" ", 1)[0].lower() in _QUESTIONS or any(f", {w} " in sentence for w in ("what", "how"))
    return text + ("?" if asks != (rng.random() < 0.1) else ".")


def prompt(rng: Random, template: str, keys: frozenset[str], *, noise: float = 1.0, apart: bool = False, **slots) -> str:
    """One noisy prompt from a template; `noise` 0 gives a clean one."""
    text = capital(expand(rng, template))
    if noise > 0:
        text = sprinkle(rng, text, keys, (0.2 if apart else 0.3) * noise, apart)
    text = render(rng, ended(rng, text), noise=noise, **slots)
    return surround(rng, text, (0.4 if apart else 0.55) * noise)
