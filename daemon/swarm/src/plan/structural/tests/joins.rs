//! Ways of joining that people use, and what only looks like one.

use super::{Faults, tasks};

#[test]
fn ways_of_joining_are_told_by_their_form() {
    let cases: &[(&str, &[&str])] = &[
        ("what is 3 + 4 / spell lamp backwards", &["what is 3 + 4?", "spell lamp backwards."]),
        (
            "how many days has May \u{2014} tell me the symbol for lead",
            &["how many days has May?", "tell me the symbol for lead."],
        ),
        (
            "Seven in binary. On top of that, the plural of goose.",
            &["Seven in binary.", "The plural of goose?"],
        ),
        (
            "What is 3 + 4? Once that is done, spell lamp backwards.",
            &["What is 3 + 4?", "Spell lamp backwards."],
        ),
        ("Add 5 and 9. Another one: is 91 prime?", &["Add 5 and 9.", "Is 91 prime?"]),
        ("Question one: what is 3+4? Question two: is 91 prime?", &["What is 3+4?", "Is 91 prime?"]),
        ("Q1 how many grams is 4 kg\nQ2 12 in binary", &["How many grams is 4 kg?", "12 in binary?"]),
        ("A. Spell lamp.\nB. What is 3 + 4?", &["Spell lamp.", "What is 3 + 4?"]),
        ("i) spell lamp ii) what is 3 + 4", &["spell lamp.", "what is 3 + 4?"]),
        ("1- spell lamp\n2- what is 3 + 4", &["spell lamp.", "what is 3 + 4?"]),
        (
            "Firstly add 5 and 9, secondly is 91 prime, and thirdly spell lamp",
            &["Add 5 and 9.", "Is 91 prime?", "Spell lamp."],
        ),
        (
            "Can you tell me what XIV stands for and how to say dog in German?",
            &["Can you tell me what XIV stands for.", "How to say dog in German?"],
        ),
        ("capital of norway, symbol for tin, 8*9", &["capital of norway", "symbol for tin?", "8*9?"]),
        ("what's 8*7?what's the capital of Mali?", &["what's 8*7?", "what's the capital of Mali?"]),
        (
            "is 91 prime? thanks! how many legs has a spider?",
            &["is 91 prime?", "how many legs has a spider?"],
        ),
        (
            "my homework asks for 12 times 9 / add 5 and 6",
            &["my homework asks for 12 times 9?", "add 5 and 6."],
        ),
    ];
    let mut faults = Faults::default();
    for (prompt, expected) in cases {
        faults.compare(prompt, tasks(prompt), *expected);
    }
}

#[test]
fn what_looks_like_a_joint_stays_whole() {
    let mut faults = Faults::default();
    for prompt in [
        "A rectangle is 4 m long and 3 m wide - what is its area?",
        "what is 12 / 4 - 2",
        "Apart from Rome, which Italian city has over a million people?",
        "What is 8 times 9? Just give the number.",
        "Is it Monday today? If so, what day is it in 3 days?",
        "Translate the sentence: I am hungry and what is for dinner?",
        "Tell me what a noun is and how nouns are used.",
        "Can you tell me what the rules of chess are and how the pieces move?",
        "Which country is between Spain and Italy and has Paris as its capital?",
        "My number is 5. Add 3 to it. What do you get?",
        "The sum of two numbers is 12. One of them is 5. What is the other?",
        "Multiply 3 by 4, then subtract 5: what is the result?",
        "First, take the train to Rome. Second, change to the bus. How many changes is that?",
        "One more thing I always forget is how many pounds are in a stone.",
    ] {
        faults.compare(prompt, tasks(prompt), [prompt]);
    }
}
