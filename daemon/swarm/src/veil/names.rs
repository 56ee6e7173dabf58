//! What looks like the name of a person, and names that nobody in particular has.

/// Given names that are common somewhere, lower case. Names that are words, months or places as well are left out, or a question about
/// those would be changed.
const GIVEN: &str = " aaron abdul abigail ada adam aditya adrian agnes ahmed aisha alan albert alejandro alessandro alexander alexandra alexei \
alfred ali alice alicia alina amanda amelia amir amit amy ana anastasia andrea andreas andrew angela anita anjali ann anna anne annika anthony \
antonio anton arjun arthur astrid aylin barbara beatrice ben benedict benjamin bernard bianca bjorn bob brandon brian bruno camila carla carlos carmen \
carol caroline catherine cecilia charles charlotte chen chiara chloe christian christina christine christopher claire clara claudia daniel daniela \
david deborah deepak dennis diana diego dimitri dmitri dominik donald dorothy eduardo edward elena eleanor elias elif elisabeth elizabeth ella ellen \
emil emilia emily emma eric erik esther ethan eva evelyn fatima felix fernando finn fiona florian francesca francesco francis francisco frank franz \
frederick gabriel gabriela george gerald gerard gianni giovanni giulia greta gustav hannah hans harold harry hassan heidi heinrich helen helena henrik \
henry hiroshi hugo ibrahim ines ingrid irene irina isaac isabel isabella ivan jack jacob jakob james jan jane janet jason javier jean jeffrey jennifer \
jens jeremy jessica joan joana joanna johan johanna johannes john jonas jonathan jose josef joseph joshua juan judith julia julian juliana julie \
kareem karen karin karl karolina kate katharina katherine kathleen keith kenji kevin khalid kim klaus kristina kumar kurt larissa lars laura lea leila \
leo leon leonardo liam lina linda linus lisa louis louise luca lucas lucia ludwig luis luisa lukas maja manuel marco marcus margaret maria marie marina \
mario marion mark marko marta martha martin martina mary mateo matteo matthew matthias maurice max maximilian megan mehmet mei melanie melissa michael \
michelle miguel mikhail mila mohamed mohammed monica monika moritz muhammad nadia nancy natalia natalie nathan neha nicholas nicole niels nikhil nikolai \
nina noah nora oliver olivia olga omar oscar otto pablo pamela patricia patrick paul paula pavel pedro peter petra philip pierre pieter priya rachel \
rafael rahul ralph ravi raymond rebecca ricardo richard robert roberto roger roland ronald rosa ruth ryan salma samantha samuel sandra sanjay sara sarah \
sebastian sergei shirley silvia simon sofia sophia sophie stefan stefanie stephanie stephen steven sunil susan susanne sven svetlana takashi tamara \
tanja tatiana teresa theodor theresa thomas timothy tobias tomas ulrich ursula valentina vanessa vera veronica victor victoria viktor vikram vincent \
vladimir walter wei werner william wolfgang xavier yasmin yuki yusuf yvonne zainab zoe ";

/// Before a name.
const TITLES: &str = " mr mrs ms miss dr prof professor sir madam herr frau señor señora ";
/// "my boss Ada": whoever has one of these in front of a capital letter is named so.
const RELATIONS: &str = " boss colleague friend neighbour neighbor sister brother mother father mum mom dad son daughter wife husband partner uncle aunt \
cousin nephew niece teacher doctor landlord tenant client customer manager assistant patient student nurse lawyer girlfriend boyfriend grandmother grandfather \
named called ";
/// Capitals that end a name.
const NO_SURNAMES: &str = " i i'm i'll i've i'd mr mrs ms dr monday tuesday wednesday thursday friday saturday sunday january february march april may june july \
august september october november december please thanks and or but the a an in on at is was has have will ";

/// Names that suit anybody; none is in [`GIVEN`].
const OTHER_GIVEN: [&str; 16] = [
    "Robin", "Alex", "Sam", "Jamie", "Taylor", "Morgan", "Casey", "Riley", "Quinn", "Avery", "Rowan", "Kai",
    "Sasha", "Noor", "Toni", "Ariel",
];
const OTHER_FAMILY: [&str; 16] = [
    "Hale", "Moss", "Lind", "Vale", "Stone", "Brook", "Thorn", "Reed", "Marsh", "Frost", "Wells", "Holt",
    "Lake", "Ridge", "Birch", "Dale",
];

fn has(list: &str, word: &str) -> bool {
    let word = word.to_lowercase();
    !word.contains(' ') && list.contains(&format!(" {word} "))
}

fn is_capital(word: &str) -> bool {
    word.chars().next().is_some_and(char::is_uppercase) && word.chars().nth(1).is_some_and(char::is_lowercase)
}

/// Whether this is a common given name.
pub(super) fn is_given(word: &str) -> bool {
    has(GIVEN, word)
}

/// How many of the words from the first on are a name; each has the byte where it begins. `before` is the word before them.
pub(super) fn length(text: &str, words: &[(&str, usize)], before: Option<(&str, usize)>) -> usize {
    let Some((first, at)) = words.first() else { return 0 };
    if !is_capital(first) || has(NO_SURNAMES, first) {
        return 0;
    }
    let beside = |(word, start): (&str, usize), next: usize| {
        let gap = text.get(start + word.len()..next).unwrap_or("-");
        gap == " " || gap == ". " && has(TITLES, word)
    };
    let is_introduced = before
        .is_some_and(|before| beside(before, *at) && (has(TITLES, before.0) || has(RELATIONS, before.0)));
    if !(is_given(first) || is_introduced) || has(TITLES, first) {
        return 0;
    }
    let mut length = 1;
    while let Some((next, start)) = words.get(length) {
        if length == 4 || !is_capital(next) || has(NO_SURNAMES, next) || !beside(words[length - 1], *start) {
            break;
        }
        length += 1;
    }
    length
}

/// The `turn`th name that nobody in particular has.
pub(super) fn other(is_given: bool, turn: usize) -> String {
    let list = if is_given { &OTHER_GIVEN } else { &OTHER_FAMILY };
    let name = list[turn % list.len()];
    match turn / list.len() {
        0 => name.to_owned(),
        round => format!("{name}{}", round + 1),
    }
}
