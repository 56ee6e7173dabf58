"""Geography: capitals, continents, currencies and languages of 155 countries."""

from random import Random

from expert.phrase import SLOT, compose, render, surround

from .carriers import NOUN
from .geography_facts import COUNTRIES, WITH_ARTICLE
from .geography_unseen import UNSEEN

ID = "geography"
DESCRIPTION = (
    "Geography of countries: capital cities, continents, the currency people pay with and the languages "
    "they speak."
)
EXEMPLARS = [
    "Which city is the capital of France?",
    "Eritrea has which capital?",
    "Which continent is Peru in?",
    "What are prices in San Marino written in?",
    "What is spoken in India?",
    "Which city is the capital of Mauritius?",
    "Which language should one speak in San Marino?",
    "On which continent does Mongolia lie?",
    "Which state is governed from Washington?",
    "Which language is used in Slovenia?",
    "Which language do most people of the United Kingdom speak?",
    "What do people pay with in Bhutan?",
    "Which language should one speak in Andorra?",
    "Which state is governed from Maseru?",
    "What language does Cambodia speak?",
    "How do people talk in Honduras, which language?",
]
WIDTH = 192
TOKENIZER = "bpe"
STEPS = 800
BATCH = 96

CORES = {
    "capital": (
        "the capital of {country}", "the capital of {country}", "the capital city of {country}", "{country}'s capital",
        "{country}'s capital city", "capital of {country}", "capital city of {country}", "the capital in {country}",
        "the city that is the capital of {country}", "the name of the capital of {country}",
        "the name of {country}'s capital", "the {country} capital", "{country} capital", "the seat of government of {country}",
    ),
    "country": (
        "the country whose capital is {capital}", "the country with the capital {capital}",
        "the country that has {capital} as its capital", "the country of which {capital} is the capital",
        "the nation whose capital is {capital}", "the country {capital} is the capital of",
        "the country that is governed from {capital}", "the state with {capital} as capital city",
        "the country which has {capital} as capital",
    ),
    "continent": (
        "the continent of {country}", "{country}'s continent", "the continent {country} is in",
        "the continent where {country} is", "the continent that {country} is on", "the continent for {country}",
        "the continent on which {country} lies", "the name of the continent {country} belongs to", "{country} continent",
    ),
    "currency": (
        "the currency of {country}", "{country}'s currency", "the currency used in {country}", "the money used in {country}",
        "the official currency of {country}", "the money of {country}", "the currency in {country}", "{country} currency",
        "the national currency of {country}", "the name of the currency of {country}", "currency of {country}",
        "the kind of money they have in {country}", "the legal tender in {country}",
    ),
    "language": (
        "the language of {country}", "the official language of {country}", "{country}'s official language",
        "the language spoken in {country}", "{country}'s language", "the main language of {country}",
        "the main language spoken in {country}", "the national language of {country}", "{country} language",
        "the language people use in {country}", "language of {country}", "the most common language in {country}",
    ),
}

DIRECT = {
    "capital": (
        "Which city is the capital of {country}?", "What city is {country}'s capital?", "Where is the capital of {country}?",
        "{country} has which capital?", "{country}'s capital is which city?", "Which capital does {country} have?",
        "What capital city does {country} have?", "The capital of {country} is which town?", "Which city is {country} ruled from?",
        "Where does the government of {country} sit?", "What is {country}'s seat of government?", "{country} - capital?",
        "{country}, capital city?", "Tell me which city is the capital of {country}.", "I know {country} but not its capital.",
        "What is the capital called in {country}?", "About {country}: which city is its capital?",
        "From which city is {country} governed?", "Say which city {country}'s capital is.", "Which town is the capital there in {country}?",
    ),
    "country": (
        "{capital} is the capital of which country?", "Which country has {capital} as its capital?", "Which country's capital is {capital}?",
        "What country is {capital} the capital of?", "{capital} is the capital of", "Whose capital is {capital}?",
        "{capital} is the capital city of what country?", "Which nation has the capital {capital}?", "Where is {capital} the capital?",
        "Which state is governed from {capital}?", "In which country is {capital} the capital?", "What country has {capital} for its capital?",
        "The capital {capital} belongs to which country?", "{capital} - capital of which country?", "To which country does the capital {capital} belong?",
        "Tell me which country {capital} is the capital of.", "{capital} is a capital city. Of which country?", "Name the country: its capital is {capital}.",
        "Which country do you find the capital {capital} in?", "I heard {capital} is a capital. Which country is that?",
    ),
    "continent": (
        "Which continent is {country} in?", "What continent is {country} on?", "On which continent is {country}?", "In which continent is {country}?",
        "{country} is on which continent?", "{country} is in which continent?", "Where in the world is {country}, which continent?",
        "What continent does {country} belong to?", "On which continent does {country} lie?", "{country} belongs to which continent?",
        "Is {country} in Europe or Asia?", "Is {country} in Africa or in South America?", "Is {country} part of Asia, Africa or Oceania?",
        "Is {country} a European, Asian, African or American country?", "{country} lies on the continent of", "Where is {country}? Just the continent.",
        "Which part of the world is {country} in?", "Tell me which continent {country} is in.", "What continent would you find {country} on?",
        "On what continent is {country} situated?", "Which continent is {country} located on?", "{country} - continent?", "Does {country} lie in Europe, Africa or Asia?",
    ),
    "currency": (
        "What currency is used in {country}?", "Which currency does {country} use?", "What money is used in {country}?", "What do people pay with in {country}?",
        "Which currency do they use in {country}?", "What currency do you pay with in {country}?", "{country} uses which currency?", "In {country} people pay with",
        "How do I pay in {country}, which currency?", "What is the money called in {country}?", "Which money do they have in {country}?", "{country} - currency?",
        "What currency do I need in {country}?", "Which currency is legal tender in {country}?", "What kind of money does {country} have?", "What currency does one spend in {country}?",
        "Tell me which currency {country} uses.", "In which currency do shops in {country} take payment?", "What are prices in {country} written in?", "Which currency is official in {country}?",
        "With what money do I buy things in {country}?",
    ),
    "language": (
        "What language is spoken in {country}?", "Which language is spoken in {country}?", "What language do they speak in {country}?", "Which language do they speak in {country}?",
        "What do people speak in {country}?", "In {country} people speak", "What is spoken in {country}?", "{country} - language?", "Which language is official in {country}?",
        "What language do people in {country} use?", "What language does {country} speak?", "Which language should one speak in {country}?", "{country} speaks which language?",
        "What is the main language in {country}?", "Tell me which language is spoken in {country}.", "How do people talk in {country}, which language?", "Which language is used in {country}?",
        "What language would I hear in {country}?", "Which language do most people of {country} speak?", "The people of {country} speak which language?",
    ),
}

RELATIONS = tuple(CORES)
UNSEEN_TEMPLATES = [template for templates in UNSEEN.values() for template in templates]


def example(rng: Random) -> tuple[str, str]:
    relation = rng.choice(RELATIONS)
    record = rng.choice(COUNTRIES)
    template = compose(rng, NOUN, CORES[relation]) if rng.random() < 0.5 else rng.choice(DIRECT[relation])
    text = render(rng, template, lower_slots=True, country=article(rng, record), capital=record["capital"])
    return surround(rng, text), record[relation]


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
        record = rng.choice(COUNTRIES)
        slots = {"country": article(rng, record), "capital": record["capital"]}
        prompt = SLOT.sub(lambda match: slots[match.group(1)], template)
        result.append({"prompt": prompt[:1].upper() + prompt[1:] if template[0] == "{" else prompt, "expect": [record[relation]]})
    return result


def article(rng: Random, record: dict) -> str:
    """The country's name as it stands inside a sentence."""
    name = record["country"]
    return f"the {name}" if name in WITH_ARTICLE and rng.random() < 0.85 else name
