"""The planner: copies each task of a prompt onto a line of its own.

It learns to find the borders, not to know the domains: most training segments
hold random or invented words, which leaves copying as the only way to be
right. Segments are copied as they stand; what joins them is dropped. A prompt
with one task stays whole, also when it has `and` or several sentences in it.
"""

import importlib
from functools import cache
from random import Random

from expert.noise import capital, filler_word, invented
from expert.phrase import CHATTER

ID = "planner"
DESCRIPTION = (
    "Splits a prompt with several questions or instructions into its separate tasks,"
    " one a line in the order asked; a single task stays whole."
)
EXEMPLARS = [
    "What is the capital of France? Spell it backwards.",
    "Add 37 and 48 and tell me the capital of Japan.",
    "Convert 5 km to meters, then write 47 in Roman numerals.",
    "What is the symbol for gold and how many letters does Madrid have?",
    "1. What is 12 times 7? 2. What day comes after Monday?",
    "First translate dog into Spanish, then count its letters.",
    "Name the capital of Peru; also tell me how many minutes are in 3 hours.",
    "Please answer these: What is 9 in binary? Which month follows May?",
    "Split this into tasks: sort the letters of Oslo and divide 84 by 7.",
    "How do you say bread in German? And what is 15 plus 26?",
    "Reverse lantern, subtract 5 from 90 and name the element with number 8.",
    "- Spell Cairo backwards - What is 8 times 9?",
    "What currency is used in Kenya? What is its capital? What language is spoken there?",
    "What is the sum of 17 and 26?",
]
WIDTH = 128
TOKENIZER = "bpe"
BATCH = 32
ABILITIES = ["planner"]

SOURCES = ("arithmetic", "calendar", "chemistry", "dictionary", "geography", "numerals", "units", "words")
POOL = 3000  # prompts a domain lends; enough to show its phrasings many times over

QUESTIONS = (
    "what is|what is the|what's|what are|what does|what do|what|which|which one|who|who is|where is|where|when|when did"
    "|why|why does|how many|how much|how much is|how do you|how|how long is|how far is|is|are|does|do|can you|could you"
    "|would you|will|did|was"
).split("|")
COMMANDS = (
    "spell|add|subtract|multiply|divide|convert|translate|name|give me|tell me|write|list|find|count|sort|explain"
    "|describe|summarize|compute|calculate|reverse|show me|show|say|turn|change|put|express|work out|double|halve"
    "|arrange|reduce|take|print|type|check|state|define|compare|draw|make|read|repeat|capitalize|flip|order|simplify"
    "|look up|figure out|solve|evaluate|combine|split|share|rewrite|please tell me|please give me|please find"
).split("|")
STARTS = frozenset(start.split(" ")[0] for start in (*QUESTIONS, *COMMANDS)) | {"please", "in", "how", "i", "remove"}
STATEMENTS = "I have|We have|There are|There is|Tom has|I had|She bought|My friend has|I saw|We read|You know|I need|He took".split("|")
GLUE = "of in to the a for by with from on as into at between".split()
DEPENDENT = (
    "spell it backwards|multiply that by {n}|add {n} to the result|how many letters does it have|convert it to binary"
    "|write it in roman numerals|sort its letters|what is its first letter|translate it into Spanish|double it"
    "|subtract {n} from it|how many vowels does it have|divide the result by {n}|write that in capital letters"
    "|reverse that word|what is its capital|what language is spoken there|count its letters|use that to find {w}"
    "|what is that in {w}|convert that to {w}|is it a palindrome|add {n}|take {n} away from that|tell me its {w}"
).split("|")

# Before a later sentence; dropped from the copy.
CONNECTORS = (
    "Also|Then|Next|After that|Afterwards|Finally|And|And then|Besides|Moreover|Furthermore|In addition|Secondly|Second"
    "|Third|Plus|And also|Now|Another question:|Another one:|One more thing:|And finally|After this|Further|Next up:"
    "|Last|Oh, and|As a second question|Now then|Second question:|Third:|Later"
).split("|")
FIRSTS = "First|Firstly|First of all|To begin with|To start|At first|One".split("|")
INTROS = (
    "Please do the following:|Answer these questions:|I have two questions.|I have some questions.|Tell me this:"
    "|Can you help me with these?|Questions:|Tasks:|My list:|Here is what I need:|Please answer:|Do this for me:"
    "|I need help with a few things.|A few questions:|Some tasks for you:|Solve these:|For homework:|Several things:"
    "|Please work through these:|Hello, I have these questions:|Could you answer the following?|Split this into tasks:"
).split("|")
PAIR = (
    " and | and |, and |, and | and then |, then |, and then | and also |, and also |; |; |, also |, plus | then | and finally"
    " |; then |; also |, after that | and after that | & | - | as well as telling me, |, next "
).split("|")

# Written before the first training run; never trained on, never tuned to.
UNSEEN = {
    2: (
        "{a} Additionally, {b}",
        "{a} Following that, {b}",
        "Two things: {A} {B}",
        "Answer both of these. {A} {B}",
        "{a} {B}",
        "{A}\n{B}",
        "{c} and {d}",
        "{c}, and on top of that {d}",
        "{c}; {d}",
        "Hi! {A} {B}",
        "* {A}\n* {B}",
        "#1 {A} #2 {B}",
    ),
    3: (
        "{A} {B} Lastly, {x}",
        "Here are my questions. {A} {B} {X}",
        "{c}, {d} and {x}",
        "{c}; {d}; {x}",
        "{A} {B} {X}",
        "{A}\n{B}\n{X}",
        "1: {A} 2: {B} 3: {X}",
        "Start with this: {A} Then {b} And to finish, {x}",
    ),
}
UNSEEN_TEMPLATES = ()  # joins hold whole prompts: a pattern of them would match everything


def _random_words(rng: Random, least: int, most: int) -> list[str]:
    words = []
    for _ in range(rng.randint(least, most)):
        roll = rng.random()
        if roll < 0.16:
            word = str(rng.randint(1, 10 ** rng.randint(1, 4) - 1))
        elif roll < 0.36:
            word = capital(invented(rng, 2, 3))
        elif roll < 0.62:
            word = rng.choice(GLUE)
        else:
            word = filler_word(rng)
        words.append(word)
        if rng.random() < 0.10:
            words += ["and", rng.choice((str(rng.randint(2, 99)), invented(rng), rng.choice(CHATTER), capital(invented(rng, 2, 3))))]
    return words


def _random_segment(rng: Random) -> str:
    """A question or an instruction about nothing."""
    if rng.random() < 0.5:
        return " ".join([rng.choice(QUESTIONS), *_random_words(rng, 1, 6)]) + "?"
    start = rng.choice(COMMANDS) if rng.random() < 0.85 else invented(rng, 2, 3)
    return " ".join([start, *_random_words(rng, 1, 6)]) + "."


def _replaced(rng: Random, text: str) -> str:
    """The text with some of its inner words replaced by random ones."""
    words = text.split(" ")
    for spot in range(1, len(words)):
        if words[spot].rstrip("?.").isalnum() and words[spot].lower() != "and" and rng.random() < 0.3:
            end = words[spot][len(words[spot].rstrip("?.")) :]
            words[spot] = _random_words(rng, 1, 1)[0] + end
    return " ".join(words)


@cache
def _trained_prompts(source: str) -> list[str]:
    """Clean prompts of a domain's trained phrasings."""
    domain = importlib.import_module(f"domains.{source}")
    return [case["prompt"] for case in domain.seen_cases(Random(POOL), POOL)]


def _domain_prompt(rng: Random) -> str:
    return rng.choice(_trained_prompts(rng.choice(SOURCES)))


def _domain_segment(rng: Random) -> str:
    text = _domain_prompt(rng)
    if rng.random() < 0.5:
        text = _replaced(rng, text)
    return text


def _segment(rng: Random) -> str:
    """One task with an end mark."""
    text = _domain_segment(rng) if rng.random() < 0.5 else _random_segment(rng)
    if rng.random() < 0.06:
        text = f"{rng.choice(STATEMENTS)} {' '.join(_random_words(rng, 1, 5))}. {capital(text)}"
    return _marked(text)


def _marked(text: str) -> str:
    if text[-1:] in "?.!":
        return text
    return text.rstrip(",;: ") + ("?" if text.split(" ")[0].lower() in _ASKING else ".")


_ASKING = frozenset(question.split(" ")[0] for question in QUESTIONS)


def _lowered(text: str) -> str:
    """The text as it follows a comma: the first letter small unless it is a name or alone."""
    return text[:1].lower() + text[1:] if text.split(" ")[0].lower() in STARTS and text[:2] != "I " else text


def _bare(text: str) -> str:
    return text.rstrip("?.! ")


def _sentences(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Full sentences, some with a connector in front."""
    text, found = "", []
    bare_case = rng.random() < 0.15
    for index, part in enumerate(parts):
        part = part if bare_case else capital(part)
        front = ""
        if index == 0 and rng.random() < 0.12:
            front = rng.choice(FIRSTS)
        elif index and rng.random() < 0.35:
            front = rng.choice(CONNECTORS)
            if rng.random() < 0.25:
                front = capital(" ".join(filler_word(rng) for _ in range(rng.randint(1, 3)))) + ","
        if front:
            part = _lowered(part)
            front += " " if front[-1] in ":," else rng.choice((", ", ", ", " "))
        if index == len(parts) - 1 and rng.random() < 0.15:
            part = _bare(part)
        text += (rng.choice((" ", " ", " ", " ", "\n")) if index else "") + front + part
        found.append(part)
    return text, found


def _coordinated(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """One sentence with its tasks joined by commas, `and`, `then` and the like."""
    parts = [_bare(part) for part in parts]
    parts = [capital(parts[0]) if rng.random() < 0.8 else parts[0], *map(_lowered, parts[1:])]
    parts[-1] += rng.choice((".", "?", "?", ".", "", "!"))
    text, found = parts[0], [parts[0]]
    between = rng.choice((", ", ", ", "; ", " and ", ", then ", ", and "))
    for index, part in enumerate(parts[1:], 2):
        joint = rng.choice(PAIR) if index == len(parts) else between
        if joint == " as well as telling me, ":
            joint = ", "
        text += joint + part
        found.append(part)
    return text, found


def _enumerated(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Numbered, lettered or bulleted tasks, on lines or in a row."""
    style = rng.choice(("{i}. ", "{i}) ", "({i}) ", "{a}) ", "({a}) ", "{a}. ", "- ", "• ", "Q{i}: ", "{i} - ", "Task {i}: "))
    gap = rng.choice(("\n", "\n", " ", " ", "; ", ", "))
    if rng.random() < 0.3 or gap in "; , ":
        keep = gap == "\n" or rng.random() < 0.5
        parts = [part if keep else _bare(part) for part in parts]
    parts = [capital(part) if rng.random() < 0.8 else part for part in parts]
    marks = [style.format(i=index + 1, a="abcdef"[index]) for index in range(len(parts))]
    return gap.join(mark + part for mark, part in zip(marks, parts)), parts


def _single(rng: Random) -> str:
    """A prompt with one task, noisy ones included."""
    roll = rng.random()
    if roll < 0.3:
        return _segment(rng) if rng.random() < 0.7 else capital(_segment(rng))
    text = _domain_prompt(rng)
    return text if roll < 0.6 else _replaced(rng, text)


def _joined(rng: Random, count: int) -> tuple[str, list[str]]:
    parts = [_segment(rng) for _ in range(count)]
    for index in range(1, count):
        if rng.random() < 0.15:
            text = rng.choice(DEPENDENT).format(n=rng.randint(2, 99), w=filler_word(rng))
            parts[index] = _marked(text)
    # Inside one sentence a task must start with a word that starts tasks, and hold no sentence end.
    fits = all(
        part.split(" ")[0].lower() in STARTS and not any(mark in _bare(part) for mark in ("? ", ". ", "\n", ";"))
        for part in parts
    )
    roll = rng.random()
    if roll < 0.5 and fits:
        text, found = _coordinated(rng, parts)
    elif roll < 0.82:
        text, found = _sentences(rng, parts)
    else:
        text, found = _enumerated(rng, parts)
    if rng.random() < 0.16:
        intro = rng.choice(INTROS)
        if rng.random() < 0.3:
            intro = capital(" ".join(filler_word(rng) for _ in range(rng.randint(1, 4)))) + rng.choice((":", ":", "!"))
        text = intro + rng.choice((" ", " ", "\n")) + text
    if rng.random() < 0.12:
        text, found = text.lower(), [part.lower() for part in found]
    return text, found


def _answer(parts: list[str]) -> str:
    return "\n".join(f"{index}. {part}" for index, part in enumerate(parts, 1))


def _ask(rng: Random) -> tuple[str, list[str]]:
    count = rng.choices((1, 2, 3, 4), (26, 36, 26, 12))[0]
    if count == 1:
        text = _single(rng)
        return text, [text]
    return _joined(rng, count)


def example(rng: Random) -> tuple[str, str]:
    """One training pair."""
    text, parts = _ask(rng)
    return text, _answer(parts)


def _case(text: str, parts: list[str]) -> dict:
    return {"prompt": text, "expect": _answer(parts).split("\n")}


def seen_cases(rng: Random, n: int) -> list[dict]:
    """Prompts joined in trained ways, half of them from trained phrasings of the domains."""
    return [_case(*_ask(rng)) for _ in range(n)]


@cache
def _held_out_prompts(source: str) -> list[str]:
    domain = importlib.import_module(f"domains.{source}")
    return [case["prompt"] for case in domain.unseen_cases(Random(POOL), POOL)]


def _held_out_segment(rng: Random) -> str:
    return _marked(rng.choice(_held_out_prompts(rng.choice(SOURCES))))


def unseen_cases(rng: Random, n: int) -> list[dict]:
    """Held-out phrasings of the domains, joined in held-out ways; a quarter are single tasks."""
    cases = []
    for _ in range(n):
        count = rng.choices((1, 2, 3), (25, 45, 30))[0]
        parts = [_held_out_segment(rng) for _ in range(count)]
        if count == 1:
            cases.append(_case(parts[0], parts))
            continue
        template = rng.choice(UNSEEN[count])
        names = "abx" if "{c}" not in template else "cdx"
        shown = []
        for name, part in zip(names, parts):
            if f"{{{name.upper()}}}" in template:
                shown.append((name.upper(), capital(part)))
            else:
                follows = template.index(f"{{{name}}}") > 0
                text = _lowered(part) if follows else part
                inside = "{c}" in template and part is not parts[-1]
                shown.append((name, _bare(text) if inside else text))
        cases.append(_case(template.format(**dict(shown)), [text for _, text in shown]))
    return cases
