"""Calendar: months and weekdays, counting days, leap years and fixed holidays.

The answer first restates what is asked in one fixed form (`Tuesday + 9 days`)
and works from there, so that the working is the same however the question was
put; its last line is the answer alone.
"""

from random import Random

from expert.noise import sprinkle
from expert.phrase import SLOT, compose, render, surround

from .calendar_facts import COUNTS, HOLIDAYS, LENGTHS, MONTHS, NUMERALS, ORDINALS, WEEKDAYS
from .calendar_phrases import CORES, DIRECT
from .calendar_unseen import UNSEEN
from .carriers import NOUN, led

ID = "calendar"
DESCRIPTION = (
    "Calendar knowledge: which weekday or month comes before or after another, how many days a month, a "
    "year or a fortnight has, leap years and the dates of holidays."
)
EXEMPLARS = [
    "What number of quarters is in a year?",
    "Saturday and then which day?",
    "Saturday is preceded by which day?",
    "Is 1500 a leap year or a common year?",
    "On what date is Christmas?",
    "What spot in the year does July take?",
    "Is it right that 2134 was a leap year?",
    "Was there a February 29 in 1962?",
    "What number did the last day of February have in 1422?",
    "Was the year 1933 a leap year?",
    "What is May as a number?",
    "May as a number?",
    "How many decades does a century contain?",
    "Which number is December?",
    "Suppose it is January. two months pass. Which month is it?",
    "2728: leap or not?",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 192
TOKENIZER = "bpe"
STEPS = 4000
BATCH = 64

RELATIONS = tuple(DIRECT)
# Counting days and judging years need the most practice.
SHARES = tuple({"later": 20, "earlier": 14, "months_later": 12, "leap": 12, "february": 6, "holiday": 10}.get(r, 5) for r in RELATIONS)
UNSEEN_TEMPLATES = [template for templates in UNSEEN.values() for template in templates]
DAYS_MAX = 30

# Words that decide what is asked; noise between and instead of words spares them.
KEYS = frozenset(
    "after before follows following next previous preceding precedes prior comes came later earlier ago back forward"
    " ahead on past from in add subtract plus minus count tomorrow yesterday today now month months day days weekday"
    " weekdays week weeks year years leap number position place date february many long length first last when how"
    " starts ends over followed succeeds left move go was is will are number 28 29 30 31 366 quarter quarters decade"
    " decades century millennium fortnight half normal two three begun return arrive pass wait waiting then than".split()
)


def example(rng: Random) -> tuple[str, str]:
    relation = rng.choices(RELATIONS, SHARES)[0]
    cores = CORES.get(relation)
    template = compose(rng, NOUN, cores) if cores and rng.random() < 0.45 else rng.choice(DIRECT[relation])
    slots, answer = draw(rng, relation)
    template = sprinkle(rng, led(rng, template), KEYS, rate=0.3)
    return surround(rng, render(rng, template, lower_slots=True, **slots)), answer


def draw(rng: Random, relation: str) -> tuple[dict, str]:
    """The slots of one question and its answer: restated, worked out, answered."""
    slots, asked, *rest = _drawn(rng, relation)
    return slots, "\n".join((asked, *rest))


def _drawn(rng: Random, relation: str) -> tuple:
    """Slots, the question in its fixed form, and the lines that follow."""
    month, day = rng.randrange(12), rng.randrange(7)
    month_name, day_name = MONTHS[month], WEEKDAYS[day]
    if relation in ("leap", "february"):
        year = _year(rng)
        line, leap = leap_year(year)
        asked = f"year {year}" if relation == "leap" else f"February {year}"
        answer = ("yes" if leap else "no") if relation == "leap" else ("29" if leap else "28")
        return {"year": year}, asked, line, answer
    if relation in ("later", "earlier"):
        n = rng.randint(2, 8) if rng.random() < 0.35 else rng.randint(2, DAYS_MAX)
        sign = 1 if relation == "later" else -1
        return {"day": day_name, "n": _numeral(rng, n)}, f"{day_name} {'+' if sign > 0 else '-'} {n} days", count_days(day, sign * n)
    if relation == "months_later":
        n = rng.randint(2, 11)
        return {"month": month_name, "n": _numeral(rng, n)}, f"{month_name} + {n} months", count_months(month + 1, n)
    if relation in ("holiday", "holiday_month"):
        name = rng.choice(list(HOLIDAYS))
        date = HOLIDAYS[name]
        if relation == "holiday":
            return {"holiday": name}, f"date of {name}", date
        return {"holiday": name}, f"month of {name}", date.split(" ")[0]
    if relation == "count":
        key = rng.choice(list(COUNTS))
        things, span = key.split("|")
        return {"things": things, "span": span}, f"{things} in {span}", COUNTS[key]
    if relation == "nth":
        return {"n": str(month + 1), "ordinal": _ordinal(rng, month)}, f"month {month + 1}", month_name
    return {"month": month_name, "day": day_name}, *{
        "length": (f"days of {month_name}", str(LENGTHS[month])),
        "neighbour": (f"{month_name} + 1 month", MONTHS[(month + 1) % 12]),
        "before": (f"{month_name} - 1 month", MONTHS[month - 1]),
        "index": (f"number of {month_name}", str(month + 1)),
        "after": (f"{day_name} + 1 day", WEEKDAYS[(day + 1) % 7]),
        "preceding": (f"{day_name} - 1 day", WEEKDAYS[day - 1]),
    }[relation]


def count_days(day: int, n: int) -> str:
    """Works out the weekday `n` days from `day` (Sunday is 0), backwards when negative."""
    rest = abs(n) % 7
    lines = [f"{WEEKDAYS[day]}={day}", f"{abs(n)} mod 7={rest}"]
    total = day + rest if n > 0 else day - rest
    lines.append(f"{day}{'+' if n > 0 else '-'}{rest}={total}")
    if total > 6:
        lines.append(f"{total}-7={total - 7}")
    elif total < 0:
        lines.append(f"{total}+7={total + 7}")
    return "\n".join([*lines, WEEKDAYS[total % 7]])


def count_months(month: int, n: int) -> str:
    """Works out the month `n` months after number `month`."""
    total = month + n
    lines = [f"{MONTHS[month - 1]}={month}", f"{month}+{n}={total}"]
    if total > 12:
        lines.append(f"{total}-12={total - 12}")
    return "\n".join([*lines, MONTHS[(total - 1) % 12]])


def leap_year(year: int) -> tuple[str, bool]:
    """The one line of working for a year, and the verdict."""
    century, rest = divmod(year, 100)
    if rest:
        return f"{rest:02d} mod 4={rest % 4}", rest % 4 == 0
    return f"00: {century} mod 4={century % 4}", century % 4 == 0


def seen_cases(rng: Random, count: int) -> list[dict]:
    return cases(rng, count, DIRECT)


def unseen_cases(rng: Random, count: int) -> list[dict]:
    return cases(rng, count, UNSEEN)


def cases(rng: Random, count: int, templates: dict) -> list[dict]:
    """Clean prompts; relations and phrasings take turns."""
    result = []
    for index in range(count):
        relation = RELATIONS[index % len(RELATIONS)]
        options = templates[relation]
        template = options[index // len(RELATIONS) % len(options)]
        slots, answer = draw(rng, relation)
        prompt = SLOT.sub(lambda match: str(slots[match.group(1)]), template)
        result.append({"prompt": prompt[:1].upper() + prompt[1:] if template[0] == "{" else prompt, "expect": [answer.split("\n")[-1]]})
    return result


def _year(rng: Random) -> int:
    roll = rng.random()
    if roll < 0.15:
        return 100 * rng.randint(10, 30)
    return rng.randint(1900, 2100) if roll < 0.6 else rng.randint(1000, 2999)


def _numeral(rng: Random, n: int) -> str:
    return NUMERALS[n - 1] if n <= len(NUMERALS) and rng.random() < 0.3 else str(n)


def _ordinal(rng: Random, month: int) -> str:
    if rng.random() < 0.6:
        return ORDINALS[month]
    return f"{month + 1}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(month + 1, 'th') }"
