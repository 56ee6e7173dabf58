"""Phrasings of the word operations: fixed ones, and ones built from parts.

A built phrasing joins a carrier ("I would like you to"), an act or a question
about an object ("sort OBJ from a to z"), and an object ("the word {w}"); or it
names the word first and then says `it`. Hundreds of joins an operation keep a
small model from learning the phrasings by heart.
"""

from random import Random

ACTS = {
    "reverse": "reverse OBJ|spell OBJ backwards|write OBJ backwards|flip OBJ around|turn OBJ around|say OBJ in reverse"
    "|print OBJ in reverse order|read OBJ from right to left|put OBJ back to front|list the letters of OBJ in reverse"
    "|reverse the letters of OBJ|spell OBJ from end to start|mirror OBJ|invert OBJ|write OBJ from the last letter to the first"
    "|reverse the spelling of OBJ|give OBJ backwards|spell OBJ in reverse|run through the letters of OBJ backwards",
    "count": "count the letters of OBJ|count the letters in OBJ|count how many letters are in OBJ|measure the length of OBJ"
    "|work out how many letters OBJ has|count the characters of OBJ|find how many characters OBJ has|count all letters in OBJ",
    "vowels": "count the vowels of OBJ|count the vowels in OBJ|count how many vowels are in OBJ|find how many vowels OBJ has"
    "|work out how many vowels OBJ contains|add up the vowels in OBJ|count all vowels of OBJ",
    "first": "take the first letter of OBJ|write only the first letter of OBJ|pick the first letter of OBJ|read the initial of OBJ",
    "last": "take the last letter of OBJ|write only the last letter of OBJ|pick the final letter of OBJ|read the end letter of OBJ",
    "sort": "sort the letters of OBJ|sort OBJ alphabetically|put the letters of OBJ in alphabetical order|order OBJ from a to z"
    "|alphabetize OBJ|alphabetize the letters of OBJ|order the letters in OBJ alphabetically|arrange OBJ in alphabetical order"
    "|sort the letters in OBJ from a to z|rearrange the letters of OBJ by the alphabet|sort OBJ letter by letter"
    "|list the letters in OBJ alphabetically|write the letters of OBJ in alphabetical order|sort all the characters of OBJ",
    "upper": "write OBJ in capitals|put OBJ in upper case|write OBJ in capital letters|print OBJ in all caps|capitalize all of OBJ"
    "|turn OBJ into uppercase|convert OBJ to capitals|type OBJ in block letters|make OBJ uppercase|change OBJ to upper case",
    "palindrome": "check if OBJ is a palindrome|say if OBJ is a palindrome|decide whether OBJ is a palindrome"
    "|test OBJ for being a palindrome|find out if OBJ reads the same backwards|see whether OBJ is a palindrome"
    "|check whether OBJ is the same in both directions",
    "twice": "write OBJ twice|say OBJ twice|repeat OBJ|double OBJ|print OBJ two times|type OBJ twice in a row|duplicate OBJ",
}
NOUNS = {
    "reverse": "the reverse of OBJ|OBJ backwards|OBJ in reverse|OBJ spelled backwards|OBJ reversed|OBJ written backwards"
    "|the letters of OBJ in reverse order|the backward spelling of OBJ|OBJ from back to front|OBJ with the letters in reverse",
    "count": "the number of letters in OBJ|the length of OBJ|the letter count of OBJ|the number of characters of OBJ"
    "|how many letters OBJ has|how many letters are in OBJ|how long OBJ is|how many letters OBJ contains",
    "vowels": "the number of vowels in OBJ|the vowel count of OBJ|how many vowels OBJ has|how many vowels are in OBJ"
    "|the count of vowels in OBJ|how many vowels OBJ contains",
    "first": "the first letter of OBJ|the initial of OBJ|the letter OBJ starts with|the starting letter of OBJ|which letter OBJ begins with"
    "|the letter at the beginning of OBJ",
    "last": "the last letter of OBJ|the final letter of OBJ|the letter OBJ ends with|the closing letter of OBJ|which letter OBJ ends in"
    "|the letter at the end of OBJ",
    "sort": "the letters of OBJ in alphabetical order|OBJ sorted alphabetically|the sorted letters of OBJ|OBJ with sorted letters"
    "|the letters of OBJ from a to z|OBJ in alphabetical order|the alphabetical order of the letters of OBJ"
    "|OBJ with its letters ordered alphabetically|the letters in OBJ sorted from a to z|the letters of OBJ put in order",
    "upper": "OBJ in capitals|OBJ in upper case|OBJ in capital letters|OBJ in all caps|OBJ all in uppercase|the uppercase form of OBJ"
    "|OBJ written in capitals",
    "palindrome": "whether OBJ is a palindrome|if OBJ is a palindrome|whether OBJ reads the same backwards|if OBJ is the same in reverse",
    "twice": "OBJ twice|OBJ two times|OBJ two times in a row|OBJ doubled",
}
QUESTIONS = {
    "count": "how many letters does OBJ have|how many letters are in OBJ|how long is OBJ|how many letters are there in OBJ"
    "|how many characters does OBJ contain|how many letters make up OBJ",
    "vowels": "how many vowels does OBJ have|how many vowels are in OBJ|how many vowels are there in OBJ|how many vowels can you see in OBJ",
    "first": "what does OBJ start with|which letter does OBJ begin with|which letter comes first in OBJ",
    "last": "what does OBJ end with|which letter does OBJ end with|which letter comes last in OBJ",
    "palindrome": "is OBJ a palindrome|does OBJ read the same backwards|is OBJ the same backwards and forwards"
    "|is it true that OBJ is a palindrome|do you think OBJ is a palindrome"
    "|does OBJ count as a palindrome|is OBJ spelled the same in reverse|will OBJ be the same if i reverse it",
    "reverse": "what is OBJ backwards|how is OBJ spelled backwards|what does OBJ give in reverse|how does OBJ go backwards",
    "sort": "what do the letters of OBJ look like in alphabetical order|how are the letters of OBJ ordered alphabetically"
    "|how would OBJ look with its letters in alphabetical order",
    "upper": "how is OBJ written in capitals|what is OBJ in upper case",
}
OBJECTS = (
    "{w}|{w}|{w}|{w}|the word {w}|the word {w}|the name {w}|the string {w}|this word: {w}|the term {w}|the text {w}|my word {w}"
).split("|")
PRONOUNS = "it|it|this word|that word|the word|that".split("|")
ACT_CARRIERS = (
    "|||please|can you|could you|would you|will you|i want you to|i would like you to|i need you to|you have to|try to"
    "|help me|help me to|let's|go ahead and|your task is to|do me a favor and|show me how to|how do i|how would one|how can i"
    "|is it possible to|i have to|i am trying to|now|just|quickly|kindly|would you mind to|we must|let us|it is time to"
    "|somebody asked me to|my teacher wants me to|the puzzle says to|are you able to|can anyone|you may|please do"
).split("|")
NOUN_CARRIERS = (
    "||what is|what's|what would be|tell me|give me|show me|find|i need|i want|i want to know|i would like to know"
    "|do you know|can you tell me|could you give me|let me know|say|print|return|work out|figure out|determine|state"
    "|please tell me|please give me|i am looking for|any idea about|i wonder about|could you find|i have to find|do you see"
    "|would you tell me|write down|could you show me|the question is|i was asked for|help me with|please write"
).split("|")
TOPICS = (
    "here is a word: {w}.|my word is {w}.|take {w}:|given {w},|for {w},|look at {w} and|{w}.|{w}:|{w} -|the word is {w}."
    "|consider {w}.|with {w},|i have the word {w}.|think of {w},|about {w}:|i wrote {w}.|word: {w}.|this is the word: {w}."
).split("|")
# Small words that may stand where a template has another small word beside the slot.
SMALL = "of in for the from with to at by on about word".split()


def built(rng: Random, operation: str) -> str:
    """A phrasing put together from parts, with `{w}` where the word goes."""
    topic = rng.random() < 0.22
    thing = rng.choice(PRONOUNS if topic else OBJECTS)
    kind = rng.random()
    if kind < 0.3 and operation in QUESTIONS:
        text = rng.choice(QUESTIONS[operation].split("|"))
    elif kind < 0.65:
        text = f"{rng.choice(ACT_CARRIERS)} {rng.choice(ACTS[operation].split('|'))}"
    else:
        text = f"{rng.choice(NOUN_CARRIERS)} {rng.choice(NOUNS[operation].split('|'))}"
    text = text.replace("OBJ", thing)
    if thing in ("the word {w}", "the name {w}", "the term {w}") and rng.random() < 0.2:
        text = _small_swap(rng, text)
    if topic:
        front = rng.choice(TOPICS)
        text = f"{front} {text.strip().capitalize() if front[-1] == '.' else text.strip()}"
    return text.strip()


def _small_swap(rng: Random, text: str) -> str:
    """Another small word in place of the one before the object."""
    words = text.split(" ")
    spots = [index for index, word in enumerate(words) if word in SMALL]
    if spots:
        words[rng.choice(spots)] = rng.choice(SMALL)
    return " ".join(words)
