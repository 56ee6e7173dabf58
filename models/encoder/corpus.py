"""The text that the codebook is trained on: a dictionary, and questions and errands made from it, all seeded.

WordNet (Debian's package wordnet-base) touches every subject that English has words for, which is what cells
want: none should be crowded because the training text was about something else. Prompts are no dictionary
entries, so most entries are put as people would ask about them, and a share of everyday errands (sums, dates,
units, spelling, translation, code, writing) is mixed in, which a dictionary knows nothing of. More than half of the nouns
are held out: `daemon benchmark lsh` makes experts and questions of them (models/recipes/finding_cases.py).
"""

import hashlib
import pathlib
import random
import re

WORDNET = pathlib.Path("/usr/share/wordnet")

NOUN = (
    "What is {a}?", "Explain what {a} is.", "Which of the following is {a}?", "Tell me about {x}.", "How does {a} work?",
    "Who discovered {x}?", "Where would you find {a}?", "Give an example of {a}.", "What causes {x}?", "What is {x} used for?",
    "Why is {x} important?", "What are the main properties of {x}?", "How is {x} measured?", "When did {x} first appear?",
    "What is the difference between {x} and {y}?", "Compare {x} with {y}.", "Describe the role of {x} in {y}.",
)
VERB = (
    "What does it mean to {x}?", "How do I {x}?", "Why would someone {x}?", "Explain how to {x} step by step.",
    "Is it better to {x} or to {y}?", "When should a person {x}?", "Who is likely to {x}?",
)
QUALITY = (
    "What does {x} mean?", "Use the word {x} in a sentence.", "What is the opposite of {x}?", "Give a synonym for {x}.",
    "Is {x} the same as {y}?",
)
MEANING = (
    "Which word means: {g}?", "What do you call {g}?", "{G}. True or false?", "The term for {g} is", "{G}: explain why.",
    "A student reads about {g}. What is the topic?", "{G}",
)

CODE = (
    "Write a {l} function that {t}.", "How do I {t2} in {l}?", "Why does my {l} program crash when it {t}?",
    "Refactor this {l} code so that it {t}.", "What is the time complexity of an algorithm that {t}?",
)
LANGUAGES = ("Python", "Rust", "JavaScript", "C++", "Java", "SQL", "Go", "Bash", "Haskell", "TypeScript")
ERRANDS_OF_CODE = (
    ("sorts a list of numbers", "sort a list"), ("parses a JSON file", "parse JSON"), ("reverses a string", "reverse a string"),
    ("opens a network socket", "open a socket"), ("finds duplicate rows", "find duplicates"), ("counts words", "count words"),
    ("searches a binary tree", "search a tree"), ("downloads a web page", "download a page"), ("caches results", "cache results"),
)
WRITING = (
    "Write a short poem about {x}.", "Draft an email to my boss about {x}.", "Summarise this article on {x}.",
    "Write a product description for {a}.", "Tell me a story about {a} and {b}.", "Correct the grammar: he have {a} yesterday.",
    "Suggest three titles for an essay on {x}.", "Plan a weekend trip to see {x}.", "Give me a recipe with {x}.",
)
TONGUES = ("Spanish", "French", "German", "Italian", "Japanese", "Chinese", "Russian", "Arabic", "Latin", "Portuguese")
UNITS = (
    "metres", "feet", "miles", "kilometres", "pounds", "kilograms", "litres", "gallons", "degrees Celsius", "seconds",
    "hours", "inches",
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)
SHARE_OF_ERRANDS = 0.2
HELD_OUT = 150  # of 256 nouns


def is_held_out(offset: str) -> bool:
    """Whether the noun at this offset of data.noun is kept from the codebook."""
    return hashlib.sha256(f"h{offset}".encode()).digest()[0] < HELD_OUT


def texts(count: int, seed: int, folder: pathlib.Path = WORDNET) -> list[str]:
    """`count` distinct texts, the same for the same seed and dictionary."""
    draw = random.Random(seed)
    entries = read_wordnet(folder)
    nouns = [lemma for kind, lemma, _, _ in entries if kind == "n"]
    out: dict[str, None] = {}
    while len(out) < count:
        if draw.random() < SHARE_OF_ERRANDS:
            out[errand(draw, nouns)] = None
        else:
            out[question(draw, entries)] = None
    return list(out)


def read_wordnet(folder: pathlib.Path) -> list[tuple[str, str, str, list[str]]]:
    """(kind, first lemma, definition, example sentences) of every entry that is not held out; the format is wndb(5)."""
    entries = []
    for name in ("noun", "verb", "adj", "adv"):
        path = folder / f"data.{name}"
        if not path.exists():
            raise SystemExit(f"{path} is missing: apt-get install wordnet-base (only training the codebook needs it)")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(" "):
                continue
            fields, _, gloss = line.partition(" | ")
            if name == "noun" and is_held_out(fields.split(" ")[0]):
                continue
            lemma = re.sub(r"\(.*\)$", "", fields.split(" ")[4]).replace("_", " ")
            examples = re.findall(r'"([^"]{12,})"', gloss)
            definition = re.sub(r';? *"[^"]*"', "", gloss).strip(" ;")
            if definition:
                entries.append((name[0], lemma, definition, examples))
    return entries


def question(draw: random.Random, entries: list[tuple[str, str, str, list[str]]]) -> str:
    """An entry as a definition, as an example sentence, or most often as a question."""
    kind, lemma, gloss, examples = draw.choice(entries)
    other = draw.choice(entries)[1]
    way = draw.random()
    if way < 0.15:
        return f"{lemma}: {gloss}"
    if way < 0.30 and examples:
        return draw.choice(examples)
    if way < 0.55:
        return fill(draw.choice(MEANING), lemma, other, gloss)
    return fill(draw.choice({"n": NOUN, "v": VERB}.get(kind, QUALITY)), lemma, other, gloss)


def fill(template: str, x: str, y: str, gloss: str) -> str:
    fields = {"x": x, "y": y, "a": article(x), "b": article(y), "g": gloss, "G": gloss[:1].upper() + gloss[1:]}
    return template.format(**fields)


def article(noun: str) -> str:
    if noun[:1].isupper():
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def errand(draw: random.Random, nouns: list[str]) -> str:
    """Something people ask for that no dictionary defines."""
    number = lambda: draw.choice((draw.randint(1, 20), draw.randint(10, 999), draw.randint(1_000, 99_999)))
    x, y = draw.choice(nouns), draw.choice(nouns)
    kind = draw.randrange(8)
    if kind == 0:
        sign = draw.choice(("plus", "minus", "times", "divided by", "+", "-", "*", "/"))
        asks = ("What is {} {} {}?", "Calculate {} {} {}.", "{} {} {} =", "Work out {} {} {}")
        return draw.choice(asks).format(number(), sign, number())
    if kind == 1:
        return f"{draw.choice(('Convert', 'How much is', 'Express'))} {number()} {draw.choice(UNITS)} in {draw.choice(UNITS)}"
    if kind == 2:
        date = f"{draw.randint(1, 28)} {draw.choice(MONTHS)} {draw.randint(1900, 2050)}"
        asks = ("What day of the week was {}?", "How many days from {} to Christmas?", "What date is {} days after {}?")
        return draw.choice(asks).replace("{} days", f"{number()} days").format(date)
    if kind == 3:
        asks = ("Spell {} backwards.", "How many letters are in {}?", "What is the third letter of {}?", "Find an anagram of {}.",
                "Does {} rhyme with " + y + "?", "Write {} in capital letters.")  # fmt: skip
        return draw.choice(asks).format(x)
    if kind == 4:
        asks = ("Translate {} into {}.", "How do you say {} in {}?", "What is the {1} word for {0}?")
        return draw.choice(asks).format(x, draw.choice(TONGUES))
    if kind == 5:
        asks = ("Write {} in binary.", "What is {} in Roman numerals?", "Is {} a prime number?", "Round {} to the nearest hundred.",
                "What is the square root of {}?", "Convert {} to hexadecimal.", "Solve for x: 3x + 5 = {}")  # fmt: skip
        return draw.choice(asks).format(number())
    if kind == 6:
        done, do = draw.choice(ERRANDS_OF_CODE)
        return draw.choice(CODE).format(l=draw.choice(LANGUAGES), t=done, t2=do)
    return fill(draw.choice(WRITING), x, y, "")
