"""Ways of asking for a thing that has a name, shared by the fact domains.

`{}` stands for a noun phrase such as `the capital of {country}`. Multiplied
with a relation's cores these give hundreds of trained phrasings, so that an
expert learns what carries the meaning and what does not.
"""

from random import Random

NOUN = (
    "What is {}?", "What's {}?", "what is {}", "what's {}", "Tell me {}.", "Tell me {}", "tell me {}",
    "Name {}.", "Give me {}.", "give me {}", "{}", "{}", "{}?", "Do you know {}?", "I need {}.",
    "I need to know {}.", "I want to know {}.", "I would like to know {}.", "I'd like {}.", "I'd like to know {}",
    "Can you tell me {}?", "Could you tell me {}?", "Can you name {}?", "Could you give me {}?",
    "Would you tell me {}?", "Would you know {}?", "Can I have {}?", "Could I get {}?", "May I ask {}?",
    "What would be {}?", "What was {} again?", "What is {} called?", "What is {} exactly?", "Find {}.",
    "find {}", "State {}.", "Which is {}?", "{} is what?", "{} is", "{} is called", "{}: what is it?",
    "{} - what is it?", "{}, what is it?", "Remind me of {}.", "Say {}.", "Provide {}.", "Look up {}.",
    "look up {} for me", "I forgot {}.", "I can't remember {}.", "I have forgotten {}.", "I'm looking for {}.",
    "I am trying to find {}.", "I was asked for {}.", "They asked me for {}.", "Any idea what {} is?",
    "Do you know what {} is?", "Can you say what {} is?", "Tell me what {} is.", "I wonder what {} is.",
    "I wonder what {} might be.", "I want to know what {} is.", "Do you happen to know {}?",
    "Do you happen to know what {} is?", "How do you call {}?", "What do people call {}?", "What do you call {}?",
    "Write down {}.", "Write {}.", "Answer with {}.", "Who knows {}?", "Let me know {}.", "Let me know what {} is.",
    "Help me with {}.", "Help me find {}.", "Show me {}.", "List {}.", "Identify {}.", "Specify {}.", "Guess {}.",
    "Explain what {} is.", "Question about {}.", "My question is {}.", "My question: {}?", "The question is {}.",
    "We need {}.", "We are looking for {}.", "She wants to know {}.", "He asked me {}.", "It is about {}.",
    "You know {}, right?", "You surely know {}.", "Is there a name for {}?", "What might {} be?",
    "What could {} be?", "So what is {}?", "And what is {}?", "Now {}.", "Also {}.", "Then {}.", "Next: {}.",
    "Fill in: {} is", "Complete this: {} is", "Complete the sentence: {} is ...", "{} = ?", "{}:", "{} ...",
    "Hi, {}?", "Please, {}.", "{}, please.", "{} please", "Kindly tell me {}.", "Quick, {}!", "Mind telling me {}?",
    "Would you mind telling me {}?", "Could you please tell me what {} is?", "Can anyone tell me {}?",
    "Is it hard to say what {} is?", "How about {}?", "What about {}?", "And {}?",
)

# What people put before a whole question.
LEADS = (
    "tell me", "please tell me", "say", "please say", "can you tell me", "could you tell me", "i want to know", "i'd like to know",
    "i would like to know", "do you know", "i wonder", "let me know", "remind me", "i need to know", "i'm asking", "we'd like to know",
    "find out", "answer me", "i forgot", "help me:", "explain", "state", "check", "she asks", "my question is", "guess", "now tell me",
)


def led(rng: Random, template: str, rate: float = 0.2) -> str:
    """A question, some of the time with a lead before it, as in `tell me which month comes after {month}`."""
    first = template.split(" ", 1)[0].lower()
    if first not in _ASKING or rng.random() >= rate:
        return template
    lead = rng.choice(LEADS)
    text = f"{lead[:1].upper() + lead[1:] if rng.random() < 0.5 else lead} {template[:1].lower() + template[1:]}"
    return text.rstrip("?") + rng.choice(("", ".", "?")) if rng.random() < 0.6 else text


_ASKING = frozenset("what what's which who when how is was will does did are has in on at".split())
