//! What an expert must be, whatever its score: the asker's conditions.

use crate::capability::{Card, Status};

/// Items that each list of conditions may have.
const ITEMS_MAX: usize = 16;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 128;
/// Hexadecimal digits of a model's hash that are enough to name it.
const HASH_DIGITS_MIN: usize = 8;

/// Conditions; the default one has none.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The card's id, or the first eight or more hexadecimal digits of the model file's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Abilities that the card must list, all of them.
    pub abilities: Vec<String>,
    /// Languages (BCP 47) that the card must list, all of them; `en` is met by `en-GB`.
    pub languages: Vec<String>,
    /// Tokens of context, prompt and answer together, at the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Trust at the least, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<f32>,
    /// Milliseconds to the first token at the most, as this node has seen the expert; one not seen yet passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
    /// Price of a generated token at the most, millionths of a credit; without one, nothing may cost anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_micro: Option<u64>,
    /// Only experts on this node: nothing of the question leaves it.
    pub local: bool,
    /// What may leave this node goes out [veiled](crate::veil) and padded, no other node sees every task of the question, and none that does not
    /// answer sees anything of it.
    pub private: bool,
}

/// What of an expert the conditions look at.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// Its card.
    pub card: &'a Card,
    /// Its newest status.
    pub status: &'a Status,
    /// Trust in its node, 0 to 1.
    pub trust: f32,
    /// Milliseconds to its first token, if seen.
    pub latency_ms: Option<f32>,
    /// Whether it runs on this node.
    pub is_local: bool,
}

impl Filter {
    /// Whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The field that is out of bounds, and what it takes.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let is_name =
            |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if self.model.as_ref().is_some_and(|model| !is_name(model)) {
            return Err(("model", "the id of an expert, or eight digits of its model's SHA-256"));
        }
        for (field, list) in [("abilities", &self.abilities), ("languages", &self.languages)] {
            if list.len() > ITEMS_MAX || !list.iter().all(|item| is_name(item)) {
                return Err((field, "at most 16 names"));
            }
        }
        if self.trust.is_some_and(|trust| !(0.0..=1.0).contains(&trust)) {
            return Err(("trust", "0 to 1"));
        }
        Ok(())
    }

    /// Both together: of each condition the stricter. Errors, with the field and why, where no expert can meet both.
    pub fn and(mut self, other: &Self) -> Result<Self, (&'static str, &'static str)> {
        fn both<T: PartialOrd + Copy>(a: Option<T>, b: Option<T>, first: impl Fn(T, T) -> bool) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(if first(a, b) { a } else { b }),
                (a, b) => a.or(b),
            }
        }
        if let (Some(own), Some(more)) = (&self.model, &other.model)
            && own != more
        {
            return Err(("model", "this node's settings allow another one only"));
        }
        self.model = self.model.or_else(|| other.model.clone());
        for (own, more) in [(&mut self.abilities, &other.abilities), (&mut self.languages, &other.languages)]
        {
            own.extend(more.iter().cloned());
            own.sort();
            own.dedup();
        }
        self.context_tokens = both(self.context_tokens, other.context_tokens, |a, b| a > b);
        self.trust = both(self.trust, other.trust, |a, b| a > b);
        self.latency_ms = both(self.latency_ms, other.latency_ms, |a, b| a < b);
        self.price_micro = both(self.price_micro, other.price_micro, |a, b| a < b);
        self.local |= other.local;
        self.private |= other.private;
        Ok(self)
    }

    /// Those that also hold for experts who see the question without answering it, planners say.
    pub fn for_helpers(&self) -> Self {
        // Helpers see the whole.
        let local = self.local || self.private;
        Self { trust: self.trust, price_micro: self.price_micro, local, ..Self::default() }
    }

    /// Whether some expert with this card may meet the conditions.
    pub fn admits(&self, card: &Card) -> bool {
        self.unmet_by(card).is_none()
    }

    fn unmet_by(&self, card: &Card) -> Option<&'static str> {
        let speaks = |wanted: &String| card.languages.iter().any(|has| is_language(has, wanted));
        if self.model.as_ref().is_some_and(|model| !is_model(card, model)) {
            Some("model")
        } else if !self.abilities.iter().all(|ability| card.has_ability(ability)) {
            Some("abilities")
        } else if !self.languages.iter().all(speaks) {
            Some("languages")
        } else if self.context_tokens.is_some_and(|least| card.model.context_tokens < least) {
            Some("context_tokens")
        } else {
            None
        }
    }

    /// The condition that the expert does not meet, as people say it; None if it meets all.
    pub fn unmet(&self, expert: &Traits<'_>) -> Option<&'static str> {
        let status = expert.status;
        if self.local && !expert.is_local {
            Some("local")
        } else if let Some(unmet) = self.unmet_by(expert.card) {
            Some(unmet)
        } else if self.trust.is_some_and(|least| expert.trust.is_nan() || expert.trust < least) {
            Some("trust")
        } else if !expert.is_local && status.price_micro > self.price_micro.unwrap_or(0) {
            Some("price_micro")
        } else if self.latency_ms.is_some_and(|most| expert.latency_ms.is_some_and(|ms| ms > most as f32)) {
            Some("latency_ms")
        } else {
            None
        }
    }
}

fn is_model(card: &Card, wanted: &str) -> bool {
    let hash = card.model.sha256.to_string();
    card.id == wanted || (wanted.len() >= HASH_DIGITS_MIN && hash.starts_with(&wanted.to_ascii_lowercase()))
}

/// RFC 4647, basic filtering: a range is met by itself and by what it begins, subtag by subtag.
fn is_language(has: &str, wanted: &str) -> bool {
    let (has, wanted) = (has.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    has.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::fixture;

    fn card() -> Card {
        Card { id: "geography".into(), languages: vec!["en-GB".into()], ..fixture::card() }
    }

    fn status() -> Status {
        Status { price_micro: 5, ..fixture::status(1, 2) }
    }

    #[test]
    fn each_condition_is_named_where_it_is_not_met() {
        let (card, status) = (card(), status());
        let expert =
            Traits { card: &card, status: &status, trust: 0.5, latency_ms: Some(80.0), is_local: false };
        let none = Filter { price_micro: Some(5), ..Filter::default() };
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let cases = [
            (none.clone(), None),
            (Filter { model: Some("geography".into()), ..none.clone() }, None),
            (Filter { model: Some("ABABABAB".into()), ..none.clone() }, None),
            (Filter { model: Some("abab".into()), ..none.clone() }, Some("model")),
            (Filter { abilities: names(&["chat", "json"]), ..none.clone() }, Some("abilities")),
            (Filter { languages: names(&["EN"]), ..none.clone() }, None),
            (Filter { languages: names(&["en-GB", "fr"]), ..none.clone() }, Some("languages")),
            (Filter { languages: names(&["e"]), ..none.clone() }, Some("languages")),
            (Filter { context_tokens: Some(513), ..none.clone() }, Some("context_tokens")),
            (Filter { trust: Some(0.6), ..none.clone() }, Some("trust")),
            (Filter { price_micro: Some(4), ..none.clone() }, Some("price_micro")),
            (Filter { latency_ms: Some(79), ..none.clone() }, Some("latency_ms")),
            (Filter { latency_ms: Some(80), ..none.clone() }, None),
            (Filter { local: true, ..none.clone() }, Some("local")),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter.unmet(&expert), expected, "{filter:?}");
            assert_eq!(filter.check(), Ok(()));
        }
    }

    #[test]
    fn of_two_the_stricter_holds_and_bounds_are_checked() {
        let a = Filter {
            latency_ms: Some(9),
            context_tokens: Some(1),
            abilities: vec!["x".into()],
            ..Filter::default()
        };
        let b = Filter {
            latency_ms: Some(5),
            trust: Some(0.5),
            abilities: vec!["x".into()],
            local: true,
            ..Filter::default()
        };
        let both = a.and(&b).unwrap();
        assert_eq!(
            (both.latency_ms, both.context_tokens, both.trust, both.local),
            (Some(5), Some(1), Some(0.5), true)
        );
        assert_eq!(both.abilities, ["x"]);
        let model = |id: &str| Filter { model: Some(id.into()), ..Filter::default() };
        assert_eq!(model("a").and(&model("a")).map(|both| both.model), Ok(Some("a".into())));
        assert_eq!(model("a").and(&model("b")).map_err(|(field, _)| field), Err("model"));
        let nan = Filter { trust: Some(f32::NAN), ..Filter::default() };
        assert_eq!(nan.check().map_err(|(field, _)| field), Err("trust"));
    }
}
