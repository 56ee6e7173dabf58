"""How the planner's training prompts join their tasks. Each way gives the prompt and its tasks as they stand in it."""

import re
from random import Random

from compound_phrases import JOINS, REFERENCES
from domains import planner_phrases as phrases
from domains.planner_tasks import bare, capital, clause, domain_task, filled, marked, noun_phrase, one_sentence, random_words, small, task, with_signs
from expert.noise import filler_word, invented

# Held out; never trained on, never tuned to.
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
# Joining without these is not English; every set has them.
BASIC = {"", "and", "then", "and then", "also", "first", "second", "third", "finally", "1.", "2.", "3.", "4.", "-", ";", ","}


def _normal(text: str) -> str:
    """Lower case, without the marks around it; a mark alone stays."""
    text = " ".join(text.lower().split())
    text = re.sub(r"\d+", "0", text) if re.search("[a-z]", text) else text
    for language in phrases.LANGUAGES:
        text = text.replace(language.lower(), "{language}")
    return text.replace("{k}", "0").strip(" ,.:;!?") if re.search("[a-z]", text) else text.strip()


def _glue(joins: dict) -> set[str]:
    return {_normal(piece) for templates in joins.values() for template in templates for piece in re.split(r"\{\w\}", template)}


def _references(half: str) -> set[str]:
    return {_normal(text) for texts in REFERENCES[half].values() for text in texts}


# What reported figures and the planner's unseen cases use; training draws again when it meets one.
HELD_OUT = (_glue(JOINS["reported"]) | _glue(UNSEEN) | _references("reported")) - _glue(JOINS["dev"]) - BASIC


def _allowed(rng: Random, draw) -> str:
    while True:
        text = draw(rng)
        if _normal(text) not in HELD_OUT:
            return text


_COMMA_LESS = frozenset("also|then|next|after that|afterwards|finally|and|and then|and also|plus|and next|and finally|ok and|oh and|second|later|besides|and after that|after this|moreover|furthermore|in addition|last|btw|by the way|one more|oh also|while you're at it|when done|also please|but also|so then".split("|"))


def _connector(rng: Random) -> str:
    """What introduces a later task, with its comma or colon."""
    roll = rng.random()
    if roll < 0.62:
        text = rng.choice(phrases.CONNECTORS)
        if text in _COMMA_LESS and rng.random() < 0.5:
            return text
        return text + rng.choice((",", ",", ",", ":", " -") if text.split()[-1] in ("question", "one", "thing", "task", "point", "item", "topic", "up", "more", "else", "bonus") else (",",))
    if roll < 0.76:
        text = f"{rng.choice(phrases.PREPOSITIONS)} {rng.choice(phrases.ANTECEDENTS)},"
    elif roll < 0.9:
        shape = rng.choice((
            "the {o} {w}:", "{o} {w}:", "my {o} {w}:", "another {w}:", "one more {w}:", "for the {o} {w},", "as the {o} {w},", "{w} {i}:", "number {i}:", "the {o} one:",
            "the {o} {w} is:", "the {o} {w} is this:", "here is the {o} {w}:", "and the {o} {w}:", "and for the {o} {w},", "and as {o} {w},", "in the {o} {w},", "{o},", "{o}:", "and {o},",
            "now the {o} {w}:", "then the {o} {w}:", "on to the {o} {w}:", "as my {o} {w},", "an extra {w}:", "a different {w}:", "some other {w}:", "yet another {w}:", "{o} on the list:", "then {o},",
        ))  # fmt: skip
        text = shape.format(o=rng.choice(phrases.ORDINALS), w=rng.choice(phrases.ORDER_WORDS), i=rng.choice(("2", "3", "two", "three", "4", "four")))
    elif roll < 0.97:
        when = rng.choice(("once", "when", "after", "as soon as", "now that", "if", "until then, when", "and when", "and once", "and after", "then, when", "then, once"))
        what = rng.choice((
            "you are done", "you're finished", "you have that", "that is clear", "this works", "it is done", "you know that", "you've got it", "that's settled", "that is out of the way",
            "you have the answer", "we have that", "that is answered", "this is solved", "you can", "you like", "you are ready", "all is well", "that's over", "that's sorted",
        ))  # fmt: skip
        text = f"{when} {what},"
    else:
        text = invented(rng, 2, 3) + rng.choice(("ly,", "ly,", "wise,", "more,"))
    if rng.random() < 0.15:
        text = rng.choice(("and", "oh,", "ok,", "so", "well,", "but", "oh and", "and,", "great,", "now", "fine,", "right,", "thanks,", "good.", "thanks!", "ok.", "and then")) + " " + text
    return text


def _with_end(rng: Random, text: str) -> str:
    """The text with the end mark that somebody in a hurry gives it."""
    roll = rng.random()
    if roll < 0.72:
        return text
    if roll < 0.84:
        return bare(text) + rng.choice(("?", ".", ".", "!", "..", "??", "...", "?!", "!!"))
    return bare(text) + " ?" if roll < 0.87 else text


def _sentences(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Full sentences, some with a connector in front."""
    text, found = "", []
    small_starts, plain = rng.random() < 0.15, rng.random() < 0.35
    gap = rng.choices((" ", "\n", "\n\n", "  "), (74, 17, 7, 2))[0]
    unmarked = rng.random() < (0.4 if "\n" in gap else 0.06)
    for index, part in enumerate(parts):
        part = bare(part) if unmarked else _with_end(rng, part)
        part = part if small_starts else capital(part)
        front = ""
        if index == 0 and rng.random() < 0.12:
            front = _allowed(rng, lambda r: r.choice(phrases.FIRSTS))
        elif index and not plain and rng.random() < 0.7:
            front = _allowed(rng, _connector)
        if front:
            part = small(part) if rng.random() < 0.9 else part
            front = front if small_starts or rng.random() < 0.1 else capital(front)
            front += " " if front[-1] in ":,-.!" else rng.choice((", ", " ", " "))
        if index == len(parts) - 1 and rng.random() < 0.15:
            part = bare(part)
        if index and rng.random() < 0.03:
            text += " " + _allowed(rng, lambda r: r.choice(("Thanks!", "Great.", "Good.", "thanks.", "Okay.", "Thank you.", "That is easy.", "Nice.", "Hm.", "Right.")))
        text += (gap if index else "") + front + part
        found.append(part)
    return text, found


def _joint(rng: Random) -> str:
    """What stands between two tasks of one sentence, spaces included."""
    if rng.random() < 0.76:
        text = rng.choice(phrases.JOINTS) if rng.random() < 0.55 else rng.choice(("and", ", and", ",", ";", ", then", "and then", ", and then", ", and also", "and also", "then"))
    else:
        lead = rng.choice((",", ", and", "and", ";", "; and", " -", ", but", ", then", ", oh and"))
        text = f"{lead} {_connector(rng).rstrip(':-. ')}"
        if text[-1] != "," and rng.random() < 0.5:
            text += ","
    if text[0] in ",;" and rng.random() < 0.04:
        text = " " + text
    return ("" if text[0] in ",; " else " ") + text.rstrip() + " "


def _coordinated(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """One sentence with its tasks joined by commas, `and`, `then` and the like."""
    end = rng.choice((parts[-1][-1], ".", "?", "?", ".", "", "!"))
    parts = [bare(part) for part in parts]
    parts = [capital(parts[0]) if rng.random() < 0.8 else parts[0], *(small(part) if rng.random() < 0.93 else part for part in parts[1:])]
    parts[-1] += end
    text, between = parts[0], rng.choice((", ", ", ", "; ", " and ", ", then ", ", and ", "", ""))
    for index, part in enumerate(parts[1:], 2):
        joint = _allowed(rng, _joint) if index == len(parts) or not between else between
        text += joint + part
    return text, parts


def _shared_head(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Several things asked for by one head, which stays with the first."""
    draw, carriers = (noun_phrase, phrases.NP_CARRIERS) if rng.random() < 0.65 else (clause, phrases.CLAUSE_CARRIERS)
    things = [draw(rng) for _ in parts]
    if draw is noun_phrase and rng.random() < 0.25:
        things[-1] = filled(rng, "its {attr}")
    carrier = rng.choice([c for c in carriers if c.count("{}") == 1 and c.rstrip("?.!").endswith("{}")])
    parts = [bare(carrier).replace("{}", things[0]), *things[1:]]
    parts[0] = capital(parts[0]) if rng.random() < 0.75 else parts[0]
    parts[-1] += rng.choice((carrier[-1] if carrier[-1] in "?." else "", ".", "", ", please.", " please"))
    text = parts[0]
    for index, part in enumerate(parts[1:], 2):
        text += (rng.choice((" and ", " and ", ", and ", " as well as ", ", and also ", " plus ", " and also ", " along with ", ", then ", ", as well as ")) if index == len(parts) else ", ") + part
    return text, parts


def _separated(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Tasks with a sign between them."""
    sign = _allowed(rng, lambda r: r.choice(phrases.SEPARATORS))
    keep = sign[0] not in ",;" and rng.random() < 0.35
    parts = [part if keep else bare(part) for part in parts]
    parts = [capital(part) for part in parts] if rng.random() < 0.4 else [small(part) for part in parts]
    gap = ("" if sign[0] in ",;" else " ") + sign + " "
    return gap.join(parts), parts


_COUNTED = ("one two three four five six".split(), "first second third fourth fifth sixth".split(), "i ii iii iv v vi".split())


def _mark(style: str, index: int) -> str:
    words, ordinals, romans = (names[index] for names in _COUNTED)
    return style.format(
        i=index + 1, a="abcdef"[index], A="ABCDEF"[index], r=romans, R=romans.upper(), w=words, W=capital(words), o=ordinals, O=capital(ordinals)
    )  # fmt: skip


def _enumerated(rng: Random, parts: list[str]) -> tuple[str, list[str]]:
    """Numbered, lettered or bulleted tasks, on lines or in a row."""
    common = ("{i}. ", "{i}. ", "- ", "{i}) ", "• ", "{a}) ")
    style = rng.choice(common) if rng.random() < 0.4 else _allowed(rng, lambda r: r.choice(phrases.MARKS)) + " "
    gap = rng.choice(("\n", "\n", "\n", " ", " ", "; ", ", ", "\n\n", ", and "))
    if rng.random() < 0.3 or gap[0] in ";,":
        parts = [part if "\n" in gap and rng.random() < 0.3 else bare(part) for part in parts]
    parts = [capital(part) if rng.random() < 0.7 else small(part) for part in parts]
    return gap.join(_mark(style, index) + part for index, part in enumerate(parts)), parts


def _dependent(rng: Random) -> str:
    return marked(_allowed(rng, lambda r: filled(r, r.choice(phrases.DEPENDENT))))


def _intro(rng: Random) -> str:
    if rng.random() < 0.15:
        return capital(" ".join(filler_word(rng) for _ in range(rng.randint(1, 4)))) + rng.choice((":", ":", "!"))
    text = filled(rng, rng.choice(phrases.INTROS))
    if rng.random() < 0.1:
        text = text.rstrip(".:") + rng.choice((" -", ":", "...", ","))
    return capital(text) if rng.random() < 0.85 else text


def _greeting(rng: Random) -> str:
    text = rng.choice(phrases.GREETINGS)
    if rng.random() < 0.15 and text[-1].isalpha():
        text += " " + capital(invented(rng, 1, 3))
    if text[-1].isalpha():
        text += rng.choice((",", "!", ".", ":", "", ",", " -"))
    return capital(text) if rng.random() < 0.8 else text


def _fits(part: str, first: bool) -> bool:
    """Whether a task can stand inside a sentence with others."""
    return one_sentence(part) and (first or part[:1].isalpha() or part[:1].isdigit() or part[:1] == '"')


def joined(rng: Random, count: int) -> tuple[str, list[str]]:
    """A prompt of several tasks, and the tasks as they stand in it."""
    parts = [task(rng) for _ in range(count)]
    if rng.random() < 0.12:  # the same thing again, with other words in it
        parts = [marked(filled(rng, template)) for template in [rng.choice(phrases.QUESTIONS + phrases.ORDERS)] for _ in parts]
    for index in range(1, count):
        if rng.random() < 0.18:
            parts[index] = _dependent(rng)
    roll = rng.random()
    if roll < 0.40 and all(_fits(part, index == 0) for index, part in enumerate(parts)):
        text, found = _coordinated(rng, parts)
    elif 0.40 <= roll < 0.46:
        text, found = _shared_head(rng, parts)
    elif 0.46 <= roll < 0.50 and all(map(one_sentence, parts)):
        text, found = _separated(rng, parts)
    elif roll < 0.82:
        text, found = _sentences(rng, parts)
    else:
        text, found = _enumerated(rng, parts)
    if rng.random() < 0.17:
        text = _allowed(rng, _intro) + rng.choice((" ", " ", "\n")) + text
    if rng.random() < 0.12:
        text = _allowed(rng, _greeting) + rng.choice((" ", " ", " ", "\n")) + text
    if rng.random() < 0.14:
        closer = _allowed(rng, lambda r: filled(r, r.choice(phrases.CLOSERS)))
        text += rng.choice((" ", " ", "\n")) + closer
    roll = rng.random()
    if roll < 0.16:
        text, found = text.lower(), [part.lower() for part in found]
    elif roll < 0.175:
        text, found = text.upper(), [part.upper() for part in found]
    return text, found


def surrounded(rng: Random, text: str) -> str:
    """A single task with the greetings and thanks that compounds have too."""
    roll = rng.random()
    if roll < 0.10:
        text = f"{_allowed(rng, _greeting)} {text}"
    if 0.06 < roll < 0.16:
        text = f"{text} {_allowed(rng, lambda r: filled(r, r.choice(phrases.CLOSERS)))}"
    if 0.16 < roll < 0.22:
        text = f"{capital(' '.join(random_words(rng, 2, 6)))}. {text}"
    if 0.22 < roll < 0.26:  # a question that goes on from an earlier talk
        text = f"{capital(_allowed(rng, _connector))} {small(text)}"
    if 0.26 < roll < 0.28:
        text = f"{_allowed(rng, _intro)} {text}"
    return text.lower() if rng.random() < 0.15 else text


# The joining words of every day, mostly without a comma.
_TERSE = "Then Then Then And And And And Also Also Next Finally Plus Oh,".split() + [
    "And then", "And also", "Also,", "Then,", "Next,", "Finally,", "After that,", "After that", "Second,", "Third,", "And finally", "Afterwards",
]  # fmt: skip


def _everyday_task(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.28:
        text = filled(rng, rng.choice(phrases.ASIDES))
    else:
        text = marked(domain_task(rng, 0.15)) if roll < 0.82 else task(rng)
    if rng.random() < 0.2:
        text = with_signs(rng, text)
    if rng.random() < 0.07 and one_sentence(text):
        text = bare(text) + rng.choice(phrases.TAILS) + text[-1]
    return text


def everyday(rng: Random, count: int) -> tuple[str, list[str]]:
    """The plainest ways of joining, over the tasks of the bundled domains and over tasks that look like two."""
    parts = [_everyday_task(rng) for _ in range(count)]
    if count == 1:
        return parts[0], parts
    if rng.random() < 0.18:
        spot = rng.randint(1, count - 1)
        parts[spot] = _dependent(rng)
    roll, found = rng.random(), []
    if roll < 0.55:
        text = ""
        rate, gap = rng.choice((0.0, 0.5, 1.0)), "\n" if rng.random() < 0.12 else " "
        for index, part in enumerate(parts):
            front = ""
            if index and rng.random() < rate:
                front = _allowed(rng, lambda r: r.choice(_TERSE)) + " "
            part = small(part) if front else capital(part)
            text += (gap if index else "") + front + part
            found.append(part)
    elif roll < 0.85 and all(_fits(part, index == 0) for index, part in enumerate(parts)):
        joint = rng.choice((" and ", " and ", ", and ", "; ", ", and also ", ", ", " and also ", ", then "))
        between = "; " if joint == "; " else ", "
        found = [capital(bare(parts[0])), *(small(bare(part)) for part in parts[1:])]
        found[-1] += rng.choice(("?", "?", ".", ""))
        text = found[0]
        for index, part in enumerate(found[1:], 2):
            text += (joint if index == count else between) + part
    else:
        text, found = _enumerated(rng, parts)
    if rng.random() < 0.1:
        text = _allowed(rng, _intro) + " " + text
    if rng.random() < 0.08:
        text = _allowed(rng, _greeting) + " " + text
    if rng.random() < 0.08:
        text += " " + _allowed(rng, lambda r: filled(r, r.choice(phrases.CLOSERS)))
    if rng.random() < 0.12:
        text, found = text.lower(), [part.lower() for part in found]
    return text, found
