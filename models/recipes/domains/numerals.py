"""Writing numbers: Roman numerals up to 3999, binary and hexadecimal up to 255.

The working goes place by place; the last line is the number alone.
"""

from random import Random

from expert.noise import prompt
from expert.phrase import render

ID = "numerals"
DESCRIPTION = (
    "Writes numbers in Roman numerals, in binary (base 2) and in hexadecimal (base 16), and reads them "
    "back."
)
EXEMPLARS = [
    "How do i write the decimal number 25 in base two?",
    "Convert XLVII to a decimal number.",
    "A binary number, 1101010 in decimal",
    "Which ordinary number does the roman number MCCIII mean?",
    "Show me the binary value 11011 as an ordinary number",
    "0xE3 to decimal notation",
    "Give 107 as base 2.",
    "Which binary equals the number 110",
    "A2 into base 16 to decimal notation",
    "Convert 100110 from base two to decimal",
    "Meaning of LXIX.",
    "Rewrite a hex number, A1 into a decimal number.",
    "Show me the decimal value for the hex 0x43",
    "Could you turn a binary number, 1111010 to decimal form?",
    "MDLXXIV in a decimal number",
    "Change 3D to the decimal system.",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 128
TOKENIZER = "bytes"
BATCH = 32

_DO = "[convert|change|turn|translate|transform|rewrite|write|express|put|show|give|represent] "
_ASK = "[what is|what's|what would be|how is|tell me|give me|show me|i need|find|] "
_NUM = "[the number |the decimal number |decimal |the value |||] "
_ROMAN = "[roman numerals|roman|roman numeral form|roman notation|roman digits]"
_BINARY = "[binary|base 2|base two|the binary system|binary notation|binary form|binary digits]"
_HEX = "[hex|hexadecimal|base 16|base sixteen|hexadecimal notation|hex notation|the hexadecimal system]"
_DECIMAL = "[decimal|base 10|base ten|a decimal number|decimal notation|an ordinary number|the decimal system|decimal form]"
_ARABIC = "[arabic numerals|a number|arabic|a decimal number|decimal|digits|normal numbers|an ordinary number|an arabic number|arabic digits|a regular number]"


def _towards(name: str, adjective: str) -> tuple[str, ...]:
    """Phrasings that ask for a decimal number in another notation."""
    return (
        _DO + _NUM + "{n} [in|to|into|as|using|with] " + name,
        "[please|can you|could you|i want you to|how do i|] [convert|write|change|turn] " + _NUM + "{n} [in|to|into] " + name,
        _ASK + _NUM + "{n} [in|as|written in|expressed in|converted to|using] " + name,
        "[how do you|how would you|how do i|how can i] [write|express|say|represent] " + _NUM + "{n} in " + name,
        "{n} [in|to|into|as] " + name,
        _ASK + f"the [{adjective}] [for|of|that equals|equivalent of|version of|form of|equal to|representation of|notation for|notation of] " + _NUM + "{n}",
        f"[{adjective}] [for|of|representation of|equivalent of] " + "{n}",
        f"[which|what] [{adjective}] [is|equals|stands for|means|represents] " + _NUM + "{n}",
        "[what does|how does] " + _NUM + "{n} look like in " + name,
        "in " + name + ", [what is|how do you write|write|how is] {n} [written|]",
    )


TO_ROMAN = _towards(_ROMAN, "roman numeral|roman number|roman numerals")
TO_BINARY = _towards(_BINARY, "binary|binary number|binary value|binary code")
TO_HEX = _towards(_HEX, "hex|hexadecimal|hex value|hexadecimal number|hex code")


def _back(kind: str, target: str) -> tuple[str, ...]:
    """Phrasings that ask for the decimal value of a number in another notation."""
    kind = f"[{kind}]"
    the = f"[the {kind} number |{kind} |the {kind} |the {kind} value |a {kind} number, |||] "
    return (
        _DO + the + "{n} [in|to|into|as] " + target,
        "[please|can you|could you|i want you to|how do i|] [convert|write|change|turn] " + the + "{n} [to|into] " + target,
        _ASK + the + "{n} [in|as|written in|expressed in|converted to] " + target,
        "[what|which] [number|decimal number|value|ordinary number] [is|does|stands for|equals] " + f"[the {kind} number |{kind} |the {kind} ]" + "{n} [mean|represent|stand for|]",
        "what [does|do|would] " + f"[the {kind} number |{kind} |the {kind} ]" + "{n} [mean|represent|stand for|equal|make] [as a number|in decimal|]",
        the + "{n} [in|to|into|as] " + target,
        "{n} [in|to|into|from] " + kind + " to " + target,
        f"[convert|change|translate] {{n}} from {kind} to " + target,
        _ASK + f"the [value|decimal value|number|decimal equivalent|decimal form] [of|for] [the {kind} number |{kind} |the {kind} ]" + "{n}",
        f"[read|decode|evaluate|work out] [the {kind} number |the {kind} |{kind} ]" + "{n}",
    )


FROM_ROMAN = (
    *_back("roman numeral", _ARABIC),
    *_back("roman", _ARABIC),
    "[what|which] number [is|does|stands for] {n} [mean|represent|]",
    "what [does|is|do the letters] {n} [mean|stand for|represent|worth|equal]",
    "[value of|meaning of|read|decode] {n}",
    _ASK + "{n} [in|as] " + _ARABIC,
)
FROM_BINARY = (*_back("binary", _DECIMAL), *_back("base 2|base two|binary", _DECIMAL))
FROM_HEX = (*_back("hex", _DECIMAL), *_back("hexadecimal|base 16|hex", _DECIMAL))
TEMPLATES = {
    "to_roman": TO_ROMAN,
    "from_roman": FROM_ROMAN,
    "to_binary": TO_BINARY,
    "from_binary": FROM_BINARY,
    "to_hex": TO_HEX,
    "from_hex": FROM_HEX,
}
SHARES = {"to_roman": 14, "from_roman": 14, "to_binary": 21, "from_binary": 19, "to_hex": 17, "from_hex": 15}

# Written before the first training run; never trained on, never tuned to.
UNSEEN = {
    "to_roman": (
        "How did the Romans write {n}?",
        "Could you write {n} using Roman numerals?",
        "I need {n} as a Roman numeral, please.",
        "What are the Roman numerals for {n}?",
        "Turn the number {n} into Roman numerals for me.",
    ),
    "from_roman": (
        "Which number do the Roman numerals {n} stand for?",
        "What's the Roman numeral {n} worth?",
        "Could you turn {n} from Roman numerals into a normal number?",
        "I saw {n} on a clock tower, what number is that?",
        "How much is {n} in modern numbers?",
    ),
    "to_binary": (
        "Could you write {n} in binary for me?",
        "How is the number {n} written in the binary system?",
        "I need {n} as a binary number.",
        "What does {n} become in base 2?",
    ),
    "from_binary": (
        "Could you turn the binary number {n} into decimal for me?",
        "Which decimal number is {n} in binary?",
        "Binary {n} is what in base ten?",
        "I need binary {n} as a decimal.",
    ),
    "to_hex": (
        "Could you write {n} in hex for me?",
        "I need {n} as a hexadecimal number.",
        "What does {n} become in base 16?",
    ),
    "from_hex": (
        "Could you turn hex {n} into decimal for me?",
        "Which decimal number is {n} in hexadecimal?",
        "Hexadecimal {n} is what in base ten?",
    ),
}
UNSEEN_TEMPLATES = tuple(template for templates in UNSEEN.values() for template in templates)

# Words that decide what is asked; noise never replaces them.
KEYS = frozenset(
    "roman romans numeral numerals binary hex hexadecimal base two ten sixteen decimal arabic number digits in to"
    " into as from ordinary normal regular value".split()
)
PLACES = "abcdefgh"  # names of the eight digits a binary number has here
ROMAN = (
    ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"),
    ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"),
    ("", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"),
    ("", "M", "MM", "MMM"),
)


def _places(value: int) -> list[tuple[int, str]]:
    """The value of each place and its Roman numeral, largest first, empty ones left out."""
    digits = [(place, int(digit)) for place, digit in enumerate(reversed(str(value)))]
    return [(digit * 10**place, ROMAN[place][digit]) for place, digit in reversed(digits) if digit]


def roman(value: int) -> str:
    return "".join(text for _, text in _places(value))


def to_roman(value: int) -> str:
    working = " ".join(f"{part}={text}" for part, text in _places(value))
    return f"{value}\n{working}\n{roman(value)}"


def from_roman(value: int) -> str:
    working = " ".join(f"{text}={part}" for part, text in _places(value))
    return f"{roman(value)}\n{working}\n{value}"


def to_binary(value: int) -> str:
    """Takes away powers of two from the largest down: `a16:1 9 b8:1 1 c4:0 1 d2:0 1 e1:1 0` for 25.

    The letters count the digits, so that the last line can look each one up.
    """
    steps, rest = [], value
    for index, place in enumerate(range(value.bit_length() - 1, -1, -1)):
        digit = rest >> place
        rest -= digit << place
        steps.append(f"{PLACES[index]}{1 << place}:{digit} {rest}")
    return f"{value}\n{' '.join(steps)}\n{value:b}"


def from_binary(value: int) -> str:
    """Doubles and adds the next digit: `a1:1 b1:3 c0:6 d0:12 e1:25` for 11001."""
    steps, found = [], 0
    for index, digit in enumerate(f"{value:b}"):
        found = 2 * found + int(digit)
        steps.append(f"{PLACES[index]}{digit}:{found}")
    return f"{value:b}\n{' '.join(steps)}\n{value}"


def to_hex(value: int) -> str:
    """Splits off the sixteens: `182-176=6 176:B 6:6` for 182."""
    low = value % 16
    return f"{value}\n{value}-{value - low}={low} {value - low}:{value // 16:X} {low}:{low:X}\n{value:X}"


def from_hex(value: int) -> str:
    """Adds both digits' worth: `B:176 6:6 176+6=182` for B6."""
    low = value % 16
    return f"{value:X}\n{value // 16:X}:{value - low} {low:X}:{low} {value - low}+{low}={value}\n{value}"


WORKINGS = {
    "to_roman": to_roman,
    "from_roman": from_roman,
    "to_binary": to_binary,
    "from_binary": from_binary,
    "to_hex": to_hex,
    "from_hex": from_hex,
}


def _draw(rng: Random, operation: str) -> tuple[int, str]:
    """A value and how the prompt writes it."""
    if operation == "to_roman":
        value = rng.choice((rng.randint(1, 99), rng.randint(1, 399), rng.randint(1, 3999), rng.randint(1500, 2100)))
        return value, str(value)
    if operation == "from_roman":
        value = rng.choice((rng.randint(2, 99), rng.randint(2, 399), rng.randint(2, 3999), rng.randint(1500, 2100)))
        return value, roman(value)
    if operation == "to_binary":
        value = rng.randint(2, 255)
        return value, str(value)
    if operation == "from_binary":
        # Four digits at least: shorter ones also read as decimal numbers.
        value = rng.randint(8, 255)
        return value, f"{value:b}"
    value = rng.randint(16, 255)
    if operation == "to_hex":
        return value, str(value)
    text = f"{value:X}"
    return value, text if not text.isdigit() and rng.random() < 0.7 else f"0x{text}"


def _ask(rng: Random, noise: float) -> tuple[str, str]:
    operation = rng.choices(list(SHARES), list(SHARES.values()))[0]
    value, shown = _draw(rng, operation)
    if noise and shown != "I" and not shown.isdigit() and rng.random() < 0.06:
        shown = shown.lower()
    template = rng.choice(TEMPLATES[operation])
    return prompt(rng, template, KEYS, noise=noise, apart=True, n=shown), WORKINGS[operation](value)


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
        value, shown = _draw(rng, operation)
        text = render(rng, rng.choice(UNSEEN[operation]), noise=0, n=shown)
        cases.append(_case(text, WORKINGS[operation](value)))
    return cases
