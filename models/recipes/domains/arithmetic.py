"""Whole-number arithmetic: sums, differences, products, exact quotients.

The answer restates the numbers, pads them to one length, and works column by
column as on paper; its last line is the value alone. A column ends in `:` and
the digits found so far; `<` marks a borrowed ten.
"""

from random import Random

from expert.noise import prompt
from expert.phrase import render

ID = "arithmetic"
DESCRIPTION = (
    "Arithmetic with whole numbers: plus, minus, times and divided by, sums, differences, products, and "
    "simple word problems."
)
EXEMPLARS = [
    "Whats 3 and 4 multiplied ?",
    "Take 213 and remove 9.",
    "Say 234/6",
    "What is the sum of 17 and 26?",
    "What do 9923 and 3304 give?",
    "What is the result if you take 631 from 5405?",
    "If i deduct 17 from 30, what is it",
    "How often is 4 contained in 260?",
    "Could you tell me 17 less than 74?",
    "What do you get if you add 46 and 925?",
    "How many are left of 78 after taking away 34?",
    "Could you tell me 836 times 4?",
    "What do 7641 and 589 add up to.",
    "Multiply 3 by 6.",
    "Divide 138 by two.",
    "Each has 37. how much do 7 together",
]
ABILITIES = ["chat", "scratchpad"]  # steps first, the answer alone on the last line
WIDTH = 128
TOKENIZER = "bpe"
BATCH = 32
STEPS = 6000

THINGS = (
    "apples coins books stamps pencils cards eggs chairs marbles euros dollars points cookies flowers"
    " tickets stones shells birds cows trees bottles cups pages photos songs toys sweets plates bricks nails"
).split()
BOXES = "boxes bags packs crates baskets rows groups shelves jars teams trays sets bundles tables rooms".split()

_ASK = (
    "[what is|what's|whats|calculate|compute|work out|find|evaluate|tell me|figure out|solve|how much is"
    "|give me|can you compute|could you tell me|determine|i want to know|show me|do you know|what would be"
    "|can you work out|what does this make:|the answer to|say|] "
)
_GET = "[what do you get|what do i get|what is the result|what's the result|what comes out|what is it|what results|how much is that]"
_MORE = "[get|buy|find|receive|am given|add|win|collect|pick up]"
_LOST = "[lost|gave away|sold|ate|used|spent|dropped|removed|threw away|broke]"
_LEFT = "[how many are left|how many remain|how many do i have left|what is left|how many are there now|how many still remain]"
_ALL = "[in total|altogether|in all|all together|now|overall|together]"

ADD = (
    _ASK + "{a} [plus|+|added to|and also|more than|increased by] {b}",
    _ASK + "{a} plus {b}",
    _ASK + "{a}[+| + ]{b}",
    "{a}[+| + ]{b}[| =|=| = ?|=?]",
    _ASK + "the [sum|total|addition] of {a} and {b}",
    _ASK + "{a} and {b} [together|combined|added together|added up|added|summed|in total|put together]",
    _ASK + "the result of adding {a} [to|and] {b}",
    "[add|sum|total|add up|add together|combine|put together] {a} and {b}",
    "add {a} [to|with] {b}",
    "what do {a} and {b} [add up to|make|come to|total|sum to|give|amount to]",
    _GET + " [if|when] [you|i|we] [add|combine|sum|put together] {a} and {b}",
    _GET + " [if|when] [you|i|we] add {a} to {b}",
    "if [you|i|we] add {a} [to|and] {b}, " + _GET,
    "[increase|raise|grow] {a} by {b}",
    "[start with|take|begin with] {a} and add {b}",
    "[i have|we have|there are|tom has] {a} {thing} and " + _MORE + " {b} more. how many " + _ALL,
    "how many are {a} {thing} and {b} {thing} " + _ALL,
    "[one|the first] has {a} {thing}, [another|the second] has {b}. how many " + _ALL,
    "[what is|find|] the total [when|if|for] {a} and {b} [are added|are combined|]",
    "what number is {a} more than {b}",
)
SUB = (
    _ASK + "{a} [minus|-|take away|less|decreased by|reduced by|subtract] {b}",
    _ASK + "{a} minus {b}",
    _ASK + "{a}[-| - ]{b}",
    "{a}[-| - ]{b}[| =|=| = ?|=?]",
    _ASK + "the [difference|subtraction|gap] [between|of] {a} and {b}",
    _ASK + "the difference [between|from] {b} [and|to] {a}",
    "[subtract|take away|take|deduct|remove|withdraw] {b} from {a}",
    _ASK + "{b} [subtracted|taken away|taken|deducted|removed] from {a}",
    "[what is|what's|how much is|how many are] left [of|from|over from] {a} [after|when|if you|by] [taking away|removing|subtracting|losing] {b}",
    _GET + " [if|when] [you|i|we] [subtract|take away|take|deduct|remove] {b} from {a}",
    "if [you|i|we] [subtract|take away|take|deduct|remove] {b} from {a}, " + _GET,
    "how much [more|bigger|larger|greater|higher] is {a} than {b}",
    "how much [less|smaller|lower] is {b} than {a}",
    _ASK + "{b} less than {a}",
    "[decrease|reduce|lower|cut] {a} by {b}",
    "[start with|take|begin with] {a} and [subtract|take away|remove] {b}",
    "[i had|we had|there were|tom had] {a} {thing} and " + _LOST + " {b}. " + _LEFT,
    "[from|of] {a} {thing}, {b} [are lost|are sold|are gone|are taken away|were eaten]. " + _LEFT,
    "what [must|do you have to|should i] add to {b} to [get|reach|make] {a}",
    "how many more [than {b} is {a}|do i need to go from {b} to {a}]",
)
MUL = (
    _ASK + "{a} [times|*|x|×|multiplied by|multiplied with] {b}",
    _ASK + "{a} times {b}",
    _ASK + "{a}[*| * | x |x|×| × ]{b}",
    "{a}[*| * | x |x|×| × ]{b}[| =|=| = ?|=?]",
    _ASK + "the [product|multiplication] of {a} and {b}",
    "multiply {a} [by|and|with|times] {b}",
    _ASK + "the result of multiplying {a} [by|and|with] {b}",
    _GET + " [if|when] [you|i|we] multiply {a} [by|and|with] {b}",
    "if [you|i|we] multiply {a} [by|and|with] {b}, " + _GET,
    _ASK + "{a} [lots of|groups of|sets of|times as many as] {b}",
    "[there are|i have|we have|a shop has] {a} {box} [of|with] {b} {thing} [each|]. how many {thing} " + _ALL,
    "how many {thing} are in {a} {box} [of|with] {b} [each|]",
    "[each|one|every] [costs|weighs|holds|has] {a}. [what|how much|how many] [do|for|in|have] {b} " + _ALL,
    "what do {a} and {b} [multiply to|make when multiplied|give multiplied]",
    _ASK + "{a} and {b} multiplied [together|]",
)
DIV = (
    _ASK + "{a} [divided by|/|÷|over|split by|shared by] {b}",
    _ASK + "{a} divided by {b}",
    _ASK + "{a}[/| / |÷| ÷ ]{b}",
    "{a}[/| / |÷| ÷ ]{b}[| =|=| = ?|=?]",
    _ASK + "the [quotient|division|ratio] of {a} [and|by] {b}",
    "[divide|split|share] {a} by {b}",
    _ASK + "the result of dividing {a} by {b}",
    _GET + " [if|when] [you|i|we] [divide|split] {a} by {b}",
    "if [you|i|we] divide {a} by {b}, " + _GET,
    "how many times does {b} [go into|fit into|fit in|divide] {a}",
    "how [often|many times] is {b} contained in {a}",
    "how many {b}s are [there|] in {a}",
    "[split|share|divide|break|cut] {a} {thing} [equally|evenly|] [among|between] {b} [people|friends|children|kids]. how many [does each get|each|for each one]",
    "[split|divide|cut|break] {a} into {b} equal [parts|pieces|groups|shares]",
    "how many {thing} [does each get|for each] if {a} are [split|shared|divided] [among|between|by] {b} [people|friends|children|]",
)
ONE = {
    "2": ("[what is|find|calculate|compute|tell me|] [double|twice] {a}", "double [the number|] {a}", "{a} doubled", "multiply {a} by two"),
    "3": ("[what is|find|calculate|compute|tell me|] [triple|three times] {a}", "triple [the number|] {a}", "{a} tripled"),
    "half": (
        "[what is|what's|find|calculate|tell me|how much is|] [half of|one half of|half] {a}",
        "halve [the number|] {a}",
        "{a} halved",
        "divide {a} by two",
    ),
}
TEMPLATES = {"+": ADD, "-": SUB, "*": MUL, "/": DIV}

# Written before the first training run; never trained on, never tuned to.
UNSEEN = {
    "+": (
        "What's {a} plus {b} equal to?",
        "Can you add {a} and {b} for me?",
        "I need the sum of {a} and {b}.",
        "If you put {a} and {b} together, what do you have?",
        "Please sum up {a} and {b}",
        "{a} plus {b} makes what?",
        "How much do {a} and {b} come to?",
        "Adding {b} to {a} gives what?",
        "what will i have if i add {a} and {b}",
        "Anna has {a} stickers and gets {b} more. How many does she have now?",
    ),
    "-": (
        "What's {a} minus {b} equal to?",
        "Can you subtract {b} from {a} for me?",
        "I need the difference between {a} and {b}.",
        "{a} take away {b} is what?",
        "Please take {b} from {a}",
        "How much remains when {b} is subtracted from {a}?",
        "{a} minus {b} makes what?",
        "Taking {b} away from {a} leaves what?",
        "by how much is {a} bigger than {b}",
        "Anna had {a} stickers and gave away {b}. How many does she have left?",
    ),
    "*": (
        "What's {a} times {b} equal to?",
        "Can you multiply {a} by {b} for me?",
        "I need the product of {a} and {b}.",
        "{a} times {b} makes what?",
        "Please multiply {a} and {b} together",
        "How much would {a} multiplied by {b} be?",
        "Multiplying {a} by {b} gives what?",
        "{a} boxes with {b} pens in each, how many pens is that?",
    ),
    "/": (
        "What's {a} divided by {b} equal to?",
        "Can you divide {a} by {b} for me?",
        "I need to know {a} divided by {b}.",
        "{a} divided by {b} makes what?",
        "How many times will {b} fit into {a}?",
        "Dividing {a} by {b} gives what?",
        "Please divide {a} into {b} equal parts, how big is one?",
        "{b} friends share {a} sweets equally. How many does each one get?",
    ),
}
UNSEEN_TEMPLATES = tuple(template for templates in UNSEEN.values() for template in templates)

# Words that decide what is asked, or in which order: noise never replaces them.
KEYS = frozenset(
    "plus added and more increased sum total addition together combined adding add up combine summed put"
    " increase raise grow minus take away less decreased reduced subtract difference subtraction gap between"
    " from deduct remove withdraw subtracted taken deducted removed left taking removing subtracting losing"
    " bigger larger greater higher smaller lower decrease reduce lower cut lost gave sold ate used spent dropped"
    " threw broke gone eaten remain times x multiplied product multiplication multiply multiplying lots groups sets"
    " divided over split shared quotient division ratio divide share dividing go fit into contained in equal"
    " equally evenly among half halve halved double doubled twice triple tripled two three to than by of with each"
    " every boxes bags packs crates baskets rows shelves jars teams trays bundles tables rooms break gap need"
    " add make makes reach costs weighs holds many get receive find buy win collect pick given".split()
)


def add(a: int, b: int) -> str:
    """Written addition, right column first."""
    width = max(len(str(a)), len(str(b)))
    top, bottom = str(a).zfill(width), str(b).zfill(width)
    lines, found, carry = [f"{a}+{b}", f"{top}+{bottom}"], "", 0
    for column in range(width - 1, -1, -1):
        x, y = int(top[column]), int(bottom[column])
        total = x + y + carry
        shown = f"{x}+{y}" if column == width - 1 else f"{x}+{y}+{carry}"
        found = (str(total % 10) if column else str(total)) + found
        lines.append(f"{shown}={total}:{found}")
        carry = total // 10
    return "\n".join([*lines, str(a + b)])


def subtract(a: int, b: int) -> str:
    """Written subtraction, right column first, for a >= b."""
    width = len(str(a))
    top, bottom = str(a), str(b).zfill(width)
    lines, found, borrow = [f"{a}-{b}", f"{top}-{bottom}"], "", 0
    for column in range(width - 1, -1, -1):
        x, y = int(top[column]), int(bottom[column])
        rest = x - y - borrow
        shown = f"{x}-{y}" if column == width - 1 else f"{x}-{y}-{borrow}"
        borrow = int(rest < 0)
        found = str(rest % 10) + found
        lines.append(f"{shown}={rest % 10}{'<' * borrow}:{found}")
    return "\n".join([*lines, str(a - b)])


def _by_digit(a: int, digit: int) -> list[str]:
    """The columns of a times one digit."""
    lines, found, carry = [], "", 0
    text = str(a)
    for column in range(len(text) - 1, -1, -1):
        product = int(text[column]) * digit
        total = product + carry
        shown = f"{text[column]}*{digit}={product}"
        if column < len(text) - 1:
            shown += f"+{carry}={total}"
        found = (str(total % 10) if column else str(total)) + found
        lines.append(f"{shown}:{found}")
        carry = total // 10
    return lines


def multiply(a: int, b: int) -> str:
    """Written multiplication by a number of one or two digits."""
    lines = [f"{a}*{b}"]
    if len(str(b)) > len(str(a)):
        a, b = b, a
    if b < 10:
        return "\n".join([*lines, *_by_digit(a, b), str(a * b)])
    tens, ones = divmod(b, 10)
    lines += [f"{a}*{ones}", *_by_digit(a, ones), f"{a}*{tens}", *_by_digit(a, tens)]
    return "\n".join([*lines, add(a * ones, a * tens * 10)])


def divide(a: int, b: int) -> str:
    """Long division without a remainder; two-digit divisors are known by heart."""
    lines = [f"{a}/{b}"]
    if b < 10:
        rest, found = 0, ""
        for digit in str(a):
            part = rest * 10 + int(digit)
            if part < b and not found:  # the quotient starts further right
                rest = part
                continue
            quotient, rest = divmod(part, b)
            found += str(quotient)
            lines.append(f"{part}/{b}={quotient}r{rest}:{found}")
    return "\n".join([*lines, str(a // b)])


def _number(rng: Random, digits: int) -> int:
    return rng.randint(10 ** (digits - 1) if digits > 1 else 1, 10**digits - 1)


def _operands(rng: Random, operation: str) -> tuple[int, int]:
    if operation in "+-":
        a, b = (_number(rng, rng.choices((1, 2, 3, 4), (12, 40, 36, 12))[0]) for _ in range(2))
        return (max(a, b), min(a, b)) if operation == "-" else (a, b)
    if operation == "*":
        first, second = rng.choices(((1, 1), (2, 1), (3, 1), (2, 2)), (20, 36, 8, 36))[0]
        a, b = _number(rng, first), _number(rng, second)
        return (b, a) if rng.random() < 0.3 else (a, b)
    if rng.random() < 0.15:
        b = rng.randint(10, 12)
        return b * rng.randint(2, 12), b
    b = rng.randint(2, 9)
    return b * rng.choice((rng.randint(2, 12), rng.randint(2, 99), rng.randint(2, 99))), b


WORKINGS = {"+": add, "-": subtract, "*": multiply, "/": divide}


def _draw(rng: Random) -> tuple[str, str | None, int, int]:
    """Operation, single-operand phrasing if any, operands."""
    operation = rng.choices("+-*/", (26, 27, 23, 24))[0]
    a, b = _operands(rng, operation)
    if operation in "*/" and rng.random() < 0.12:
        if operation == "/":
            return operation, "half", 2 * _number(rng, 2), 2
        name = rng.choice("23")
        return operation, name, _number(rng, rng.choice((1, 2, 2))), int(name)
    return operation, None, a, b


def _ask(rng: Random, noise: float) -> tuple[str, str]:
    operation, name, a, b = _draw(rng)
    template = rng.choice(ONE[name] if name else TEMPLATES[operation])
    text = prompt(
        rng, template, KEYS, noise=noise, a=a, b=b, thing=rng.choice(THINGS), box=rng.choice(BOXES)
    )
    return text, WORKINGS[operation](a, b)


def example(rng: Random) -> tuple[str, str]:
    """One training pair."""
    return _ask(rng, 1.0)


def seen_cases(rng: Random, n: int) -> list[dict]:
    """Clean prompts of trained phrasings."""
    pairs = (_ask(rng, 0.0) for _ in range(n))
    return [{"prompt": text, "expect": [answer.rsplit("\n", 1)[-1]]} for text, answer in pairs]


def unseen_cases(rng: Random, n: int) -> list[dict]:
    """Prompts in the held-out phrasings."""
    cases = []
    for index in range(n):
        operation = "+-*/"[index % 4]
        a, b = _operands(rng, operation)
        template = rng.choice(UNSEEN[operation])
        answer = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[operation]
        cases.append({"prompt": render(rng, template, noise=0, a=a, b=b), "expect": [str(answer)]})
    return cases
