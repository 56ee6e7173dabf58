"""Turns templates into varied prompts.

A template is plain text with `{slots}`. `render` fills the slots and disturbs
only the words around them (casing, small words dropped, end punctuation), so
an operand such as `{word}` arrives untouched. `surround` then puts filler
around the question. Both exist because a small model that has only seen clean
templates learns their positions instead of their meaning.
"""

import re
from random import Random

SLOT = re.compile(r"\{(\w+)\}")

# Words whose loss never changes what is asked.
SMALL_WORDS = frozenset(
    "a an the please is are do does you i me to s that this it just can could would"
    " kindly us my now".split()
)

_SMALL = tuple(sorted(SMALL_WORDS))  # a set's own order changes from run to run

OPENERS = (
    "please", "hey", "hi", "hello", "ok", "okay", "so", "well", "um", "now", "and", "and also",
    "also", "then", "next", "first", "finally", "plus", "but", "oh and", "besides", "another thing:",
    "quick question:", "question:", "one more:", "hi there,", "hello,", "hey there,", "excuse me,",
    "good morning,", "just wondering,", "sorry,", "out of interest,", "for my homework:",
    "if you can,", "help me out:", "i need this:", "be brief:", "1.", "2.", "3.", "1)", "2)", "a)",
    "b)", "-", "*", "q:", "i forgot this one.", "my friend asked me this.", "we have a quiz tonight.",
    "i am curious:", "let me ask you something.", "for a test:",
)
CLOSERS = (
    "please", "thanks", "thank you", "cheers", "now", "for me", "if you know", "if you can", "ok",
    "i need it for school", "i forgot", "just the answer", "in short", "quickly", "right away", "again",
    "as well", "too", "and", "i am in a hurry", "for my homework", "be quick", "thanks a lot", "pls",
    "if possible", "when you have a moment", "i keep forgetting", "no explanation", "any idea", "then",
)
SYLLABLES = (
    "ba be bi bo bu ca ce ci co cu da de di do du fa fe fi fo fu ga ge gi go gu ha he hi ho hu ja jo ka"
    " ke ki ko la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po pu ra re ri ro ru sa se si so su"
    " ta te ti to tu va ve vi vo wa we wi wo ya yo za ze zi zo br cl st tr ing er al on en"
).split()
CHATTER = (
    "school teacher friend homework today trip quiz kids crossword puzzle project lunch mother brother"
    " office morning evening paper exam book class game question thing way maybe really here there people"
    " someone everyone always never often read heard saw wrote think thought want need like know remember"
    " forgot wonder looking trying working writing about with from after before because while when our"
    " their her his your some any more other new old good nice quick long little big first last same"
).split()


def render(rng: Random, template: str, *, lower_slots: bool = False, noise: float = 1.0, **slots) -> str:
    """Fills a template and disturbs the words around its slots.

    `lower_slots` lets the slots follow when the whole prompt is lower-cased
    (right for names, wrong for operands whose case matters). `noise` scales
    how often anything happens; 0 gives the clean text.
    """
    pieces = SLOT.split(template)
    texts, names = pieces[0::2], pieces[1::2]
    values = [str(slots[name]) for name in names]
    if rng.random() < 0.25 * noise:
        texts = _drop_small_word(rng, texts)
    roll = rng.random() / max(noise, 1e-9)
    if roll < 0.30:
        texts = [text.lower() for text in texts]
        if lower_slots and roll < 0.22:
            values = [value.lower() for value in values]
    elif roll < 0.33 and lower_slots:
        texts = [text.upper() for text in texts]
        values = [value.upper() for value in values]
    elif roll < 0.36:
        texts = [text.title() if "'" not in text else text for text in texts]
    text = texts[0] + "".join(value + rest for value, rest in zip(values, texts[1:]))
    text = " ".join(text.split(" ")).strip()
    if rng.random() < 0.30 * noise and not text.endswith(tuple(values) or ("\0",)):
        text = text.rstrip("?.!") + rng.choice(("", "", "", "?", ".", "!", " ?", "??", ";", ","))
    return text


def surround(rng: Random, text: str, rate: float = 0.5) -> str:
    """Puts openers, closers and random words around a prompt at the given rate."""
    if rng.random() >= rate:
        return text
    roll = rng.random()
    if roll < 0.45:
        text = _before(rng, _opener(rng), text)
    elif roll < 0.70:
        text = _after(rng, text, _closer(rng))
    else:
        text = _after(rng, _before(rng, _opener(rng), text), _closer(rng))
    return text


def compose(rng: Random, carriers, cores) -> str:
    """Joins a carrier such as `Tell me {}.` with a core such as `the capital of {country}`."""
    text = rng.choice(carriers).replace("{}", rng.choice(cores))
    return text[:1].upper() + text[1:] if not text.startswith("{") else text


def _opener(rng: Random) -> str:
    return rng.choice(OPENERS) if rng.random() < 0.55 else _filler(rng) + rng.choice(("", ",", ":", ".", ";"))


def _closer(rng: Random) -> str:
    return rng.choice(CLOSERS) if rng.random() < 0.55 else _filler(rng)


def _filler(rng: Random) -> str:
    """One to six random words, half of them invented."""
    words = []
    for _ in range(rng.randint(1, 6)):
        if rng.random() < 0.3:
            words.append("".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4))))
        else:
            words.append(rng.choice(_SMALL) if rng.random() < 0.08 else rng.choice(CHATTER))
    return " ".join(words)


def _before(rng: Random, opener: str, text: str) -> str:
    if rng.random() < 0.5:
        opener = opener[:1].upper() + opener[1:]
    if text[:1].isupper() and text[1:2].islower() and rng.random() < 0.3 and text.split(" ")[0].lower() in _STARTS:
        text = text[0].lower() + text[1:]
    return f"{opener} {text}"


def _after(rng: Random, text: str, closer: str) -> str:
    if text[-1:] in "?.!" and rng.random() < 0.6:
        closer = closer[:1].upper() + closer[1:] + rng.choice(("", ".", "!"))
        return f"{text} {closer}"
    if text[-1:] in "?.!":
        end = text[-1]
        return f"{text[:-1]}{rng.choice((', ', ' '))}{closer}{end}"
    return f"{text}{rng.choice((', ', ' ', ' - ', '. '))}{closer}"


# First words of templates that may lose their capital behind an opener.
_STARTS = frozenset(
    "what which who when where how tell give name say write find can could do does is are the please i"
    " show compute calculate work convert translate spell reverse count change turn express put add"
    " in if state list figure help let".split()
)


def _drop_small_word(rng: Random, texts: list[str]) -> list[str]:
    """Drops one small word somewhere in the template's own text."""
    spots = [
        (index, position)
        for index, text in enumerate(texts)
        for position, word in enumerate(text.split(" "))
        if word.lower() in SMALL_WORDS
    ]
    if not spots:
        return texts
    index, position = rng.choice(spots)
    words = texts[index].split(" ")
    del words[position]
    texts = list(texts)
    texts[index] = " ".join(words)
    return texts
