"""Conversions with whole results: length, mass, volume, time, data, money, temperature.

The answer first names the factor, then gives the value with its unit alone on
the last line. Quantities stay in a narrow range that the model knows by heart,
save for powers of ten, where it only moves digits.
"""

from dataclasses import dataclass
from random import Random

from expert.noise import prompt
from expert.phrase import render

ID = "units"
DESCRIPTION = (
    "Converts amounts between units: km, miles, kg, mg, litres, pints, quarts, bytes, bits, cents, "
    "degrees, dozens, and hours, days, weeks, years, decades, centuries."
)
EXEMPLARS = [
    "Translate six pt to quarts",
    "Number of hours in 14400 secs.",
    "6 yards makes what number of feet",
    "What number of ounces makes 13 lbs?",
    "Turn 49 days into weeks.",
    "Convert 20 weeks into days.",
    "Put 60 bytes as bits.",
    "What number of dozen corresponds to 36 items?",
    "How many s is 17000 milliseconds?",
    "10 bytes makes what number of bits",
    "How many cents are 12 dollars?",
    "In Celsius, how many is -40 degrees Fahrenheit?",
    "Do you know how many yrs is 168 months?",
    "I have 144 tablespoons. what is that in cups?",
    "626 decades makes what number of years.",
    "Say 288 months in terms of yrs.",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 128
TOKENIZER = "bpe"


@dataclass(frozen=True)
class Unit:
    """A unit's names; the first two are what answers use."""

    one: str
    many: str
    others: tuple[str, ...] = ()

    def named(self, value: int) -> str:
        return self.one if value == 1 else self.many

    def spoken(self, rng: Random, value: int) -> str:
        """A name as people write it after a number."""
        if self.others and rng.random() < 0.4:
            return rng.choice(self.others)
        return self.named(value)


def _u(one: str, *others: str, many: str | None = None) -> Unit:
    return Unit(one, many or one + "s", others)


KM, M = _u("kilometer", "km", "kilometres", "kms"), _u("meter", "m", "metres")
CM, MM = _u("centimeter", "cm", "centimetres"), _u("millimeter", "mm", "millimetres")
FOOT, INCH, YARD = _u("foot", "ft", many="feet"), _u("inch", many="inches"), _u("yard", "yd", "yds")
KG, G, MG = _u("kilogram", "kg", "kilos"), _u("gram", "g", "grammes"), _u("milligram", "mg")
TONNE, POUND, OUNCE, STONE = (
    _u("tonne", "metric tons", "t"),
    _u("pound", "lb", "lbs"),
    _u("ounce", "oz"),
    _u("stone", many="stone"),
)
L, ML = _u("liter", "l", "litres", "L"), _u("milliliter", "ml", "millilitres")
GALLON, QUART, PINT, CUP = _u("gallon", "gal"), _u("quart", "qt"), _u("pint", "pt"), _u("cup")
TABLESPOON, TEASPOON = _u("tablespoon", "tbsp"), _u("teaspoon", "tsp")
CENTURY, DECADE, YEAR, MONTH = _u("century", many="centuries"), _u("decade"), _u("year", "yrs"), _u("month")
WEEK, DAY, HOUR = _u("week", "wks"), _u("day"), _u("hour", "h", "hrs")
MINUTE, SECOND, MS = _u("minute", "min", "mins"), _u("second", "s", "sec", "secs"), _u("millisecond", "ms")
TB, GB, MB = _u("terabyte", "TB"), _u("gigabyte", "GB", "gigs"), _u("megabyte", "MB", "megs")
KB, BYTE, BIT = _u("kilobyte", "kB", "KB"), _u("byte"), _u("bit")
DOLLAR, EURO, CENT = _u("dollar", "bucks"), _u("euro"), _u("cent")
DOZEN, ITEM = _u("dozen", many="dozen"), _u("item", "pieces", "units")
CELSIUS = Unit("degree Celsius", "degrees Celsius", ("Celsius", "C", "°C", "degrees C", "centigrade"))
FAHRENHEIT = Unit("degree Fahrenheit", "degrees Fahrenheit", ("Fahrenheit", "F", "°F", "degrees F"))

# Larger unit, smaller unit, how many smaller ones make the larger one.
PAIRS = (
    (KM, M, 1000),
    (M, CM, 100),
    (CM, MM, 10),
    (M, MM, 1000),
    (FOOT, INCH, 12),
    (YARD, FOOT, 3),
    (YARD, INCH, 36),
    (KG, G, 1000),
    (TONNE, KG, 1000),
    (G, MG, 1000),
    (POUND, OUNCE, 16),
    (STONE, POUND, 14),
    (L, ML, 1000),
    (GALLON, QUART, 4),
    (GALLON, PINT, 8),
    (QUART, PINT, 2),
    (PINT, CUP, 2),
    (TABLESPOON, TEASPOON, 3),
    (CUP, TABLESPOON, 16),
    (CENTURY, YEAR, 100),
    (DECADE, YEAR, 10),
    (YEAR, MONTH, 12),
    (YEAR, WEEK, 52),
    (YEAR, DAY, 365),
    (WEEK, DAY, 7),
    (DAY, HOUR, 24),
    (HOUR, MINUTE, 60),
    (MINUTE, SECOND, 60),
    (HOUR, SECOND, 3600),
    (SECOND, MS, 1000),
    (TB, GB, 1000),
    (GB, MB, 1000),
    (MB, KB, 1000),
    (KB, BYTE, 1000),
    (BYTE, BIT, 8),
    (DOLLAR, CENT, 100),
    (EURO, CENT, 100),
    (DOZEN, ITEM, 12),
)
# Everyday pairs are asked, and therefore trained, more often.
WEIGHTS = [3 if factor in (60, 24, 7, 12, 1000) else 2 for _, _, factor in PAIRS]
# Known by heart: any other factor's multiples of these numbers.
KNOWN = [*range(1, 21), 24, 25, 30, 36, 40, 48, 50, 60, 90, 100]
FEW = {365: 10, 3600: 12, 52: 10}
CELSIUS_RANGE = range(-40, 101, 5)

NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()
GOODS = "eggs rolls bagels roses oranges donuts pencils items buns bottles".split()

TEMPLATES = (
    "[convert|change|turn|transform|translate|switch|recalculate] {q} [to|into|in] {t}",
    "[please|can you|could you|i need to|help me|i want to|let's|how do i|] [convert|change|turn] {q} [to|into] {t}",
    "how many {t} [are|are there|do you find|fit|do we have|are contained] in {q}",
    "how many {t} [is|are|makes|make|equals|equal|does it take for|do you get from|correspond to] {q}",
    "how many {t} [in|for|per] {q}",
    "[what is|what's|what are|how much is|how much are|how long is|how big is] {q} [in|as|expressed in|when converted to|measured in|converted to|if i want] {t}",
    "{q} [in|to|into|as|=|equals how many|is how many|are how many|is what in|makes how many|equal] {t}",
    "[express|write|give|state|show|say|calculate|compute|find|put|tell me] {q} [in|as|in terms of|using] {t}",
    "[tell me|i want to know|do you know|find out|work out|calculate|figure out] how many {t} [are in|there are in|make up|make|is|equal|you get from] {q}",
    "[i have|there are|we have|it takes|we waited|i measured|it is] {q}[,|.] [how many {t} is that|what is that in {t}|how much is that in {t}|in {t}]",
    "{q} [equals|is|are|makes|corresponds to] [how many|what number of] {t}",
    "in {t}, [what is|how much is|how many is|express] {q}",
    "[what|which] number of {t} [is in|makes|equals|is equal to|corresponds to] {q}",
    "[the number of|number of|amount of] {t} in {q}",
    "[conversion|unit conversion]: {q} to {t}",
)
DOZEN_TEMPLATES = (
    "how many {g} are [in|there in|] {n} dozen",
    "how many {g} is {n} dozen",
    "[what is|how much is|how many are] {n} dozen {g}",
    "{n} dozen {g} [is|are|makes|make] how many [{g}|]",
    "[i have|we bought|she bought] {n} dozen {g}. how many {g} [is that|are there|do i have]",
    "how many {g} [do i get|are] if i buy {n} dozen",
)

# Written before the first training run; never trained on, never tuned to.
UNSEEN_TEMPLATES = (
    "Could you convert {q} into {t} for me?",
    "I'd like {q} in {t}, please.",
    "How many {t} would {q} be?",
    "What would {q} be in {t}?",
    "If I have {q}, how many {t} do I have?",
    "How many {t} go into {q}?",
    "{q}, what is it in {t}?",
    "Please give me {q} in {t}.",
    "what do {q} come to in {t}",
    "How many {t} does {q} contain?",
    "I need {q} expressed as {t}.",
    "Help me convert from {q} to {t}.",
    "{q} amount to how many {t}?",
    "Say I had {q}. What's that in {t}?",
)
# Every word of the phrasings may be noise here: quantity and unit say it all.
KEYS = frozenset(("dozen",))


def _quantity(rng: Random, value: int, unit: Unit) -> str:
    """`3 km`, `3km`, `three kilometers`, `an hour`."""
    name = unit.spoken(rng, value)
    if value == 1 and rng.random() < 0.5:
        if unit is not CELSIUS and unit is not FAHRENHEIT:
            return f"{'an' if unit.one[0] in 'aeiou' or unit is HOUR else 'a'} {unit.one}"
    if 0 < value <= 12 and rng.random() < 0.12:
        return f"{NUMBER_WORDS[value]} {name}"
    if name in unit.others and len(name) <= 2 and rng.random() < 0.3:
        return f"{value}{name}"
    return f"{value} {name}"


def _draw(rng: Random) -> tuple[int, Unit, Unit, str]:
    """Value, its unit, the unit asked for, and the answer."""
    if rng.random() < 0.08:
        celsius = rng.choice(CELSIUS_RANGE)
        fahrenheit = celsius * 9 // 5 + 32
        if rng.random() < 0.5:
            return celsius, CELSIUS, FAHRENHEIT, f"{celsius} C to F\n{fahrenheit} {FAHRENHEIT.named(fahrenheit)}"
        return fahrenheit, FAHRENHEIT, CELSIUS, f"{fahrenheit} F to C\n{celsius} {CELSIUS.named(celsius)}"
    large, small, factor = rng.choices(PAIRS, WEIGHTS)[0]
    if factor in (10, 100, 1000):
        value = rng.choice((rng.randint(1, 20), rng.randint(1, 99), rng.randint(1, 999)))
    else:
        value = rng.choice(KNOWN)
        if factor in FEW:
            value = rng.randint(1, FEW[factor])
    total = value * factor
    if rng.random() < 0.6:
        return value, large, small, f"{value} {large.named(value)} * {factor}\n{total} {small.named(total)}"
    return total, small, large, f"{total} {small.named(total)} / {factor}\n{value} {large.named(value)}"


def _ask(rng: Random, noise: float) -> tuple[str, str]:
    value, source, target, answer = _draw(rng)
    if source is DOZEN and rng.random() < 0.7:
        shown = NUMBER_WORDS[value] if value <= 12 and rng.random() < 0.3 else value
        if value == 1 and rng.random() < 0.5:
            shown = "a"
        text = prompt(rng, rng.choice(DOZEN_TEMPLATES), KEYS, noise=noise, n=shown, g=rng.choice(GOODS))
        return text, answer
    quantity, unit = _quantity(rng, value, source), target.spoken(rng, 2)
    return prompt(rng, rng.choice(TEMPLATES), KEYS, noise=noise, q=quantity, t=unit), answer


def example(rng: Random) -> tuple[str, str]:
    """One training pair."""
    return _ask(rng, 1.0)


def _case(text: str, answer: str) -> dict:
    value, unit = answer.rsplit("\n", 1)[-1].split(" ", 1)
    return {"prompt": text, "expect": [value, unit]}


def seen_cases(rng: Random, n: int) -> list[dict]:
    """Clean prompts of trained phrasings."""
    return [_case(*_ask(rng, 0.0)) for _ in range(n)]


def unseen_cases(rng: Random, n: int) -> list[dict]:
    """Prompts in the held-out phrasings."""
    cases = []
    for _ in range(n):
        value, source, target, answer = _draw(rng)
        quantity, unit = _quantity(rng, value, source), target.spoken(rng, 2)
        text = render(rng, rng.choice(UNSEEN_TEMPLATES), noise=0, q=quantity, t=unit)
        cases.append(_case(text[:1].upper() + text[1:], answer))
    return cases
