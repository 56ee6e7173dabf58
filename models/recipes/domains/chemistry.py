"""Chemistry: the 118 elements and some seventy common compounds."""

from random import Random

from expert.phrase import SLOT, compose, render, surround

from .carriers import NOUN
from .chemistry_facts import COMPOUNDS, ELEMENTS
from .chemistry_unseen import UNSEEN

ID = "chemistry"
DESCRIPTION = (
    "Chemistry of the elements and common compounds: chemical symbols, atomic numbers, states,"
    " element families and formulas."
)
EXEMPLARS = [
    "In which state is erbium at room temperature?",
    "Which substance has the formula KOH?",
    "Which compound is written HCOOH?",
    "Which element has atomic number 26?",
    "What is the chemical formula of water?",
    "symbol of potassium",
    "What atomic number does thulium have?",
    "Which chemical symbol is used for thulium?",
    "Which letters mean niobium?",
    "What is NO?",
    "What does the symbol Hf stand for?",
    "Which letters mean nihonium?",
    "Which chemical formula belongs to nitrogen dioxide?",
    "What symbol stands for barium?",
    "What is C2H4?",
    "Hassium has which chemical symbol?",
]
WIDTH = 192
TOKENIZER = "bpe"
STEPS = 750
BATCH = 96

CORES = {
    "symbol": (
        "the symbol of {element}", "the chemical symbol of {element}", "the chemical symbol for {element}", "the symbol for {element}",
        "{element}'s symbol", "{element}'s chemical symbol", "the symbol of the element {element}", "the abbreviation of {element}",
        "the periodic table symbol of {element}", "symbol for {element}", "chemical symbol of {element}", "the letters for {element}",
        "the element symbol of {element}", "the short form of {element} in chemistry",
    ),
    "number": (
        "the atomic number of {element}", "{element}'s atomic number", "the atomic number for {element}", "the number of protons in {element}",
        "the proton number of {element}", "atomic number of {element}", "the number of {element} in the periodic table",
        "the position of {element} in the periodic table", "the atomic number of the element {element}", "the place of {element} in the periodic table",
        "the number of protons of {element}", "the count of protons in a {element} atom",
    ),
    "named": (
        "the element with the symbol {symbol}", "the name of the element {symbol}", "the element whose symbol is {symbol}", "the element {symbol}",
        "the chemical element with symbol {symbol}", "the meaning of the symbol {symbol}", "the name of {symbol}", "the element written {symbol}",
        "the element that {symbol} stands for", "the element abbreviated {symbol}", "the full name of the element {symbol}",
    ),
    "numbered": (
        "the element with atomic number {number}", "element number {number}", "element {number}", "the element with {number} protons",
        "the name of element {number}", "the element whose atomic number is {number}", "number {number} of the periodic table",
        "the chemical element number {number}", "the element in place {number} of the periodic table", "the {number} element by atomic number",
        "the name of the element with atomic number {number}",
    ),
    "state": (
        "the state of {element} at room temperature", "the state of {element}", "{element}'s state at room temperature", "the state of matter of {element}",
        "the physical state of {element}", "the phase of {element} at room temperature", "the normal state of {element}", "the aggregate state of {element}",
    ),
    "family": (
        "the family of {element}", "the element family of {element}", "{element}'s family", "the group name of {element}", "the category of {element}",
        "the class of elements {element} belongs to", "the family {element} belongs to", "the type of element {element} is", "the kind of element {element} is",
        "the element category of {element}", "the series {element} is in",
    ),
    "formula": (
        "the formula of {compound}", "the chemical formula of {compound}", "the formula for {compound}", "the chemical formula for {compound}",
        "{compound}'s formula", "{compound}'s chemical formula", "the molecular formula of {compound}", "formula of {compound}", "chemical formula for {compound}",
        "the formula chemists use for {compound}", "the {compound} formula",
    ),
    "compound": (
        "the name of {formula}", "the compound {formula}", "the compound with the formula {formula}", "the substance {formula}", "the name of the compound {formula}",
        "the substance whose formula is {formula}", "the chemical name of {formula}", "the common name of {formula}", "the chemical with formula {formula}",
        "the name of the substance {formula}", "the molecule {formula}",
    ),
}

DIRECT = {
    "symbol": (
        "Which symbol does {element} have?", "What symbol stands for {element}?", "How is {element} abbreviated in chemistry?", "How do you write {element} in chemistry?",
        "{element} has which chemical symbol?", "What letters are used for {element}?", "Which chemical symbol is used for {element}?", "{element} - symbol?",
        "What do you write for {element} in the periodic table?", "How is {element} shown on the periodic table?", "By which symbol is {element} known?",
        "Tell me how to abbreviate {element}.", "The symbol {element} goes by is", "What is the short symbol chemists give {element}?", "Which letters mean {element}?",
        "Which abbreviation does {element} have in the periodic table?",
    ),
    "number": (
        "Which number is {element} in the periodic table?", "How many protons does {element} have?", "How many protons are there in {element}?", "What number is {element}?",
        "What atomic number does {element} have?", "{element} has which atomic number?", "{element} - atomic number?", "{element} is element number what?",
        "How many protons does an atom of {element} have?", "Where does {element} stand in the periodic table?", "An atom of {element} has how many protons?",
        "Which atomic number has {element}?", "Tell me how many protons {element} has.", "What position does {element} have in the periodic table?",
        "At which number of the periodic table is {element}?", "The nucleus of {element} contains how many protons?",
    ),
    "named": (
        "Which element has the symbol {symbol}?", "What element is {symbol}?", "{symbol} is the symbol of which element?", "What does {symbol} stand for in chemistry?",
        "What does the symbol {symbol} stand for?", "{symbol} stands for which element?", "Which element is written {symbol}?", "Which element is {symbol}?",
        "{symbol} - which element?", "What is {symbol} in the periodic table?", "In the periodic table, {symbol} is", "What element has {symbol} as its symbol?",
        "Which chemical element is abbreviated {symbol}?", "Tell me which element {symbol} is.", "What element does {symbol} refer to?", "{symbol} is which chemical element?",
        "Whose symbol is {symbol}?", "What is meant by {symbol} in chemistry?",
    ),
    "numbered": (
        "Which element has atomic number {number}?", "What element is number {number}?", "Which element has {number} protons?", "What is element {number}?",
        "Which element is at position {number} in the periodic table?", "What element has the atomic number {number}?", "{number} is the atomic number of which element?",
        "Atomic number {number} is which element?", "Name the element with atomic number {number}.", "Which element comes {number} in the periodic table?",
        "Which chemical element has number {number}?", "An element has {number} protons. Which one is it?", "What is the name of element number {number}?",
        "Whose atomic number is {number}?", "Which atom has {number} protons in its nucleus?", "Atomic number {number} belongs to which element?",
    ),
    "state": (
        "Is {element} a solid, a liquid or a gas at room temperature?", "Is {element} solid, liquid or gas?", "What state is {element} in at room temperature?",
        "In which state is {element} at room temperature?", "Is {element} a gas?", "Is {element} a solid or a gas?", "What is the state of {element} under normal conditions?",
        "{element} is solid, liquid or gas?", "At room temperature {element} is", "Which state of matter is {element}?", "Is {element} a liquid or a solid at room temperature?",
        "Does {element} exist as solid, liquid or gas?", "{element} at room temperature: solid, liquid or gas?", "Is {element} gaseous, liquid or solid?", "Which phase is {element} in at 25 degrees?",
        "Tell me whether {element} is solid, liquid or gaseous.",
    ),
    "family": (
        "Which family does {element} belong to?", "What family of elements is {element} in?", "What type of element is {element}?", "What kind of element is {element}?",
        "Is {element} a metal, a halogen or a noble gas?", "Which group of elements does {element} belong to?", "{element} belongs to which family of elements?", "What category of element is {element}?",
        "Is {element} a transition metal or an alkali metal?", "{element} is what kind of element?", "How is {element} classified in the periodic table?", "Which element category does {element} fall into?",
        "Is {element} a noble gas or a halogen or a metalloid?", "In which family of the periodic table is {element}?", "What sort of element is {element}?", "To what class of elements does {element} belong?",
        "Tell me what type of element {element} is.", "{element} is a member of which family?",
    ),
    "formula": (
        "What formula does {compound} have?", "How do you write {compound} as a formula?", "How is {compound} written in chemistry?", "Which formula is {compound}?", "{compound} has which chemical formula?",
        "{compound} - formula?", "What is {compound} made of as a formula?", "Which chemical formula belongs to {compound}?", "Write the formula of {compound}.", "Write {compound} in symbols.",
        "How do I write the chemical formula for {compound}?", "What is {compound} as a chemical formula?", "Which molecule formula does {compound} have?", "Tell me how to write {compound} as a formula.",
        "Express {compound} as a chemical formula.", "What formula stands for {compound}?",
    ),
    "compound": (
        "What is {formula}?", "Which compound is {formula}?", "What substance is {formula}?", "{formula} is the formula of what?", "Which substance has the formula {formula}?", "What compound has the formula {formula}?",
        "What is {formula} called?", "What chemical is {formula}?", "{formula} is the formula of which compound?", "{formula} - which substance?", "What does {formula} stand for?", "What is the compound {formula} called?",
        "Which chemical has formula {formula}?", "Tell me what {formula} is.", "How is {formula} called?", "Which compound is written {formula}?", "What molecule is {formula}?",
    ),
}

RELATIONS = tuple(CORES)
# Relations with more facts are drawn more often.
SHARES = (18, 18, 18, 18, 7, 8, 9, 7)
UNSEEN_TEMPLATES = [template for templates in UNSEEN.values() for template in templates]

# One name a formula, the one chemists use.
BY_FORMULA = {formula: name for name, formula in COMPOUNDS.items() if name != "table salt"}
SPELLINGS = {"aluminium": "aluminum", "sulfur": "sulphur", "caesium": "cesium"}
ANSWERS = {
    "symbol": "symbol", "number": "number", "named": "element", "numbered": "element", "state": "state", "family": "family",
}


def example(rng: Random) -> tuple[str, str]:
    relation = rng.choices(RELATIONS, SHARES)[0]
    template = compose(rng, NOUN, CORES[relation]) if rng.random() < 0.5 else rng.choice(DIRECT[relation])
    slots, answer = draw(rng, relation)
    # A lower-cased symbol or formula would be another one (Co, CO), so only names follow the casing.
    follows = "element" in slots or "compound" in slots
    return surround(rng, render(rng, template, lower_slots=follows, **slots)), answer


def draw(rng: Random, relation: str) -> tuple[dict, str]:
    """The slots of one fact and its answer."""
    if relation == "formula":
        name = rng.choice(list(COMPOUNDS))
        return {"compound": name}, COMPOUNDS[name]
    if relation == "compound":
        formula = rng.choice(list(BY_FORMULA))
        return {"formula": formula}, BY_FORMULA[formula]
    records = [r for r in ELEMENTS if (r["state_known"] if relation == "state" else r["family"] if relation == "family" else True)]
    record = rng.choice(records)
    name = record["element"]
    if relation not in ("named", "numbered") and rng.random() < 0.2:
        name = SPELLINGS.get(name, name)
    key = {"named": "symbol", "numbered": "number"}.get(relation, "element")
    return {key: name if key == "element" else record[key]}, record[ANSWERS[relation]]


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
        prompt = SLOT.sub(lambda match: slots[match.group(1)], template)
        if template[0] == "{" and ("element" in slots or "compound" in slots):
            prompt = prompt[:1].upper() + prompt[1:]
        result.append({"prompt": prompt, "expect": [answer]})
    return result
