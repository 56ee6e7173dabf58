"""Work on the letters of one word: backwards, counting, sorting, first and last.

The answer restates the task (`reverse paris`), writes the letters down with
their places and works from that line; its last line is the answer alone, in
lower case unless capitals are asked for.
"""

from random import Random

from expert.noise import prompt
from expert.phrase import CHATTER, render

from .words_phrases import built

ID = "words"
DESCRIPTION = (
    "Works on the spelling and the letters of a word or name: backwards, how many letters or vowels, "
    "sorted, first or last letter, in capitals, repeated, palindromes."
)
EXEMPLARS = [
    "Please capitalise all of the string Tunis.",
    "Print this string: Bangkok spelled in capitals.",
    "Please write the letters of the word last in reverse order.",
    "What does this: lisbon give in reverse?",
    "Here is a word: idjtvkw. What do you get if you reverse this string?",
    "A word like Paraguay the other way round.",
    "Ivwbrlckjre, please: if my word is repeated, what do you get",
    "How many letters long is the string uyuncannumer?",
    "March: my friend wants to rewrite it with the last letter first.",
    "The word: Morocco. Tell us the letters in the word from the end to the beginning.",
    "Take the word EESRTDNZ and compute the letter that this string ends with.",
    "I just typed Oi. What comes out when the word is reversed?",
    "I would like you to fetch the leading letter of a word such as sweden.",
    "Here is trip. Just flip the order of the letters in it?",
    "How do you read the string Nkhltx from the end?",
    "How does the word Ecuador look like reversed?",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 128
TOKENIZER = "bytes"
BATCH = 32
STEPS = 6000

NAMES = (
    "Paris Berlin Madrid Rome London Vienna Oslo Lima Cairo Tokyo Havana Nairobi Athens Warsaw Lisbon Dublin"
    " Prague Budapest Helsinki Stockholm Copenhagen Bern Brussels Amsterdam Moscow Kyiv Ankara Baghdad Tehran"
    " Riyadh Doha Muscat Kabul Islamabad Dhaka Kathmandu Bangkok Hanoi Manila Jakarta Beijing Seoul Canberra"
    " Wellington Ottawa Washington Bogota Quito Caracas Brasilia Santiago Montevideo Asuncion Accra Lagos Abuja"
    " Dakar Rabat Tunis Algiers Tripoli Khartoum Kampala Lusaka Harare Maputo Pretoria Luanda Kinshasa France"
    " Germany Spain Italy England Austria Norway Peru Egypt Japan Cuba Kenya Greece Poland Portugal Ireland"
    " Hungary Finland Sweden Denmark Belgium Russia Ukraine Turkey Iraq Iran Qatar Oman Nepal Thailand Vietnam"
    " Indonesia China Australia Canada Mexico Colombia Ecuador Venezuela Brazil Chile Uruguay Paraguay Argentina"
    " Ghana Nigeria Senegal Morocco Tunisia Algeria Libya Sudan Uganda Zambia Zimbabwe Angola Anna Bob Maria"
    " Peter Monday Tuesday January March August October gold iron oxygen helium silver carbon sodium"
).split()
PALINDROMES = (
    "level radar civic kayak rotor madam refer noon deed anna bob eve otto hannah racecar stats tenet solos"
    " rotator redder peep sees mum dad pop wow eye pip gag did"
).split()

_W = "{w}"
_THE = "[the word|the name|the string|the term|] "
_TELL = "[tell me|what is|what's|give me|find|say|write|show me|i want|print|name] "
_ASK = "[please|can you|could you|would you|i want you to|i need you to|you should|try to|] "

REVERSE = (
    _ASK + "[spell|write|say|print|type|put|read|turn|give|spell out] " + _THE + _W + " [backwards|backward|in reverse|back to front|in reverse order|from back to front|reversed|from the end|the other way round]",
    _ASK + "[reverse|flip|invert|turn around|mirror] " + _THE + _W,
    _ASK + "[reverse|flip|turn around] the [letters|order of the letters|spelling|characters] [of|in] " + _THE + _W,
    "[what is|what's|what would|how is|give me|tell me|show me|] " + _THE + _W + " [spelled backwards|backwards|spelt backwards|in reverse|reversed|written backwards|spelled in reverse|read backwards|back to front]",
    "[what does|how does] " + _THE + _W + " [look like|read|become] [backwards|reversed|in reverse|spelled backwards|from right to left]",
    _ASK + "[write|give|list|put|say] the letters of " + _THE + _W + " [in reverse|backwards|in reverse order|from last to first|from the last to the first|in the opposite order]",
    "[how do you|how would you|how do i] [spell|write|say|read] " + _THE + _W + " [backwards|in reverse|from the end]",
    _TELL + "the [reverse|reversal|reversed form|backward spelling|mirror image] of " + _THE + _W,
    _W + " [backwards|reversed|in reverse|spelled backwards]",
    "[starting from|beginning with|going from] the [last letter|end], [spell|write] " + _THE + _W,
    "[spell|read|write] " + _THE + _W + " from [right to left|the last letter to the first|end to start]",
    "[backwards|in reverse], [please|what is|spell|write] " + _THE + _W,
)
COUNT = (
    "how many [letters|characters] [are in|are there in|does it take to spell|make up|are used in] " + _THE + _W,
    "how many [letters|characters] does " + _THE + _W + " [have|contain|use|consist of|need]",
    _ASK + "count the [letters|characters] [in|of] " + _THE + _W,
    _TELL + "the [number of letters|letter count|count of letters|number of characters|length] [in|of] " + _THE + _W,
    "how long is " + _THE + _W,
    _ASK + "[give|state|find|work out] the length of " + _THE + _W,
    _W + " has how many letters",
    "[letters in|number of letters in|letter count of|length of] " + _THE + _W,
    "of how many letters [is|does] " + _THE + _W + " [made|consist]",
    "how many letters [long is|in] " + _THE + _W,
)
VOWELS = (
    "how many vowels [are in|are there in|make up|are used in|in|can you find in] " + _THE + _W,
    "how many vowels does " + _THE + _W + " [have|contain|use|include]",
    _ASK + "count the vowels [in|of] " + _THE + _W,
    _TELL + "the [number of vowels|vowel count|count of vowels] [in|of] " + _THE + _W,
    _W + " has how many vowels",
    "[vowels in|number of vowels in|vowel count of] " + _THE + _W,
    "how many of the letters [in|of] " + _THE + _W + " are vowels",
)
FIRST = (
    "[what is|what's|tell me|give me|name|find|say|] the [first|starting|initial|opening] letter [of|in] " + _THE + _W,
    "[what|which] letter does " + _THE + _W + " [start|begin|open] with",
    "[what|which] letter [starts|begins|is first in|comes first in|is at the start of|is at the beginning of] " + _THE + _W,
    _W + " [starts|begins] with [which|what] letter",
    "with [which|what] letter does " + _THE + _W + " [start|begin]",
    "[what|which] is the letter at the [start|beginning|front] of " + _THE + _W,
)
LAST = (
    "[what is|what's|tell me|give me|name|find|say|] the [last|final|ending|closing] letter [of|in] " + _THE + _W,
    "[what|which] letter does " + _THE + _W + " [end|finish|close|stop] with",
    "[what|which] letter [ends|finishes|is last in|comes last in|is at the end of] " + _THE + _W,
    _W + " [ends|finishes] with [which|what] letter",
    "with [which|what] letter does " + _THE + _W + " [end|finish]",
    "[what|which] is the letter at the [end|back] of " + _THE + _W,
)
SORT = (
    _ASK + "[sort|order|arrange|alphabetize|alphabetise|rearrange|put] the [letters|characters] [of|in] " + _THE + _W + " [alphabetically|in alphabetical order|from a to z|by the alphabet|into alphabetical order]",
    _ASK + "[sort|alphabetize|alphabetise] " + _THE + _W + " [alphabetically|letter by letter|by letter|]",
    _ASK + "sort the [letters|characters] [of|in] " + _THE + _W,
    "[what is|what are|give me|list|show me|write|] the letters of " + _THE + _W + " [sorted|in alphabetical order|alphabetically|ordered from a to z|arranged alphabetically]",
    "in alphabetical order, [write|give|list|what are] the letters of " + _THE + _W,
    "[what do you get|what comes out] [if|when] you [sort|alphabetize] the letters of " + _THE + _W,
    _W + " with its letters [sorted|in alphabetical order|sorted alphabetically]",
)
UPPER = (
    _ASK + "[write|put|type|print|give|convert|turn|change|spell|set] " + _THE + _W + " [in capitals|in capital letters|in upper case|in uppercase|in all caps|to uppercase|to upper case|into capitals|all in capitals|in block letters]",
    _ASK + "[capitalize|capitalise|uppercase] [all letters of|every letter of|all of|] " + _THE + _W,
    "[what is|how is|] " + _W + " [in capitals|in upper case|in uppercase|in capital letters|written in capitals]",
    "make " + _THE + _W + " [all caps|uppercase|upper case]",
)
PALINDROME = (
    "is " + _THE + _W + " a palindrome",
    "[does|will] " + _THE + _W + " [read|spell|look|stay] the same [backwards|in both directions|forwards and backwards|in reverse|from both sides|reversed]",
    "is " + _THE + _W + " [the same|spelled the same|identical|equal] [backwards|in reverse|when reversed|forwards and backwards|both ways]",
    _ASK + "[check|tell me|say|find out|decide] [if|whether] " + _THE + _W + " is a palindrome",
    _W + ": [is it a palindrome|palindrome or not|palindrome|a palindrome]",
    "[can you call|would you call] " + _THE + _W + " a palindrome",
    "palindrome or not: {w}",
)
TWICE = (
    _ASK + "[write|say|print|type|spell|repeat|give] " + _THE + _W + " [twice|two times|twice in a row|two times in a row]",
    _ASK + "[double|duplicate] " + _THE + _W,
    _W + " [twice|two times]",
)
TEMPLATES = {
    "reverse": REVERSE,
    "count": COUNT,
    "vowels": VOWELS,
    "first": FIRST,
    "last": LAST,
    "sort": SORT,
    "upper": UPPER,
    "palindrome": PALINDROME,
    "twice": TWICE,
}
SHARES = {"reverse": 26, "count": 14, "vowels": 12, "first": 7, "last": 7, "sort": 14, "upper": 7, "palindrome": 9, "twice": 4}

# Written before the first training run; never trained on, never tuned to.
UNSEEN = {
    "reverse": (
        "Could you please spell {w} backwards for me?",
        "I'd like to see {w} written in reverse.",
        "How does one spell {w} backwards?",
        "Take the word {w} and reverse it.",
        "What do you get when you write {w} backwards?",
        "{w}, but backwards please",
        "spell it backwards: {w}",
        "Give me {w} with its letters reversed.",
    ),
    "count": (
        "Could you count how many letters {w} has?",
        "What's the letter count for {w}?",
        "How many letters do I need to write {w}?",
        "{w} consists of how many letters?",
        "The word {w} is how many letters long?",
        "Please tell me how many letters there are in {w}.",
    ),
    "vowels": (
        "Could you count how many vowels {w} has?",
        "What's the vowel count for {w}?",
        "In the word {w}, how many letters are vowels?",
        "Please tell me how many vowels there are in {w}.",
    ),
    "first": (
        "Which letter is the first one in {w}?",
        "Can you tell me the first letter of {w}?",
        "{w} begins with what letter?",
    ),
    "last": (
        "Which letter is the last one in {w}?",
        "Can you tell me the last letter of {w}?",
        "{w} finishes with what letter?",
    ),
    "sort": (
        "Could you sort the letters in {w} alphabetically for me?",
        "I need the letters of {w} in alphabetical order.",
        "Arrange {w} alphabetically by letter.",
        "What are the letters of {w} when sorted?",
    ),
    "upper": (
        "Could you write {w} in capital letters for me?",
        "Show {w} in all capitals.",
        "How does {w} look in uppercase?",
    ),
    "palindrome": (
        "Would {w} be a palindrome?",
        "Is the word {w} the same when read backwards?",
        "Can you check whether {w} is a palindrome?",
    ),
    "twice": ("Please repeat {w} twice.", "Can you write {w} two times?"),
}
UNSEEN_TEMPLATES = tuple(template for templates in UNSEEN.values() for template in templates)

# Words that decide what is asked; noise never replaces them.
KEYS = frozenset(
    "backwards backward reverse reversed back front order flip invert turn around mirror end letters letter"
    " characters spelled count number length long vowels vowel first starting initial opening start begin open"
    " starts begins beginning last final ending closing finish close stop ends finishes sort order arrange"
    " alphabetize alphabetise rearrange alphabetically alphabetical alphabet sorted ordered arranged capitals"
    " capital upper uppercase caps capitalize capitalise block palindrome same identical equal twice two times double"
    " duplicate other way round reversal right left opposite many the of in word name string term is does has spell"
    " write reads read".split()
)
VOWEL_LETTERS = frozenset("aeiou")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# How often letters occur in names, roughly; half of the random strings follow it.
COMMON = "aaaaaaeeeeeeeiiiiiooooouuunnnnnrrrrrsssstttttlllldddmmmcccgghhhbbppkkvvfwyzjqx"


def places(word: str) -> str:
    """The letters with their places: `p1a2r3i4s5`."""
    return "".join(f"{letter}{index}" for index, letter in enumerate(word, 1))


def backwards(word: str) -> str:
    """`paris` as `5s1 4i2 3r3 2a4 1p5`: old place, letter, new place."""
    size = len(word)
    return " ".join(f"{size - index}{word[size - index - 1]}{index + 1}" for index in range(size))


def reverse(word: str) -> list[str]:
    return [places(word), backwards(word), word[::-1]]


def vowels(word: str) -> list[str]:
    """Place, letter, and how many vowels there were so far: `1p0 2a1 3r1 4i2 5s2`."""
    steps, found = [], 0
    for index, letter in enumerate(word, 1):
        found += letter in VOWEL_LETTERS
        steps.append(f"{index}{letter}{found}")
    return [" ".join(steps), str(found)]


def sort(word: str) -> list[str]:
    """Goes through the alphabet: a letter of the word gets its old and its new place, `...bc1-1c2-2de4-3f...`.

    Which letter comes next is then never a matter of comparing, only whether this one occurs, and where again.
    """
    scan, place = "", 0
    for letter in LETTERS:
        found = [index for index, other in enumerate(word, 1) if other == letter]
        for index in found:
            place += 1
            scan += f"{letter}{index}-{place}"
        scan += "" if found else letter
    return [places(word), scan, "".join(sorted(word))]


def palindrome(word: str) -> list[str]:
    """Compares from the outside in, up to the first difference: `1p5s!` or `1l5l= 2e4e=`."""
    size, steps = len(word), []
    for index in range(size // 2):
        same = word[index] == word[size - index - 1]
        steps.append(f"{index + 1}{word[index]}{size - index}{word[size - index - 1]}{'=' if same else '!'}")
        if not same:
            break
    return [places(word), " ".join(steps), "yes" if word == word[::-1] else "no"]


WORKINGS = {
    "reverse": reverse,
    "count": lambda word: [places(word), str(len(word))],
    "vowels": vowels,
    "first": lambda word: [word[0]],
    "last": lambda word: [places(word), word[-1]],
    "sort": sort,
    "upper": lambda word: [word.upper()],
    "palindrome": palindrome,
    "twice": lambda word: [f"{word} {word}"],
}


def worked(operation: str, word: str) -> str:
    """The whole answer: what is asked, the working, the result."""
    return "\n".join([f"{operation} {word}", *WORKINGS[operation](word)])


def _random_word(rng: Random) -> str:
    length = rng.choice((2, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 9, 10, 11, 12))
    letters = COMMON if rng.random() < 0.7 else LETTERS
    return "".join(rng.choice(letters) for _ in range(length))


def _word(rng: Random, operation: str) -> str:
    """A word as the prompt shows it."""
    if operation == "palindrome" and rng.random() < 0.55:
        if rng.random() < 0.4:
            word = rng.choice(PALINDROMES)
        else:
            half = "".join(rng.choice(COMMON) for _ in range(rng.randint(1, 5)))
            word = half + half[::-1][rng.randint(0, 1) :]
        return word.capitalize() if rng.random() < 0.3 else word
    roll = rng.random()
    if roll < 0.3:
        name = rng.choice(NAMES)
        return name if rng.random() < 0.8 else name.lower()
    if roll < 0.4:
        return rng.choice(CHATTER)
    word = _random_word(rng)
    if rng.random() < 0.1:
        return word.upper()
    return word.capitalize() if rng.random() < 0.5 else word


def _quoted(rng: Random, word: str) -> str:
    roll = rng.random()
    return f'"{word}"' if roll < 0.1 else f"'{word}'" if roll < 0.16 else word


def _ask(rng: Random, noise: float) -> tuple[str, str]:
    operation = rng.choices(list(SHARES), list(SHARES.values()))[0]
    word = _word(rng, operation)
    shown = _quoted(rng, word) if noise else word
    template = built(rng, operation) if rng.random() < 0.6 else rng.choice(TEMPLATES[operation])
    text = prompt(rng, template, KEYS, noise=noise, apart=True, w=shown)
    return text, worked(operation, word.lower())


def example(rng: Random) -> tuple[str, str]:
    """One training pair."""
    return _ask(rng, 1.0)


def _case(text: str, answer: str) -> dict:
    return {"prompt": text, "expect": [answer.rsplit("\n", 1)[-1]]}


def seen_cases(rng: Random, n: int) -> list[dict]:
    """Clean prompts of trained phrasings."""
    return [_case(*_ask(rng, 0.0)) for _ in range(n)]


def unseen_cases(rng: Random, n: int) -> list[dict]:
    """Prompts in the held-out phrasings."""
    cases = []
    for _ in range(n):
        operation = rng.choices(list(SHARES), list(SHARES.values()))[0]
        word = _word(rng, operation)
        text = render(rng, rng.choice(UNSEEN[operation]), noise=0, w=word)
        cases.append(_case(text, worked(operation, word.lower())))
    return cases
