#!/usr/bin/env python3
"""Checks the computed domains' examples against independent computation.

    python models/recipes/check_computed.py          # 10,000 examples a domain

Every answer must follow from its own working and from its prompt: operands are
found in the prompt, results are computed in another way than the recipe does.
"""

import re
import sys
from fractions import Fraction
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from domains import arithmetic, numerals, planner, units, words

SAMPLES = 10_000
ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
VALUE = re.compile(r"\d+")


def check_arithmetic(prompt: str, answer: str) -> bool:
    first, *_, last = answer.split("\n")
    a, sign, b = re.fullmatch(r"(\d+)([-+*/])(\d+)", first).groups()
    a, b = int(a), int(b)
    spelt = {"double": 2, "doubled": 2, "twice": 2, "two": 2, "half": 2, "halve": 2, "halved": 2}
    spelt |= {"triple": 3, "tripled": 3, "three": 3}
    found = {int(n) for n in VALUE.findall(prompt)} | {n for word, n in spelt.items() if word in prompt.lower()}
    result = {"+": a + b, "-": a - b, "*": a * b, "/": Fraction(a, b)}[sign]
    return {a, b} <= found and result == int(last) and result >= 0


def check_units(prompt: str, answer: str) -> bool:
    first, last = answer.split("\n")
    value = Fraction(last.split(" ", 1)[0])
    heat = re.fullmatch(r"(-?\d+) ([CF]) to [CF]", first)
    if heat:
        degrees = Fraction(heat.group(1))
        wanted = degrees * 9 / 5 + 32 if heat.group(2) == "C" else (degrees - 32) * 5 / 9
    else:
        number, _, sign, factor = re.fullmatch(r"(\d+) (.+) ([*/]) (\d+)", first).groups()
        wanted = Fraction(number) * Fraction(factor) if sign == "*" else Fraction(number) / Fraction(factor)
    asked = first.split(" ", 1)[0]
    spelt = units.NUMBER_WORDS[int(asked)] if 0 <= int(asked) <= 12 else "\0"
    text = prompt.lower()
    return wanted == value and (asked in text or spelt in text or (asked == "1" and re.search(r"\ban?\b", text) is not None))


def roman_value(text: str) -> int:
    values = [ROMAN_VALUES[letter] for letter in text]
    return sum(-v if any(w > v for w in values[i + 1 : i + 2]) else v for i, v in enumerate(values))


def check_numerals(prompt: str, answer: str) -> bool:
    last = answer.rsplit("\n", 1)[-1]
    readings = set()
    for token in re.findall(r"[0-9A-Za-z]+", prompt):
        if re.fullmatch(r"[IVXLCDM]+", token.upper()):
            readings.add(roman_value(token.upper()))
        for base in (2, 10, 16):
            try:
                readings.add(int(token, base))
            except ValueError:
                pass
    results = set()
    if re.fullmatch(r"[IVXLCDM]+", last):
        results.add(roman_value(last))
    for base in (2, 10, 16):
        try:
            results.add(int(last, base))
        except ValueError:
            pass
    return bool(readings & results)


def check_word(operation: str, word: str, answer: str) -> bool:
    last = answer.rsplit("\n", 1)[-1]
    letters = list(word)
    wanted = {
        "reverse": lambda: "".join(reversed(letters)),
        "count": lambda: str(len(letters)),
        "vowels": lambda: str(len(re.findall("[aeiou]", word))),
        "first": lambda: letters[0],
        "last": lambda: letters[-1],
        "sort": lambda: "".join(letter * word.count(letter) for letter in words.LETTERS),
        "upper": lambda: word.upper(),
        "palindrome": lambda: "yes" if all(a == b for a, b in zip(word, reversed(word))) else "no",
        "twice": lambda: " ".join([word] * 2),
    }[operation]()
    return wanted == last


def check_planner(prompt: str, answer: str) -> bool:
    place = 0
    parts = [line.split(". ", 1) for line in answer.split("\n")]
    for index, (number, part) in enumerate(parts, 1):
        place = prompt.find(part, place)
        if place < 0 or number != str(index):
            return False
        place += len(part)
    return len(parts) > 1 or prompt == parts[0][1]


def main() -> None:
    rng = Random(5)
    checks = (
        (arithmetic, check_arithmetic),
        (units, check_units),
        (numerals, check_numerals),
        (planner, check_planner),
    )
    failed = 0
    for domain, check in checks:
        wrong = [pair for pair in (domain.example(rng) for _ in range(SAMPLES)) if not check(*pair)]
        failed += report(domain.ID, wrong)
    wrong = []
    for index in range(SAMPLES):
        operation = list(words.WORKINGS)[index % len(words.WORKINGS)]
        word = words._word(rng, operation).lower()
        if not check_word(operation, word, words.worked(operation, word)):
            wrong.append((operation, word))
    failed += report(words.ID, wrong)
    sys.exit(bool(failed))


def report(name: str, wrong: list) -> int:
    print(f"{name}: {SAMPLES - len(wrong)} of {SAMPLES} right")
    for prompt, answer in wrong[:5]:
        print(f"   {prompt!r} -> {answer!r}")
    return len(wrong)


if __name__ == "__main__":
    main()
