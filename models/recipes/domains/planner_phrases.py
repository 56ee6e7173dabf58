"""Trained phrasings of the planner: tasks beyond the bundled domains, and the words that join tasks.

Written without sight of `compound_phrases.JOINS["reported"]` and of the planner's own held-out joins; what
happens to equal one of them is dropped in `planner.py`. `[a|b]` is a choice, `{slot}` is filled.
"""


def _split(text: str) -> tuple[str, ...]:
    return tuple(" ".join(piece.split()) for piece in text.split("|"))


# ---- what tasks are about -------------------------------------------------------------------------------

TOPICS = _split(
    "photosynthesis|the French Revolution|supply and demand|black holes|the water cycle|bread and butter|climate change"
    "|rock and roll|Romeo and Juliet|the First World War|recursion|binary search|the Roman Empire|solar panels"
    "|salt and pepper|inflation|electric cars|the solar system|Trinidad and Tobago|a rainy day|my first job|bees"
    "|remote work|public transport|cats and dogs|the Great Wall|healthy eating|video games|chess|poetry|gravity|vaccines"
    "|copyright law|the stock market|wind and waves|the moon landing|jazz|football|Bosnia and Herzegovina|coffee"
    "|glaciers|magnets|the human heart|hash tables|time zones|volcanoes|the tides|yeast|whales and dolphins|robots"
    "|Antigua and Barbuda|old maps|city life|night trains|mountain lakes|the color blue|queues|big data|paper planes"
)
THINGS = _split(
    "iron|gold|Peru|Paris|table salt|Mount Everest|the Nile|a triangle|the number 12|copper|Brazil|Tokyo|the word garden|mercury"
    "|a kilometer|Kenya|the moon|Jupiter|Norway|January|water|the letter Q|Hamlet|a square|the euro|vinegar|Lima|Tuesday"
    "|1984|7.5|42|1000|XIV|0xFF|1011|the piano|an octopus|Canada|the first question|helium|silver|Madrid|oxygen"
    "|a dozen eggs|my city|the equator|a leap year|the old bridge|Lake Victoria|this street|the final exam|a prime number"
)
ATTRIBUTES = _split(
    "capital|symbol|chemical symbol|formula|area|population|meaning|opposite|plural|past tense|author|length|height|weight"
    "|square root|cube|Roman numeral|binary form|name|first letter|last letter|currency|official language|atomic number|color"
    "|spelling|origin|boiling point|price|size|double|half|reverse|abbreviation|translation|flag|anthem|birthday|age|date"
    "|French word|Spanish name|German word|hex value|number of days|number of letters|number of vowels|highest mountain"
    "|synonym|factorial|perimeter|volume|speed|distance|difference|sum|product|remainder|average|continent|largest city"
)
NOUNS = _split(
    "country|element|city|month|day|word|planet|animal|river|number|language|letter|color|year|person|fruit|metal|continent"
    "|currency|unit|book|king|team|sport|state|instrument|bird|tree|song|shape|gas|scientist|writer|painter|weekday|season"
    "|weekday number|chemical element|sign|figure|numeral|digit|vowel|place|land|nation|capital city|answer|value|substance"
)
PLURALS = _split(
    "days|letters|vowels|inches|legs|sides|months|hours|minutes|feet|grams|ounces|people|planets|strings|meters|cups|players"
    "|neighbours|protons|bytes|bits|seconds|weeks|liters|miles|eggs|apples|cents|pages|bones|moons|keys|states|islands"
)
VERBS = _split(
    "has|uses|follows|comes after|comes before|belongs to|borders|invented|discovered|wrote|painted|means|contains|matches"
    "|starts with|ends with|lies in|rhymes with|is next to|is called|is made of|equals|stands for|won|speaks|describes"
)
ADJECTIVES = _split("prime|a metal|a palindrome|even|odd|a leap year|in Europe|a gas|heavier than iron|a noun|older|a mammal|correct|a city|round")
PEOPLE = _split("Tom|Anna|Mr. Lee|Maria|my sister|my neighbour|Ben|Fatima|a farmer|the teacher|Sam|Priya|a train driver|our cook|Olga|Kofi")
GOODS = _split("apples|pears|eggs|books|marbles|stamps|sweets|tickets|coins|pencils|oranges|cards|bottles|balls|chairs|cookies")
LANGUAGES = _split("Spanish|French|German|Italian|Latin|Japanese|Dutch|Polish|Swedish|Turkish")
UNITS = _split("kilometers|meters|liters|pounds|hours|minutes|feet|inches|grams|kg|ml|cm|miles|days|weeks|years|euros|cents|bytes|degrees Celsius")

# ---- tasks ----------------------------------------------------------------------------------------------

NOUN_PHRASES = _split(
    "the {attr} of {thing}|the {attr} of {thing}|the {attr} for {thing}|{thing}'s {attr}|the {attr} that {thing} has|a {attr} for {thing}"
    "|the number of {plural} in {thing}|{n} as a Roman numeral|{n} in binary|{n} plus {m}|{n} times {m}|{n} {unit} in {unit}"
    "|the sum of {n} and {m}|the product of {n} and {m}|the difference between {n} and {m}|{p} percent of {n}|a quarter of {n}"
    "|the {noun} after {thing}|the {noun} before {thing}|the {noun} that {verb} {thing}|the {noun} with the number {n}"
    "|the {lang} word for {word}|the word for {word} in {lang}|the letters of {word} in order|the name of the {noun} that {verb} {thing}"
    "|the plural of {word}|three facts about {topic}|a short poem about {topic}|the history of {topic}|a recipe with {word} and {word}"
    "|the {ord} {noun} of the year|the {ord} letter of {word}|{n} + {m}|{n} * {m}|{n} / {m}|{n} - {m}|{word} spelled backwards"
    "|the meaning of {topic}|{thing} in {lang}|the average of {n}, {m} and {p}|the {noun} between {thing} and {thing}"
)
CLAUSES = _split(
    "what the {attr} of {thing} is|which {noun} {verb} {thing}|how many {plural} are in {thing}|how many {plural} {thing} has"
    "|how much {n} {unit} is in {unit}|whether {thing} is {adj}|if {thing} is {adj}|who {verb} {thing}|where {thing} is"
    "|when {thing} was built|how to say {word} in {lang}|why {topic} matters|what {thing} stands for|what {word} means"
    "|what {n} times {m} makes|how {word} is spelled|which {noun} {thing} is in|how old {person} is|what comes after {thing}"
    "|how {topic} works|how far it is from {thing} to {thing}|which {noun} people use in {thing}|what {n} minus {m} gives"
)
NP_CARRIERS = _split(
    "what is {}?|what's {}?|tell me {}.|give me {}.|I'd like to know {}.|I would like {}.|I need {}.|find {}.|do you know {}?|can you tell me {}?"
    "|could you give me {}?|could you tell me {}, please?|please give me {}.|please find {}.|please tell me {}.|name {}.|state {}.|look up {}.|show me {}.|work out {}."
    "|what would be {}?|what could be {}?|I want to know {}.|I wish to know {}.|I'm looking for {}.|I am after {}.|I was wondering about {}.|remind me of {}."
    "|let me know {}.|{}?|{}.|{}|{}, please.|any idea what {} is?|I forgot {}.|I can't remember {}.|help me find {}.|would you tell me {}?|say {}.|write down {}."
    "|may I ask for {}?|can I have {}?|we need {}.|mention {}.|list {}.|determine {}.|identify {}.|figure out {}.|check {}.|get me {}.|what do you think is {}?"
    "|{} - what is it?|{}: what is it?|so what is {}?|what exactly is {}?|do you happen to know {}?|would you mind telling me {}?|I'd love to hear {}.|my question is {}."
    "|kindly give me {}.|please state {}.|tell us {}.|spell out {}.|calculate {}.|compute {}.|what might be {}?|I should like {}.|it would help to know {}.|print {}."
    "|I am curious about {}.|could I get {}?|how about {}?|what about {}?|my homework asks for {}.|the quiz wants {}.|write {}.|I have to find {}.|I must know {}.|we were asked for {}."
)
CLAUSE_CARRIERS = _split(
    "tell me {}.|do you know {}?|can you tell me {}?|could you tell me {}?|I'd like to know {}.|I wonder {}.|I was wondering {}.|I forgot {}.|I want to know {}.|please tell me {}.|explain {}."
    "|find out {}.|let me know {}.|say {}.|please explain {}.|I don't know {}.|I am not sure {}.|I need to know {}.|would you tell me {}?|remind me {}.|show me {}.|check {}.|can you explain {}?"
    "|I'm trying to find out {}.|could you explain {}?|ask yourself {}.|I can't remember {}.|any idea {}?|do you remember {}?|my son asked {}.|help me see {}.|we would like to hear {}.|{}?|{}."
)
QUESTIONS = _split(
    "which {noun} {verb} {thing}?|what {noun} {verb} {thing}?|who {verb} {thing}?|how many {plural} does {thing} have?|how many {plural} are in {thing}?|how many {plural} are there in {thing}?"
    "|is {thing} {adj}?|is {thing} {adj} or {adj}?|are there {n} {plural} in {thing}?|does {thing} have more {plural} than {thing}?|where is {thing}?|when was {thing} discovered?|why is {topic} important?"
    "|how do you say {word} in {lang}?|how would you write {word} in {lang}?|how does {topic} work?|how long is {thing}?|how much is {n} plus {m}?|how much is {n} {unit} in {unit}?|how far is {thing} from {thing}?"
    "|{thing} is how many {plural}?|{n} {unit} is how many {unit}?|{n} {unit} make how many {unit}?|{thing} {verb} which {noun}?|{thing} is in which {noun}?|{thing} is called what in {lang}?"
    "|{thing} has which {attr}?|{n} minus {m} gives what?|{n} and {m} make what?|adding {n} to {m} gives what?|the {noun} {thing} {verb} what?|the word {word} means what?|the {attr} of {thing} is what?|you write {word} how in {lang}?"
    "|in {thing}, which {noun} {verb} {thing}?|in {lang}, what is {word}?|for {thing}, what is the {attr}?|of {n} {plural}, how many are {adj}?|from {thing}, how far is {thing}?|with {n} {plural}, what can I do?"
    "|in which {noun} is {thing}?|on which {noun} does {thing} fall?|to which {noun} does {thing} belong?|by how much is {n} more than {m}?|at what {noun} does {topic} begin?|from which {noun} does {word} come?"
    "|if {person} has {n} {goods}, how many are left after {m}?|if {thing} is {adj}, what is {thing}?|when I say {word}, what do I mean?|when {thing} ends, which {noun} begins?|given {n} and {m}, what is the sum?"
    "|counting from {thing}, which {noun} is number {n}?|looking at {thing}, what {noun} do you see?|starting from {thing}, what comes {ord}?|using {thing}, how would one write {word}?"
    "|I saw {thing} on a sign, what does it mean?|I have {n} {goods}, how many pairs is that?|I'm going to {thing}, which {noun} do I need?|someone said {word} to me, what is that in {lang}?|{person} is {n}, how old is that in {plural}?"
    "|a bag holds {n} {goods}, how many are in {m} bags?|a film lasts {n} {unit}, how many {unit} is that?|we leave on {thing}, what {noun} is it {n} days later?|my card says {word}, which {noun} is meant?|today is {thing}, what day was it {n} days ago?"
    "|I can't find {thing} on the map, where is it?|they write {n} on the label, what is it in {unit}?|you see {thing} in a book, who wrote it?|a {noun} begins with {word}, which one is it?|it takes {n} {unit}, how long is that in {unit}?"
    "|can {thing} be {adj}?|will {thing} be {adj} in {n} {unit}?|do {goods} have {plural}?|was {thing} {adj}?|would {n} {plural} fit in {thing}?|what does {word} mean?|what does {thing} cost?|whose {attr} is {thing}?"
    "|what happens if I add {n} and {m}?|what do I get when I mix {thing} and {thing}?|what is {n} divided by {m}?|what is {n}, {m} and {p} added up?|which is bigger, {n} or {m}?|which of {n}, {m} and {p} is {adj}?|what is the difference between {topic} and {topic}?"
    "|what does {thing} have in common with {thing}?|is it {n}, {m} or {p}?|how many {goods} do {n} boxes and {m} bags hold?|who wrote {thing} and {thing}?|which {noun} {verb} {thing} and {verb} {thing}?|what has {n} {plural} and {verb} {thing}?"
)
ORDERS = _split(
    "write an essay about {topic}.|write a short poem about {topic}.|write a story about {person} and {topic}.|summarize {topic} in {n} words.|explain {topic} to a child.|compare {topic} and {topic}.|contrast {topic} with {topic}."
    "|list {n} facts about {topic}.|draft an email to {person} about {topic}.|write a function that adds two numbers and returns the result.|write a program that reads {n} lines and prints them.|describe {topic}.|define {word}."
    "|translate {word} into {lang}.|translate the words {word} and {word} into {lang}.|add {n} and {m}.|add {n}, {m} and {p}.|subtract {n} from {m}.|multiply {n} by {m}.|divide {n} by {m}.|convert {n} {unit} to {unit}.|convert {n} to binary."
    "|spell {word} backwards.|reverse {word}.|reverse the word {word}.|sort the letters of {word}.|sort {word}, {word} and {word} alphabetically.|sort these words: {word}, {word}, {word} and {word}.|count the letters in {word}.|count the vowels in {word} and {word}."
    "|name a {noun} that {verb} {thing}.|name {n} {goods}.|name the {noun} that {verb} {thing}.|name one {noun} and one {noun}.|list the {plural} of {thing}.|list all {goods} and {goods} you know.|round {n} to the nearest ten.|double {n}.|halve {n}.|square {n}."
    "|capitalize {word}.|repeat {word} {n} times.|give an example of {topic}.|give the {attr} of {thing}.|plan a trip from {thing} to {thing}.|suggest a name for {thing}.|recommend a book about {topic}.|fix the spelling of {word}.|make a list of {goods}, {goods} and {goods}."
    "|turn {n} into a Roman numeral.|put {word} in capital letters.|change {n} {unit} into {unit}.|express {n} {unit} in {unit}.|take {n} from {m}.|simplify {n}/{m}.|solve x + {n} = {m}.|find x if x - {n} = {m}.|estimate {n} times {m}.|order {n}, {m} and {p} by size."
    "|say {word} in {lang}.|read {n} as a year.|write {n} in words.|write {word} in small letters.|look for {thing}.|think of a {noun} that {verb} {thing}.|pick a {noun} for {person}.|choose between {topic} and {topic}.|outline a talk on {topic}.|rewrite {word} without vowels."
    "|build a table of {n} {goods}.|design a logo for {topic}.|sing a song about {topic}.|invent a {noun}.|prove that {n} is {adj}.|show that {thing} is {adj}.|mark the {plural} in {word}.|remove the first letter of {word}.|replace {word} by {word}.|join {word} and {word} together."
    "|work out {n} minus {m}.|tell me about {topic}.|talk about {topic} and {topic}.|decide whether {thing} is {adj}.|check if {n} is {adj}.|increase {n} by {m} percent.|share {n} {goods} among {m} people.|split {n} into {m} parts.|measure {thing} in {unit}.|group {word}, {word} and {word} by length."
    "|please multiply {n} and {m} together.|please name the {noun} that {verb} {thing}.|please take {n} from {m}.|please write {n} in words.|please translate {word} to {lang}.|could you spell {word} for me?|could you write {n} in binary for me?|can you convert {n} {unit} into {unit}?|would you sort the letters of {word}?"
    "|could you turn {n} into hex?|can you reverse {word} for me, please?|would you please add {n} and {m}?|kindly count the letters of {word}.|you should divide {n} by {m}.|let's multiply {n} by {m}.|I want you to spell {word}.|I'd like you to reverse {word}.|help me translate {word} into {lang}.|be so kind as to name {thing}."
    "|in {lang}, say {word}.|in one word, describe {thing}.|for {thing}, give the {attr}.|for {thing}, name the {noun}.|from {n}, take {m}.|to {n}, add {m}.|in {n} words, explain {topic}.|from the letters of {word}, make a new word.|with {goods}, {goods} and {goods}, make a meal."
)
# One task in several sentences, or with a tail that belongs to it.
LONG_SINGLES = _split(
    "{person} has {n} {goods} and buys {m} more. How many {goods} are there now?|{person} had {n} {goods}. {person} gave away {m}. How many are left?|There are {n} {goods} in a box. {person} takes {m} out and puts {p} in. How many remain?"
    "|A train travels {n} km in {m} hours. What is its speed?|A rectangle is {n} m long and {m} m wide. What is its area?|{n} {goods} cost {m} dollars. What do {p} {goods} cost?|If {person} has {n} {goods} and {m} {goods}, how many is that in all?"
    "|{person} is {n} years old. {person} is {m} years older. How old will both be in {p} years?|It is {n} o'clock. The meeting starts in {m} minutes. When does it start?|My number is {n}. Add {m} to it. What do you get?|Let x = {n}; what is x plus {m}?"
    "|I went to {thing} last year. It was raining. What is the {attr} of {thing}?|We are learning about {topic}. Which {noun} {verb} {thing}?|I am reading about {topic} and {topic}. What is the {attr} of {thing}?|My friend and I disagree. Is {thing} {adj}?|Yesterday was {thing}. What is today?"
    "|What is {n} times {m}? Just give the number.|What is the {attr} of {thing}? Answer in one word.|Which {noun} {verb} {thing}? Answer yes or no.|How does {topic} work? Keep it short, please.|Explain {topic}. Use simple words.|Write a poem about {topic}. Make it rhyme. Use {n} lines."
    "|Write an essay about {topic} with an introduction, a main part and a conclusion.|Explain what {topic} is and give an example.|Solve x + {n} = {m} and show your steps.|Compute {n} times {m} and explain how you got there.|Divide {n} by {m} and show the working.|Describe {topic} and say why it matters."
    "|You are a teacher. Explain {topic} to a class.|You are a helpful assistant. What is the {attr} of {thing}?|I'm writing a report about {topic}. Can you give me some ideas?|I have a problem with {topic}. It does not work any more. What should I do?|I like {topic}. Tell me more about it."
    "|Summarise this text. {Words}. {Words}, and {words}. {Words}.|Fix the grammar: {words}. {Words} and {words}.|Translate into {lang}: {words} and {words}?|Translate \"{Words} and what is {word}?\" into {lang}.|What does the sentence \"{Words}. Then {words}.\" mean?|Translate the sentence: {Words} and how are you?"
    "|Shorten this: {Words}. {Words}. {Words}.|Is the following true? {Words} and {words}.|Continue the story: {Words}. Then {words}, and {words}.|Read the text and answer. {Words}. {Words}. Which {noun} {verb} {thing}?|Who said \"{Words}, and then {words}\"?|What is the title of \"{Words} and {Words}\"?"
    "|Which is heavier, {n} {unit} of {goods} or {m} {unit} of {goods}?|Give me the pros and cons of {topic}.|Compare {topic} and {topic} and say which is better.|Sort these:\n1. {word}\n2. {word}\n3. {word}|Which is right?\nA) {thing}\nB) {thing}\nC) {thing}|Pick one: {thing}, {thing} or {thing}."
    "|Put these in order: {word}, {word}, {word} and {word}.|Make a shopping list: {n} {goods}, {m} {goods}, and {p} {goods}.|I have {goods}, {goods}, {goods} and {goods}. What can I cook with them?|Ingredients: {goods}, {goods}, {word} and {word}. Suggest a dish.|My list: {word}, {word}, {word}. Which one is {adj}?"
    "|What does this code do?\n```\nfor i in range({n}):\n    print(i and {m})\n```|def f(a, b):\n    return a + b\n\nWhat does f({n}, {m}) return?|print({word} and {word})|SELECT * FROM {word} WHERE a = {n} AND b = {m};|Why does this fail? x = {n}; y = {m}; print(x + z)|a = {n}; b = {m}; what is a + b?"
    "|Write a function in Python that takes a list and returns the sum and the average.|Write a script that opens a file, reads each line, then prints it and closes the file.|Write a letter to {person}. Thank them for {topic} and ask about {topic}.|Write an email to {person} and ask when {topic} starts."
    "|Play the role of {person}. Answer as they would. What is {topic}?|Rate {topic} from {n} to {m} and explain why.|What is {n} + {m} - {p} * {n}?|What is {n} plus {m}, then minus {p}?|Start with {n}, add {m}, then take away {p}.|Multiply {n} by {m}, by {p} and by {n}.|Take {n}, double it and add {m}."
    "|How do you say \"{word} and {word}\" in {lang}?|What comes next: {n}, {m}, {p}?|Answer in {lang}: what is the {attr} of {thing}?|Reply with yes or no: is {thing} {adj}?|Name one {noun}, and only one.|Is it true that {thing}, {thing} and {thing} are {adj}?|When did {topic} start and end?"
    "|How are {topic} and {topic} related, and why?|What is {topic} and why is it important?|Who are {person} and {person}?|Which {noun} is between {thing} and {thing} and {verb} {thing}?|I forgot what {thing} is. Please tell me.|I don't understand {topic}. Can you help?|Please help me. I need the {attr} of {thing}."
    "|First {goods} cost {n} dollars each. What do {m} cost?|Then there were {n} {goods}. How many more are needed for {m}?|Also known as {word}, which {noun} is this?|Next to {thing}, which {noun} is the largest?|After {thing}, which {noun} comes?|Besides {thing}, which {noun} {verb} {thing}?|Once {person} had {n} {goods}. How many is that in dozens?"
    "|Before and after {topic}: what changed?|Finally I found {n} {goods}. Now I have {m}. How many did I have?|Two {goods} and a {noun} cost {n} euros; what does one cost?|The word is {word}; is it a palindrome?|{thing} - my favourite - is {adj}. Why?|Tell me a joke about {topic}, then stop.|List {n} {goods} - no more."
    "|Hello, how are you?|Thank you so much!|good morning|Tell me something interesting.|What can you do?|Who are you and what can you do?|Help me, please.|I don't know what to do.|Can you help me with my homework?|Good evening, and thanks for yesterday!"
)
WORKING = _split(
    "and show your steps|and explain why|and show the working|and give an example|and explain your answer|and give reasons|, and say why|and justify it|, with an explanation and an example|and why|, please and thank you"
    "|, step by step|and nothing else|, only the number|and be brief|and don't explain|, in one word|, one line only|and keep it short"
)
REMARKS = _split(
    "Answer briefly.|Just the answer.|Keep it short.|Answer in one word, please.|Only give the number.|No explanation.|I need it for school.|Please hurry.|Thanks!|Thank you.|Thanks a lot!|Please.|Be precise.|Explain your answer."
    "|I forgot.|I really need to know.|It's for a quiz.|Use {lang}.|Show your work.|Answer with yes or no.|Cheers.|I can't work it out.|My {noun} wants to know.|Don't guess."
)

# ---- tasks that lean on the one before ------------------------------------------------------------------

PRONOUNS = _split("it|that|that|this|the result|the answer|the sum|that number|that word|the outcome|what you get|the total|the name|the first answer|the {noun}|this {noun}|that {noun}")
DEPENDENT = _split(
    "spell {it} backwards|write {it} backwards|reverse {it}|multiply {it} by {n}|add {n} to {it}|subtract {n} from {it}|divide {it} by {n}|double {it}|halve {it}|triple {it}|square {it}|convert {it} to binary|convert {it} to {unit}|turn {it} into a Roman numeral"
    "|write {it} in Roman numerals|write {it} in capital letters|put {it} in uppercase|translate {it} into {lang}|say {it} in {lang}|how many letters does {it} have|how many vowels does {it} have|how many letters are in {it}|count its letters|count the vowels in {it}"
    "|sort its letters|sort the letters of {it}|what is its first letter|what is its last letter|what letter does {it} start with|what is its capital|which currency is used there|what language is spoken there|what do they speak there|which continent is {it} on"
    "|which {noun} {verb} {it}|is {it} a palindrome|is {it} {adj}|is {it} prime|what is {it} in {unit}|what is {it} in binary|what is {it} in {lang}|what is {n} times {it}|how much is {it} in {unit}|what comes after {it}|what is the {attr} of {it}|tell me its {attr}"
    "|take {n} away from {it}|add {n}|subtract {n}|multiply by {n}|divide by {n}|take half of {it}|with {it}, subtract {n}|using {it}, add {n}|use {it} to find {thing}|take {it} and add {n}|from {it}, take {n}|in binary|in {lang}|in {unit}|in Roman numerals|in capital letters"
    "|spelled backwards|its {attr}|what about {thing}|how about {thing}|its {attr} in {unit}|the {attr} of {it}|what is the {noun} before {it}|give me its {attr}|name its {attr}|show {it} in hex|express {it} in {unit}|raise {it} by {n}|lower {it} by {n} percent|check whether {it} is {adj}"
    "|explain {it}|describe {it}|summarize {it}|shorten {it} to {n} words|make {it} rhyme|repeat {it} {n} times|write {it} twice|now add {n} to {it}|now reverse {it}|now tell me its {attr}|who wrote {it}|where is {it}|when was {it} built|how old is {it}|why is that|how big is {it}"
    "|tell me how many letters {it} has|can you spell {it} backwards|could you convert {it} to {unit}|please multiply {it} by {n}|please write {it} in words|I need {it} in {unit}|I'd also like {it} in {lang}|remove its first letter|compare {it} with {thing}|round {it}"
)

# ---- what joins tasks -----------------------------------------------------------------------------------

# At the start of a later sentence; dropped. The first kind takes a comma or none, the second brings its mark.
CONNECTORS = _split(
    "also|then|next|after that|afterwards|afterward|finally|and|and then|and also|and next|besides|moreover|furthermore|in addition|secondly|second|third|thirdly|fourth|plus|now then|and finally|after this|further|last|last of all|oh, and|oh and|ok and|oh also"
    "|later|later on|subsequently|thereafter|thereupon|likewise|similarly|meanwhile|in the meantime|at the same time|apart from that|other than that|aside from that|beyond that|along with that|together with that|alongside that|what's more|what is more"
    "|separately|unrelated|on another note|on a different note|on a separate note|changing the subject|different topic|new topic|next question|another question|second question|third question|final question|last question|last one|another one|another thing|one more thing|one more|one last thing"
    "|one other thing|something else|next up|next one|next item|next task|second task|third task|second point|for the second one|for the third|as a second step|as a next step|in a second step|as the last step|in the end|in closing|to close|to conclude|to end with|to round off|to top it off|to wrap up|to continue|continuing|moving on|going on|from there"
    "|by the way|btw|ps|p.s.|incidentally|while you're at it|while we're at it|while I'm here|since you're here|if you have time|if you don't mind|if possible|when done|when that's done|when you're done|when that is finished|when you have that|when you have finished|once done|once that's done|once you're finished|once you know|once you have it"
    "|having done that|with that done|that done|this done|with this out of the way|after doing so|after doing that|before I forget|just as a follow-up|as a follow-up|follow-up|followed by this|and after that|and afterwards|and besides|and second|and secondly|and third|and last|and one more thing|and another thing|and by the way|and while you're at it"
    "|also please|but also|but first|but before that|yet another one|so then|so next|ok next|okay now|alright, next|right, now|great, now|good, then|well then|hm, and|um, also|I also wonder|also quickly|quickly|quick one|extra question|bonus question|bonus|additional question|as an extra|as a bonus|as an addition|for good measure|on the side|in the same way|in the same vein"
)
PREPOSITIONS = _split("after|besides|beyond|with|along with|apart from|aside from|beside|upon|past|further to|next to|in addition to|other than|together with|over and above|as well as|right after|shortly after|immediately after|once past|directly after|behind")
ANTECEDENTS = _split("that|this|these|those|it|which|the above|all that|all this|the first|the former|the previous one|the last one|answering that|doing this|finishing that|that one|those two|that question|this task")
ORDER_WORDS = _split("question|task|thing|item|point|part|request|step|problem|job|bit|exercise|query|one")
ORDINALS = _split("first|second|third|fourth|fifth|sixth|seventh|eighth|next|last|final|other")
FIRSTS = _split(
    "first|firstly|first of all|to begin with|to start|to start with|at first|one|for one|for a start|for starters|first up|first off|first thing|before all else|before anything else|in the first place|initially|begin with this:|first question:|first task:|let's begin:|to begin|number one:|step one:|the first one:|first things first:"
)
GREETINGS = _split(
    "hello|hey|hello there|hi there|hey there|good morning|good evening|good afternoon|good day|dear assistant|dear all|greetings|morning|evening|howdy|hi all|hey you|hello friend|yo|hiya|hi again|hello everyone|welcome back|excuse me|sorry to bother you|sorry|ok|okay|so|well|right|alright|please help|help|quick help needed|hey can you help?"
    "|can you help me?|could you help?|hope you are well.|I hope you are fine.|I need your help.|I need some help here.|it's me again."
)
INTRO_COUNTS = _split("two|three|a few|some|several|a couple of|a number of|many|a handful of|four|multiple|various|2|3|a pair of|a bunch of")
INTRO_NOUNS = _split("questions|tasks|requests|problems|exercises|little questions|quick questions|short questions|small tasks|things to do|jobs|points|items|homework questions|quiz questions|queries|quick ones|easy ones|riddles|assignments|to-dos")
INTROS = _split(
    "please do the following:|answer these questions:|I have {count} {nouns}.|I have {count} {nouns} for you:|{count} {nouns}:|{count} {nouns}.|here are {count} {nouns}:|here are {count} {nouns}.|I've got {count} {nouns}:|I need answers to {count} {nouns}.|I need help with {count} {nouns}."
    "|tell me this:|can you help me with these?|can you do these for me?|questions:|tasks:|my list:|my {nouns}:|the {nouns}:|here is what I need:|this is what I need:|what I need:|what I want to know:|please answer:|do this for me:|do these:|solve these:|for homework:|for school:|several things:|please work through these:"
    "|I have these {nouns}:|could you answer the following?|split this into tasks:|could you do {count} {nouns} for me?|let me ask {count} {nouns}.|let me ask you {count} {nouns}:|help me with {count} {nouns}:|please help me with the following.|my {noun} gave me {count} {nouns}.|our homework has {count} {nouns}.|I am stuck on {count} {nouns}."
    "|answer all of them:|answer each one:|one by one, please:|answer in order:|in this order:|all of these please:|a quick list:|todo:|to do:|todo list:|to-do:|quiz time!|test questions:|exam practice.|let's go:|okay, listen:|listen:|so:|I want to know {count} things.|I want to know a lot today.|there are {count} things I need.|there are {count} {nouns} left:"
    "|I wonder about {count} things:|this is a {noun} quiz.|we are preparing for an exam.|I'm doing my homework.|I am planning a trip to {thing}.|my son has a test tomorrow.|I'm curious about {topic}.|we talked about {topic}.|just a few things:|nothing hard:|it's about {topic}.|please take your time.|go through the list:|work on this:|process these:|assistant:"
)
CLOSERS = _split(
    "Thanks!|Thanks.|Thank you!|Thank you.|Thanks a lot!|Thanks a lot.|Thank you very much.|Many thanks!|Many thanks.|Cheers!|Cheers.|Thanks in advance!|Thanks in advance.|Thank you so much!|thanks|thx|ty|thank you|Please.|Please!|Please help.|That's all.|That is all.|That's it.|That would be all.|Nothing else.|I'd be grateful."
    "|Much appreciated.|Take your time.|No rush.|I'm in a hurry.|Be quick.|Be brief, please.|Just the answers.|Just the answers, please.|Short answers please.|Answer all of them.|Please answer both.|Bye!|Have a nice day!|Best wishes.|Good luck!|Hope you can help.|Let me know.|Kind regards, {person}|All the best.|It's for school.|I need it today.|These are for my homework."
    "|Thanks for your help!|You're the best!|Great, thanks!|Done.|I hope that is clear.|Please number the answers.|One line each, please.|Any help is welcome.|See you."
)
# Between two tasks of one sentence.
JOINTS = _split(
    " and |, and |, | and then |, then |, and then | and also |, and also |; |; |; also |; also, |, also |, plus | plus | then | and finally |, and finally | as well as |, as well as |; then |; then, |; and | ; |, after that |, after that, | and after that |, and after that | & | and next |, next |, and next | and, | and please |, and please"
    " |; next, |; plus |; finally, |; besides |; besides, |, besides, |, and besides |, and second, |, second, |, secondly |, and secondly, |; second, |, and afterwards |, afterwards | and afterwards |, followed by |, oh and |, oh and also |, and while you're at it, |, and by the way |, by the way, |, and furthermore |; furthermore |, moreover |; moreover, |, in addition |; in addition, "
    "|, and in addition | and in addition |, and once that is done, |, once done |, and when done |; when done, |, and separately |; separately, |, and one more thing, |; one more thing: |; another thing: |, another question, |, not to forget |, but also |, yet also |, and too | and secondly |, and again |; again, | , and | , then | ; and then |, and maybe also "
    "|, subsequently |, and subsequently | and subsequently |, later |, and later | and later | & then | & also |, & | + |; and also | and at the same time |, and at the same time |, meanwhile |, thereafter | and thereafter |, and beyond that | and beyond that | and apart from that |, and apart from that |, and besides that | and besides that |, and along with that |, and together with that, | together with | along with | and likewise |, likewise "
)
SEPARATORS = ("|", "||", *_split(" / | // | - | -- | — | – | ... | > | => | -> | & | + | ~ | ;; | :: | .. | and | • | · | then | next | also | plus | & then |, |; |,"))
MARKS = _split(
    "{i}. |{i}) |({i}) |{a}) |({a}) |{a}. |{A}. |{A}) |- |• |– |— |Q{i}: |Q{i}. |{i} - |{i}- |{i}.) |Task {i}: |task {i}: |Question {i}: |question {i}. |Q: |[{i}] |{i}/ |Part {i}: |part {a}) |{r}) |{r}. |({r}) |{R}. |> |+ |-> |=> |~ |· |Step {i}: |step {i}. |No. {i}: |nr {i}: |Item {i}. |Exercise {i}: |Problem {i}: |({A}) |{A}: |{a}: |{i}. - |T{i}: |Q{i} |{i}> |{i}_ |o |> {i}. |[ ] |- [ ] |{W}: |{W}. |{w}: |{W}) |{O}: |{O}, |{o}: |{O} question: |{o} task: |{O} - "
)

# One task with commas in it that look like joints: an order and its question, a remark and its question, an aside, a choice.
ASIDES = _split(
    "divide {n} by {m}, how much is it?|split {n} {goods} among {m} people, how many does each get?|take {n} from {m}, what is left?|add {n} to {m}, what do you get?|share {n} into {m} equal heaps, how large is each?|please halve {n}, what remains?|put {n} and {m} together, how many is that?"
    "|cut {n} {unit} into {m} pieces, how long is each?|count from {n} to {m}, how many numbers is that?|spell {word}, what is the {ord} letter?|think of {thing}, which {noun} does it belong to?|look at {thing}, what is its {attr}?|imagine {n} {goods}, how many pairs are there?|start at {n}, go up by {m}, where are you?"
    "|to which {noun}, I mean which {noun}, does {thing} belong?|in which {noun}, roughly, is {thing}?|what is, by definition, {thing}?|which {noun}, if any, {verb} {thing}?|what {noun}, meaning {noun}, has {thing}?|how many {plural}, in total, does {thing} have?|the {attr} of {thing}, so the {attr}, is what?|what would you call {thing}, a {noun}, a {noun} or neither?"
    "|is {thing} a {noun}, a {noun} or a {noun}?|is {thing} in {topic}, in {thing} or elsewhere?|does {thing} have {n} {plural}, yes or no?|check if {thing} is a {noun}, a {noun} or a {noun}.|say if {thing} is {adj} or {adj}.|what is {thing}: a {noun} or a {noun}?|give the {noun} that {thing} uses as its {attr}."
    "|{word}, what is it in {lang}?|{thing}, which {noun} is it in?|a {noun} starts on {thing} and lasts {n} {unit}, when is it over?|someone gave me {n} {unit}, what is that in {unit}?|the label reads {word}, what is in it?|a stranger cried {word}, what does it mean?|a stone shows {word}, which number is that?"
    "|I'm flying to {thing}, what {noun} should I bring?|I met someone from {thing}, what language do they speak?|if someone lives in {thing}, what is their {attr}?|if I travel to {thing} what {attr} do I need?|if we want to see {thing}, where must we go?"
    "|under those conditions, what is {thing}?|in the {noun} table, which number does {thing} have?|in {thing} people pay with which {noun}?|of {thing} and {thing}, which is {adj}?"
    "|how does one say {word} where they speak {lang}?|how was {thing} called in the year {n}, in {lang}?|please show me {word} the other way round.|I need the {attr} by {thing}, please.|we want {n} {unit} as {unit}.|{thing} sits next to which {noun}?|{word} closes with which letter?"
    "|the {noun} we call {word} has how many {plural}?|taking {n} from {m} leaves what?|a {noun} holds how many {plural}?|{n} over {m} comes to what?|{word} stands for what in {lang}?|which {noun} is {thing} the {attr} of?|I wonder in how many {plural} {thing} ends.|please note the {noun} that goes with {thing}."
)
TAILS = _split(", please|, please|, thanks| for me| for me, please| if you can|, if you can|, if possible| please| now|, roughly|, in your own words| as well| too| exactly")
