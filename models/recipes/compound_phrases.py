"""How people join questions, and how they refer back to an answer, in two disjoint halves.

`{A}` is a part as its own sentence, `{a}` the same with a small first letter,
`{c}` without its end mark. The half called `reported` is for figures only;
tune on `dev`.
"""

JOINS = {
    "dev": {
        2: (
            "{A} {B}", "{c} and {d}?", "{A} Also, {b}", "{c}, and {d}?", "{A} Then {b}", "1. {A} 2. {B}",
            "{c}; {d}", "{A}\n{B}", "Two things please: {A} {B}", "{A} And {b}", "{A} After that, {b}",
            "- {A}\n- {B}", "{c}, and also {d}.", "Hello! {A} {B} Thanks!",
        ),
        3: (
            "{A} {B} {C}", "{A} {B} And {x}", "1. {A}\n2. {B}\n3. {C}", "{c}, {d} and {e}?", "{c}; {d}; {e}",
            "{A} Then {b} Finally, {x}", "- {A}\n- {B}\n- {C}", "First, {a} Second, {b} Third, {x}",
        ),
        4: (
            "{A} {B} {C} {D}", "1. {A}\n2. {B}\n3. {C}\n4. {D}", "{A} {B} Also, {x} And {y}", "{c}; {d}; {e}; {f}",
        ),
    },
    "reported": {
        2: (
            "{A} {B}", "{c} and {d}.", "{A} Besides that, {b}", "{c}, and then {d}.", "{A} Next, {b}", "1) {A} 2) {B}",
            "{c}; also {d}", "{A}\n\n{B}", "I have two questions. {A} {B}", "{A} Oh, and {b}", "{A} Once done, {b}",
            "* {A}\n* {B}", "{c}, plus {d}.", "Hi there, {a} {B}", "a) {A} b) {B}",
        ),
        3: (
            "{A} {B} {C}", "{A} {B} Oh, and {x}", "1) {A}\n2) {B}\n3) {C}", "{c}, {d}, and {e}.", "{c}; {d}; and {e}",
            "{A} Next, {b} Lastly, {x}", "* {A}\n* {B}\n* {C}", "{A}\n{B}\n{C}", "To start, {a} Also, {b} To finish, {x}",
        ),
        4: (
            "{A} {B} {C} {D}", "1) {A}\n2) {B}\n3) {C}\n4) {D}", "{A} {B} Besides, {x} Oh, and {y}", "{A}\n{B}\n{C}\n{D}",
        ),
    },
}

# What the second part asks of the first one's answer: as written, and as the expert must get it.
FOLLOW_UPS = {
    "reverse": ("words", "Spell {{1}} backwards."),
    "letters": ("words", "How many letters does {{1}} have?"),
    "initial": ("words", "What is the first letter of {{1}}?"),
    "roman": ("numerals", "Write {{1}} in Roman numerals."),
    "binary": ("numerals", "Write {{1}} in binary."),
    "add": ("arithmetic", "Add {k} to {{1}}."),
    "times": ("arithmetic", "Multiply {{1}} by {k}."),
    "currency": ("geography", "What currency is used in {{1}}?"),
    "language": ("geography", "What language is spoken in {{1}}?"),
    "into": ("dictionary", "Translate {{1}} into {language}."),
}
REFERENCES = {
    "dev": {
        "reverse": ("Spell it backwards.", "Then write that backwards."),
        "letters": ("How many letters does it have?", "Count its letters."),
        "initial": ("What is its first letter?",),
        "roman": ("Write it in Roman numerals.", "Then convert that to Roman numerals."),
        "binary": ("Convert it to binary.",),
        "add": ("Add {k} to it.", "Then add {k} to the result."),
        "times": ("Multiply it by {k}.",),
        "currency": ("What currency is used there?",),
        "language": ("What language do they speak there?",),
        "into": ("Translate it into {language}.",),
    },
    "reported": {
        "reverse": ("Now spell that backwards.", "And what is it spelled backwards?", "Spell the answer backwards, please."),
        "letters": ("How many letters are in it?", "Then count the letters of the answer."),
        "initial": ("Which letter does it start with?", "Tell me the first letter of that."),
        "roman": ("Now write that as a Roman numeral.", "What is it in Roman numerals?"),
        "binary": ("Then write the result in binary.", "What is that in binary?"),
        "add": ("Now add {k} to that.", "What do I get if I add {k} to it?"),
        "times": ("Then multiply the result by {k}.", "Multiply that by {k}, please."),
        "currency": ("Which currency do they use there?", "And what is its currency?"),
        "language": ("And which language is spoken there?", "What is its official language?"),
        "into": ("How do you say that in {language}?", "Now translate that into {language}."),
    },
}
