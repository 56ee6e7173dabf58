"""A small dictionary: some 270 everyday English words in Spanish, French and German, and back.

The answer first restates what is asked (`dog to German`), so that the fact is
always looked up from the same words, however the question was put; its last
line is the translation alone.
"""

from collections import Counter
from random import Random

from expert.noise import sprinkle
from expert.phrase import SLOT, compose, render, surround

from .carriers import NOUN, led
from .dictionary_facts import FIELDS, WORDS
from .dictionary_phrases import CORES, DIRECT
from .dictionary_unseen import UNSEEN

ID = "dictionary"
DESCRIPTION = (
    "Dictionary that translates everyday words from English into Spanish, French or German, and back into English."
)
EXEMPLARS = [
    "I have a German test. What is bicycle?",
    "My French homework asks what miroir means.",
    "The German for cake is",
    "The subtitle has blue in English. What is it in Spanish?",
    "How do you put carrot into French?",
    "Suppose a sign should say big in French. What do I paint on it?",
    "How can I say money in French?",
    "What does Zeitung on a German menu mean?",
    "For green, what do they say in French?",
    "I wonder how they say nine in German.",
    "Explain what Fluss means in German.",
    "How do you write rich in German?",
    "How is skin written in German?",
    "son is said how in Spanish?",
    "What does Markt stand for in German?",
    "Tell me the English for fort.",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 192
TOKENIZER = "bpe"
STEPS = 4000
BATCH = 64

LANGUAGES = FIELDS[1:]
UNSEEN_TEMPLATES = [template for templates in UNSEEN.values() for template in templates]

# A foreign word that stands for two of our English words cannot be asked back.
_SEEN = Counter((language, word[language].lower()) for word in WORDS for language in LANGUAGES)
_SPELT = Counter(word[language].lower() for word in WORDS for language in LANGUAGES)
BACK = [(w, l) for w in WORDS for l in LANGUAGES if _SEEN[l, w[l].lower()] == 1 and _SPELT[w[l].lower()] == 1]


# Words that decide the direction; noise between and instead of words spares them.
KEYS = frozenset("english german french spanish into to from in for mean means meaning translate translation word".split())


def example(rng: Random) -> tuple[str, str]:
    relation = "into" if rng.random() < 0.55 else "back"
    template = compose(rng, NOUN, CORES[relation]) if rng.random() < 0.4 else rng.choice(DIRECT[relation])
    slots, answer = draw(rng, relation)
    template = sprinkle(rng, led(rng, template), KEYS, rate=0.35)
    text = render(rng, template, lower_slots=True, **slots)
    if template.startswith("{word}") and rng.random() < 0.5:
        text = text[:1].upper() + text[1:]
    return surround(rng, text), answer


def draw(rng: Random, relation: str) -> tuple[dict, str]:
    """The slots of one translation and its answer."""
    if relation == "back":
        word, language = rng.choice(BACK)
        return {"foreign": word[language], "language": language}, restated(word[language], "English", word["English"])
    word, language = rng.choice(WORDS), rng.choice(LANGUAGES)
    return {"word": word["English"], "language": language}, restated(word["English"], language, word[language])


def restated(word: str, target: str, translation: str) -> str:
    return f"{word.lower()} to {target}\n{translation}"


def seen_cases(rng: Random, count: int) -> list[dict]:
    return cases(rng, count, DIRECT)


def unseen_cases(rng: Random, count: int) -> list[dict]:
    return cases(rng, count, UNSEEN)


def cases(rng: Random, count: int, templates: dict) -> list[dict]:
    """Clean prompts, three into a foreign language for two back."""
    result, turns = [], Counter()
    for index in range(count):
        relation = "into" if index % 5 < 3 else "back"
        options = templates[relation]
        template = options[turns[relation] % len(options)]
        turns[relation] += 1
        slots, answer = draw(rng, relation)
        result.append({"prompt": SLOT.sub(lambda match: slots[match.group(1)], template), "expect": [answer.split("\n")[-1]]})
    return result
