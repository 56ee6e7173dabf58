"""The planner's tasks: prompts of the bundled domains, of other matters, and of nothing at all."""

import importlib
import re
from functools import cache
from random import Random

from domains import planner_phrases as phrases
from expert.noise import CHOICE, capital, filler_word, invented
from expert.phrase import CHATTER, OPENERS, SLOT

SOURCES = ("arithmetic", "calendar", "chemistry", "dictionary", "geography", "numerals", "units", "words")
POOL = 3000  # prompts a domain lends, noisy ones as many again; enough to show its phrasings many times over

WORD_STARTS = (
    "what what's which who where when why how is are does do can could would will did was spell add subtract multiply"
    " divide convert translate name give tell write list find count sort explain describe summarize compute calculate"
    " reverse show say turn change put express work double halve arrange reduce take print type check state define compare"
    " draw make read repeat capitalize flip order simplify look figure solve evaluate combine split share rewrite"
).split()
GLUE = "of in to the a for by with from on as into at between".split()
# First words that are no names, so that they are written small inside a sentence.
COMMON_STARTS = frozenset(WORD_STARTS) | frozenset(
    "please in on at by of for to from with without under over after before the a an my your our their this that these those if when while"
    " given counting looking starting using adding taking kindly help let let's we you they he she someone any remind mention determine"
    " identify get so its it may might must should was were has have had whose whom there here half two three one how's where's who's"
    " i'd multiplying dividing subtracting pick choose think suggest recommend plan draft compose remove replace join mark group build round"
    " number letter word day month year element country capital symbol think measure square binary hex decimal".split()
) - {"i'd"}
_ASKING = frozenset(
    "what what's which who whose whom where when why how is are was were does do did can could would will has have had in on at by of to from if"
    " for with given counting".split()
)


def random_words(rng: Random, least: int, most: int) -> list[str]:
    words = []
    for _ in range(rng.randint(least, most)):
        words.append(_random_word(rng))
        if rng.random() < 0.10:
            words += ["and", _random_word(rng)]
    return words


def _random_word(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.16:
        return str(rng.randint(1, 10 ** rng.randint(1, 4) - 1))
    if roll < 0.34:
        return capital(invented(rng, 2, 3))
    if roll < 0.56:
        return rng.choice(GLUE)
    if roll < 0.64:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 7)))
    return filler_word(rng)


def _name(rng: Random) -> str:
    """A thing nobody has heard of, to be copied by its letters."""
    roll = rng.random()
    if roll < 0.35:
        return capital(invented(rng, 2, 3))
    if roll < 0.5:
        return capital(invented(rng, 1, 3)) + " " + capital(invented(rng, 1, 3))
    if roll < 0.65:
        return str(rng.randint(1, 10 ** rng.randint(1, 5) - 1))
    if roll < 0.75:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 8)))
    return f"the {rng.choice(CHATTER)}" if roll < 0.88 else f'"{invented(rng, 2, 3)}"'


_LISTS = {
    "attr": phrases.ATTRIBUTES, "noun": phrases.NOUNS, "plural": phrases.PLURALS, "verb": phrases.VERBS, "adj": phrases.ADJECTIVES,
    "person": phrases.PEOPLE, "goods": phrases.GOODS, "lang": phrases.LANGUAGES, "unit": phrases.UNITS, "it": phrases.PRONOUNS,
    "count": phrases.INTRO_COUNTS, "nouns": phrases.INTRO_NOUNS, "ord": phrases.ORDINALS,
}  # fmt: skip


def _slot(rng: Random, name: str) -> str:
    if name in ("n", "m", "p"):
        return str(rng.randint(2, 10 ** rng.choice((1, 2, 2, 3, 4)) - 1))
    if name == "thing":
        return rng.choice(phrases.THINGS) if rng.random() < 0.5 else _name(rng)
    if name == "topic":
        return rng.choice(phrases.TOPICS) if rng.random() < 0.7 else " ".join(random_words(rng, 1, 3))
    if name == "word":
        return rng.choice(CHATTER) if rng.random() < 0.4 else invented(rng, 1, 4)
    if name in ("words", "Words"):
        text = " ".join(random_words(rng, 2, 7))
        return capital(text) if name == "Words" else text
    values = _LISTS[name]
    if name in ("noun", "plural", "attr", "verb", "goods", "person") and rng.random() < 0.2:
        return capital(invented(rng, 2, 3)) if name == "person" else rng.choice(CHATTER) if rng.random() < 0.5 else invented(rng, 2, 3)
    return filled(rng, rng.choice(values))


def filled(rng: Random, template: str) -> str:
    """The template with every slot filled anew."""
    while "[" in template and (match := CHOICE.search(template)) and "|" in match.group(1):
        template = template[: match.start()] + rng.choice(match.group(1).split("|")) + template[match.end() :]
    return SLOT.sub(lambda match: _slot(rng, match.group(1)), template)


def noun_phrase(rng: Random) -> str:
    return filled(rng, rng.choice(phrases.NOUN_PHRASES))


def clause(rng: Random) -> str:
    return filled(rng, rng.choice(phrases.CLAUSES))


def _general(rng: Random) -> str:
    """A task about anything."""
    roll = rng.random()
    if roll < 0.30:
        return rng.choice(phrases.NP_CARRIERS).replace("{}", noun_phrase(rng))
    if roll < 0.42:
        return rng.choice(phrases.CLAUSE_CARRIERS).replace("{}", clause(rng))
    return filled(rng, rng.choice(phrases.QUESTIONS if roll < 0.72 else phrases.ORDERS))


def _random_task(rng: Random) -> str:
    """A question or an instruction about nothing."""
    start = rng.choice(WORD_STARTS) if rng.random() < 0.85 else invented(rng, 2, 3)
    return " ".join([start, *random_words(rng, 1, 7)]) + ("?" if start in _ASKING else ".")


@cache
def _clean_prompts(source: str) -> list[str]:
    domain = importlib.import_module(f"domains.{source}")
    return [case["prompt"] for case in domain.seen_cases(Random(POOL), POOL)]


@cache
def _noisy_prompts(source: str) -> list[str]:
    domain, rng = importlib.import_module(f"domains.{source}"), Random(POOL + 1)
    return [domain.example(rng)[0] for _ in range(POOL)]


_OPENING = tuple({opener.rstrip(":,.") for opener in OPENERS})


@cache
def _plain_prompts(source: str) -> list[str]:
    """Noisy prompts of one sentence that start with no joining word."""
    return [
        text
        for text in _noisy_prompts(source)
        if not re.search(r"[?.!:;]\s", text)
        and not text.lower().startswith(_OPENING)
        and text[-1:] not in ",;-"
        and text[:1].isalnum()
        and not text.isupper()
    ]


def domain_prompt(rng: Random, noisy: float) -> str:
    """A trained prompt of one of the domains, noise and all."""
    source = rng.choice(SOURCES)
    return rng.choice(_noisy_prompts(source) if rng.random() < noisy else _clean_prompts(source))


def domain_task(rng: Random, noisy: float) -> str:
    """A trained prompt of one sentence, without openers."""
    source = rng.choice(SOURCES)
    return rng.choice(_plain_prompts(source) if rng.random() < noisy else _clean_prompts(source))


def with_signs(rng: Random, text: str) -> str:
    """The text with one word made a string that repeats itself, which is the hardest to copy."""
    words = text.split(" ")
    spots = [spot for spot in range(1, len(words)) if words[spot].rstrip("?.,").isalnum()]
    if spots:
        spot = rng.choice(spots)
        alphabet = rng.choice(("01", "01", "0123456789", "IVXLCDM", "ABCDEF0123456789", "abcdefghijklmnopqrstuvwxyz"))
        end = words[spot][len(words[spot].rstrip("?.,")) :]
        words[spot] = "".join(rng.choice(alphabet) for _ in range(rng.randint(3, 9))) + end
    return " ".join(words)


def replaced(rng: Random, text: str) -> str:
    """The text with some of its inner words replaced by random ones."""
    words = text.split(" ")
    for spot in range(1, len(words)):
        if words[spot].rstrip("?.").isalnum() and words[spot].lower() != "and" and rng.random() < 0.25:
            end = words[spot][len(words[spot].rstrip("?.")) :]
            words[spot] = _random_word(rng) + end
    return " ".join(words)


def marked(text: str) -> str:
    """The text with an end mark."""
    if text[-1:] in "?.!":
        return text
    return text.rstrip(",;: ") + ("?" if text.split(" ")[0].lower() in _ASKING else ".")


def bare(text: str) -> str:
    return text.rstrip("?.! ")


def small(text: str) -> str:
    """The text as it follows a comma: the first letter small unless it is a name or stands alone."""
    return text[:1].lower() + text[1:] if text.split(" ")[0].lower().rstrip(",") in COMMON_STARTS and text[:2] not in ("I ", "I'") else text


def one_sentence(text: str) -> bool:
    return not re.search(r"[?.!:;\n]\s", text.strip()) and "\n" not in text


def task(rng: Random) -> str:
    """One task of one or, rarely, two sentences, with an end mark and no line break."""
    roll = rng.random()
    text = domain_task(rng, 0.35) if roll < 0.42 else _general(rng) if roll < 0.88 else _random_task(rng)
    if rng.random() < (0.35 if roll < 0.42 else 0.1):
        text = replaced(rng, text)
    if rng.random() < 0.03 and one_sentence(text):
        text = f"{bare(text)}{'' if (tail := rng.choice(phrases.WORKING))[0] == ',' else ' '}{tail}{rng.choice('.?')}"
    elif rng.random() < 0.03 and one_sentence(text):
        statement = filled(rng, rng.choice(("I have {n} {goods}", "{person} has {n} {goods}", "There are {n} {goods}", "I am reading about {topic}", "{Words}", "We went to {thing}", "It is {thing}")))
        text = f"{statement}. {capital(text)}"
    elif rng.random() < 0.04:
        single = filled(rng, rng.choice(phrases.LONG_SINGLES[:40]))
        text = single if "\n" not in single else text
    return marked(" ".join(text.split(" ")))


def single(rng: Random) -> str:
    """A prompt that must stay whole."""
    roll = rng.random()
    if roll < 0.22:
        return domain_prompt(rng, 1.0)
    if roll < 0.34:
        text = domain_prompt(rng, 0.5)
        return replaced(rng, text)
    if roll < 0.66:
        text = filled(rng, rng.choice(phrases.LONG_SINGLES))
        if rng.random() < 0.15 and "\n" not in text:
            text += " " + filled(rng, rng.choice(phrases.REMARKS))
    else:
        text = task(rng)
        if rng.random() < 0.15:
            text = f"{text} {filled(rng, rng.choice(phrases.REMARKS))}"
        elif rng.random() < 0.2 and one_sentence(text):
            tail = rng.choice(phrases.WORKING)
            text = f"{bare(text)}{'' if tail[0] == ',' else ' '}{tail}{rng.choice(('.', '?', ''))}"
        elif rng.random() < 0.2:
            text = bare(text)
    return capital(text) if rng.random() < 0.7 else text
