"""Held-out phrasings of the dictionary, written before the first training run and never trained on."""

UNSEEN = {
    "into": (
        "How would a {language} speaker say {word}?",
        "what's {word} if you say it in {language}",
        "please tell me the word that {language} uses for {word}",
        "I'm learning {language}, what's their word for {word}?",
        'Which {language} word means "{word}"?',
        "if I want to say {word} to someone in {language}, which word do I use",
        "could you help me say {word} in {language}?",
        "put the English word {word} into {language}, please",
        "tell me how {word} is called when speaking {language}",
        "My {language} homework asks for the translation of {word}.",
        "in {language}, what would {word} be",
        "{word} translated to {language} gives what?",
    ),
    "back": (
        "What would the {language} word {foreign} be in English?",
        "I read {foreign} in a {language} book, what does that mean in English",
        'Which English word matches "{foreign}" from {language}?',
        "please tell me the English meaning of {foreign}, it's {language}",
        "someone said {foreign} to me in {language}, what is that in english",
        "put the {language} word {foreign} into English for me",
    ),
}
