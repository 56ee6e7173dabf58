//! Whole prompts through the planner.

mod anything;
mod joins;

use super::*;

fn tasks(prompt: &str) -> Vec<String> {
    structural(prompt).tasks().map(|t| t.text.clone()).collect()
}

/// Collects every fault of a table, so that one run shows them all.
#[derive(Default)]
struct Faults(String);

impl Faults {
    fn compare<T: PartialEq<U> + std::fmt::Debug, U: std::fmt::Debug>(
        &mut self,
        prompt: &str,
        found: T,
        expected: U,
    ) {
        if found != expected {
            self.0.push_str(&format!("{prompt}\n    found {found:?}\n expected {expected:?}\n"));
        }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "\n{}", self.0);
    }
}

fn edges(prompt: &str) -> Vec<(u32, u32)> {
    structural(prompt).edges()
}

#[test]
fn one_question_stays_one_task() {
    let mut faults = Faults::default();
    for prompt in [
        "What is the capital of France?",
        "What is the sum of 12 and 30?",
        "add 3 and 4",
        "What is the difference between a mitosis and meiosis?",
        "What is the capital of France and of Italy?",
        "Explain how photosynthesis works and why plants need it.",
        "What is a primary key and how is it used?",
        "What is inflation? Why does it matter?",
        "Ms. Perez drove 40 miles in 5 days. She drove the same number each day. How many miles did she drive a day?",
        "A train leaves at 9. Also, it is slow. How long does it take to cover 100 km at 50 km/h?",
        "John has 3 apples. Then, he buys 4 more. How many apples does he have now?",
        "Let x = 8. What is x>>1 in Python 3?",
        "Estimate 32 x 68. The product is between what numbers?",
        "Is 91 prime? Explain your answer.",
        "Do you agree? Why or why not?",
        "Solve 2x + 3 = 7. Show your work.",
        "Your boss asks you to lie. Which would you do?",
        "Which of the following is a noun?\na) run\nb) dog\nc) quickly",
        "Which of these would you ask first?\na) What is your name?\nb) Where do you live?",
        "Translate the following sentences into French:\n1. Where is the station?\n2. How are you?",
        "What does this print?\n\n```python\nprint('a? b. What is c?')\nx = 1; y = 2\n```",
        "Who said \"What is truth? Tell me, and what is beauty?\"",
        "Summarise: \"The cat sat. Why? Nobody knows. What is a cat?\"",
        "Read this passage. The river rose in May. The village moved uphill. What happened to the village?",
        "Consider the following numbers.\n   ° Binary 1100\n   ° Decimal 11\n Which of the following lists them in order?",
        "¿Cuál es la capital de Francia? ¿Cuánto es dos más dos?",
        "Was ist die Hauptstadt von Peru und wie viel ist 3 mal 4?",
        "法国的首都是哪里?二加二等于几?",
        "Write a function that takes a list and returns its sum, and explain how it works.",
        "Hello! What is the capital of Peru?",
        "If a shirt costs $20 and is reduced by 15%, what is the new price?",
        "Would Shaggy and the Redenbacher popcorn founder both raise a hand during a roll call?",
        "Find the mean and the median of 3, 5 and 9.",
        "Compare France and Spain in area, population and climate.",
        "what is rock and roll",
        "Write a story about a dog, make it funny and keep it short.",
        "When the following equation is balanced, which of the following is true?\n__ H2 + __ O2 = __ H2O (l)",
        "Define ephemeral. Use it in a sentence.",
    ] {
        faults.compare(prompt, tasks(prompt), [prompt]);
    }
}

#[test]
fn several_questions_become_several_tasks() {
    let cases: &[(&str, &[&str])] = &[
        (
            "Who wrote Hamlet, and when was it published?",
            &["Who wrote Hamlet?", "When was Hamlet published?"],
        ),
        (
            "How tall is the Eiffel Tower? When was it built?",
            &["How tall is the Eiffel Tower?", "When was the Eiffel Tower built?"],
        ),
        (
            "What is the capital of France? What is 12 * 12?",
            &["What is the capital of France?", "What is 12 * 12?"],
        ),
        (
            "how do you say dog in spanish, and what's 17 times 4?",
            &["how do you say dog in spanish?", "what's 17 times 4?"],
        ),
        (
            "Convert 45 to Roman numerals. Then tell me the chemical symbol for gold.",
            &["Convert 45 to Roman numerals.", "Tell me the chemical symbol for gold."],
        ),
        (
            "What is the capital of Peru and what is the symbol for iron?",
            &["What is the capital of Peru?", "What is the symbol for iron?"],
        ),
        (
            "What is the capital of Peru, how many days are in March, and what is 3 + 4?",
            &["What is the capital of Peru?", "How many days are in March?", "What is 3 + 4?"],
        ),
        (
            "Answer these:\n1. What is the capital of Peru?\n2. Convert 5 km to miles.\n3. Spell cat backwards.",
            &["What is the capital of Peru?", "Convert 5 km to miles.", "Spell cat backwards."],
        ),
        (
            "I have two questions. What is 3+4? And also, how many legs does a spider have?",
            &["What is 3+4?", "How many legs does a spider have?"],
        ),
        ("a) spell cat backwards\nb) what is 5 in binary", &["spell cat backwards.", "what is 5 in binary?"]),
        ("Please do: (1) spell cat (2) add 3 and 4", &["spell cat.", "add 3 and 4."]),
        ("what is 3+4; what is the capital of peru", &["what is 3+4?", "what is the capital of peru?"]),
        ("Next question: what is 3+4? Another question: what is 4+5?", &["What is 3+4?", "What is 4+5?"]),
        (
            "A ball falls from 20 m. How long does it fall? Also, Arrests may be made without a warrant. Which of \
             the following is not such a case?",
            &[
                "A ball falls from 20 m. How long does it fall?",
                "Arrests may be made without a warrant. Which of the following is not such a case?",
            ],
        ),
        (
            "what is the capital of france\nwhat is 12 times 12",
            &["what is the capital of france?", "what is 12 times 12?"],
        ),
        (
            "Translate cat into Spanish, convert 3 miles to km and tell me what day follows Friday.",
            &["Translate cat into Spanish.", "Convert 3 miles to km.", "Tell me what day follows Friday."],
        ),
        (
            "What's the symbol for potassium and the atomic number of neon?",
            &["What's the symbol for potassium?", "What's the atomic number of neon?"],
        ),
        (
            "i need to know the capital of kenya, 7 times 8, and the symbol for sodium",
            &["what is the capital of kenya?", "what is 7 times 8?", "what is the symbol for sodium?"],
        ),
        (
            "What is the sum of 4 and 5? And the capital of Peru?",
            &["What is the sum of 4 and 5?", "What is the capital of Peru?"],
        ),
        (
            "1) capital of Chile 2) 14 + 29 3) symbol for iron",
            &["capital of Chile", "14 + 29", "symbol for iron"],
        ),
        (
            "hi! could you convert 2 kg to grams? and what is the opposite of cold? thanks",
            &["could you convert 2 kg to grams?", "what is the opposite of cold?"],
        ),
        (
            "Translate 'house' to German; 12 + 30; the symbol for silver",
            &["Translate 'house' to German.", "12 + 30?", "The symbol for silver?"],
        ),
        ("Q1: What is 3+4?\nQ2: Who wrote Hamlet?", &["What is 3+4?", "Who wrote Hamlet?"]),
    ];
    let mut faults = Faults::default();
    for (prompt, expected) in cases {
        faults.compare(prompt, tasks(prompt), *expected);
        faults.compare(prompt, edges(prompt), []);
    }
}

#[test]
fn requests_are_told_apart_however_they_are_worded() {
    let cases: &[(&str, &[&str])] = &[
        (
            "1. 3 feet make how many inches?\n2. I need the sum of 8 and 31.\n3. My aunt wrote Apfel in German, what is that in English.",
            &[
                "3 feet make how many inches?",
                "I need the sum of 8 and 31.",
                "My aunt wrote Apfel in German, what is that in English.",
            ],
        ),
        (
            "- please repeat Lima three times\n- 20 dimes come to how many dollars\n- the symbol for lead",
            &["please repeat Lima three times.", "20 dimes come to how many dollars?", "the symbol for lead"],
        ),
        (
            "I need to know 9 times 6. And name the last month of the year.",
            &["I need to know 9 times 6.", "Name the last month of the year."],
        ),
        (
            "Name the first month of the year; I'd like 12 as a Roman numeral",
            &["Name the first month of the year.", "I'd like 12 as a Roman numeral."],
        ),
        (
            "How many days are in a week, and if I travel to Peru what money do I need?",
            &["How many days are in a week?", "If I travel to Peru what money do I need?"],
        ),
        (
            "Arrange lamp alphabetically and what's 90 divided by 6?",
            &["Arrange lamp alphabetically.", "What's 90 divided by 6?"],
        ),
        (
            "First, is Laos in Asia or Africa? Second, please sum up 4 and 9. Third, a course begins in May and lasts two months, in which month is it over.",
            &[
                "Is Laos in Asia or Africa?",
                "Please sum up 4 and 9.",
                "A course begins in May and lasts two months, in which month is it over.",
            ],
        ),
        (
            "Two questions: what is 2^5, and what do Finns call a cat?",
            &["what is 2^5?", "What do Finns call a cat?"],
        ),
        (
            "Tell me the plural of ox, then convert 2 feet to inches, and finally spell river backwards.",
            &["Tell me the plural of ox.", "Convert 2 feet to inches.", "Spell river backwards."],
        ),
        (
            "I'd love to know the capital of Mali. I'm also curious what 2 cubed is.",
            &["I'd love to know the capital of Mali.", "I'm also curious what 2 cubed is."],
        ),
        (
            "If it's Friday today, which day is it tomorrow, and how many feet make a yard?",
            &["If it's Friday today, which day is it tomorrow?", "How many feet make a yard?"],
        ),
        ("I need 40 pints as quarts, and is 21 odd?", &["I need 40 pints as quarts.", "Is 21 odd?"]),
        (
            "Chad lies on which continent? Could you help me say tree in Dutch?",
            &["Chad lies on which continent?", "Could you help me say tree in Dutch?"],
        ),
        (
            "Say which day follows Monday, and was 1996 a leap year?",
            &["Say which day follows Monday.", "Was 1996 a leap year?"],
        ),
        (
            "It is Sunday, tell me the weekday in four days. Which letters stand for tin?",
            &["It is Sunday, tell me the weekday in four days.", "Which letters stand for tin?"],
        ),
    ];
    let mut faults = Faults::default();
    for (prompt, expected) in cases {
        faults.compare(prompt, tasks(prompt), *expected);
        faults.compare(prompt, edges(prompt), []);
    }
}

#[test]
fn one_request_with_a_tail_or_a_story_stays_whole() {
    let mut faults = Faults::default();
    for prompt in [
        "Please share 40 apples among 8 children, how many is that?",
        "Please cut 60 metres into 4 parts, how long is one?",
        "I need the help of a plumber. Who should I call?",
        "The class has 12 girls and 9 boys. The total is what number?",
        "If it is July now, what was last month?",
        "The bag says NaCl, which substance is in it?",
        "I want to bake a cake. I have 3 eggs and 2 cups of flour. What do I need to buy?",
        "Say a man walks 3 miles and rests. How far did he walk?",
        "Which is larger, 5 quarts or 1 gallon?",
        "I need 3 lemons for a tart. How many lemons do I need for 5 tarts?",
        "Please review my essay. It has the wrong length in 3 places. What is missing?",
        "Can you explain what a closure is? Please give an example.",
        "Please add 3, 4 and 5 and tell me the result.",
        "I'd like to know the area of a circle with radius 5, please round to 2 decimals.",
        "What is the difference between what is said and what is meant?",
        "Could you explain the first law of motion to me? Please use short words.",
        "Is Rome bigger than Milan, and is Milan older than Rome?",
        "I want to know whether I should move. My flat costs 900 a month. What do you think?",
        "1. All dogs are animals.\n2. All animals breathe.\n3. Do dogs breathe?",
        "1. Red\n2. Blue\n3. Green\nWhich of these is a primary colour?",
        "Write a limerick about a snail and check that it scans.",
        "The salt dissolves in steps. Step 1. Water parts the ions. Step 2. Ions spread. Which step takes heat?",
        "What would you say if a friend asked you for money and was rude about it?",
    ] {
        faults.compare(prompt, tasks(prompt), [prompt]);
    }
}

#[test]
fn how_to_answer_is_no_task() {
    for manner in [
        "Round to one decimal.",
        "please round up",
        "Use British spelling.",
        "Please use short words.",
        "Answer in one word.",
        "Reply in French.",
        "Be brief, please.",
        "Answer with a single number.",
        "Use metric units.",
        "Please be precise.",
    ] {
        assert!(!stands_alone(manner), "{manner}");
    }
    for task in [
        "Round 3.14159 to two decimals.",
        "Use the quadratic formula on x^2 = 4.",
        "Answer the letter below.",
        "Answer with the capital of France.",
        "Round 17 to tens.",
        "Round it to the nearest ten.",
        "Reply to my landlord about the leak.",
    ] {
        assert!(stands_alone(task), "{task}");
    }
}

#[test]
fn results_are_handed_on() {
    type Case<'a> = (&'a str, &'a [&'a str], &'a [(u32, u32)]);
    let cases: &[Case<'_>] = &[
        (
            "What is the capital of France? Spell it backwards.",
            &["What is the capital of France?", "Spell {{1}} backwards."],
            &[(1, 2)],
        ),
        (
            "what's 12*12? turn the result into roman numerals",
            &["what's 12*12?", "turn {{1}} into roman numerals."],
            &[(1, 2)],
        ),
        (
            "Compute 12*12 and convert it to Roman numerals.",
            &["Compute 12*12.", "Convert {{1}} to Roman numerals."],
            &[(1, 2)],
        ),
        (
            "What is 3+4? What is 5+6? Multiply the two results.",
            &["What is 3+4?", "What is 5+6?", "Multiply {{1}} and {{2}}."],
            &[(1, 3), (2, 3)],
        ),
        (
            "What is the capital of Italy? Then count the letters in its name, and double that number.",
            &["What is the capital of Italy?", "Count the letters in {{1}}.", "Double {{2}}."],
            &[(1, 2), (2, 3)],
        ),
        (
            "What is the symbol for gold? Also, what is 3+4? Then add 5 to that.",
            &["What is the symbol for gold?", "What is 3+4?", "Add 5 to {{2}}."],
            &[(2, 3)],
        ),
        ("Who wrote Hamlet? When was he born?", &["Who wrote Hamlet?", "When was {{1}} born?"], &[(1, 2)]),
        (
            "What is the capital of Peru, spelled backwards?",
            &["What is the capital of Peru?", "Spell {{1}} backwards."],
            &[(1, 2)],
        ),
        (
            "1. Name the capital of Peru.\n2. Translate that word into French.",
            &["Name the capital of Peru.", "Translate {{1}} into French."],
            &[(1, 2)],
        ),
        (
            "Write a poem about rain, then list all the verbs in it. How long is the poem?",
            &["Write a poem about rain.", "List all the verbs in {{1}}.", "How long is the poem?"],
            &[(1, 2)],
        ),
        (
            "Draft a toast for Ann. Turn the toast into Welsh.",
            &["Draft a toast for Ann.", "Turn {{1}} into Welsh."],
            &[(1, 2)],
        ),
        ("Add up 4, 5 and 6. Is the sum even?", &["Add up 4, 5 and 6.", "Is {{1}} even?"], &[(1, 2)]),
        (
            "What is 5 * 5? What is 4 * 4? Subtract the second from the first.",
            &["What is 5 * 5?", "What is 4 * 4?", "Subtract {{2}} from {{1}}."],
            &[(1, 3), (2, 3)],
        ),
        (
            "Step 1: name the capital of Peru. Step 2: spell it backwards.",
            &["Name the capital of Peru.", "Spell {{1}} backwards."],
            &[(1, 2)],
        ),
        (
            "In which year did the Wall fall? How many years before 2020 was that?",
            &["In which year did the Wall fall?", "How many years before 2020 was {{1}}?"],
            &[(1, 2)],
        ),
    ];
    let mut faults = Faults::default();
    for (prompt, expected, dependencies) in cases {
        faults.compare(prompt, tasks(prompt), *expected);
        faults.compare(prompt, edges(prompt), *dependencies);
    }
}

#[test]
fn what_a_comment_in_code_asks_is_no_task() {
    for block in [
        "```sh\n# Convert 5 km to m.\necho hi\n```",
        "```js\n// What is the capital of France?\n```",
        "~~~\nWho was Plato?\n~~~",
    ] {
        let prompt = format!("What is 17 times 4?\n\n{block}\n");
        assert_eq!(tasks(&prompt), [prompt.trim()], "after what asks");
        assert_eq!(tasks(&format!("{block}\n\nWhat does this print?")).len(), 1, "before it");
        assert!(!stands_alone(block), "{block}");
    }
    assert_eq!(tasks("What does `x?` mean? What is 2 + 2?").len(), 2, "a word of code in a question");
}
