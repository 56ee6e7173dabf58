//! The grammars are compiled and walked by the library that experts use.

use super::*;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use std::sync::Arc;

/// Every byte is a token; the last token ends.
const END: u32 = 256;

/// Whether `text` is a whole answer under `grammar`.
fn takes(grammar: &str, text: &str) -> bool {
    let mut pieces: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte]).collect();
    pieces[255] = Vec::new();
    pieces.push([&[TokTrie::SPECIAL_TOKEN_MARKER], &b"<end>"[..]].concat());
    let info = TokRxInfo::new(257, END);
    let environment: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &pieces)));
    let factory = ParserFactory::new_simple(&environment).unwrap();
    let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned())));
    assert_eq!(matcher.get_error(), None, "{grammar}");
    for byte in text.bytes() {
        if matcher.is_stopped() || !matcher.compute_mask().unwrap().is_allowed(u32::from(byte)) {
            return false;
        }
        matcher.consume_token(u32::from(byte)).unwrap();
    }
    matcher.is_stopped() || matcher.compute_mask().unwrap().is_allowed(END)
}

fn offered(choice: Choice, parallel: bool) -> Offered {
    let function = |name: &str, parameters| Function {
        name: name.to_owned(),
        description: Some("Does it".to_owned()),
        parameters,
    };
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let functions = vec![function("weather", Some(city)), function("now", None)];
    Offered::new(functions, choice, parallel).unwrap().unwrap()
}

const WEATHER: &str = r#"<tool_call>{"name":"weather","arguments":{"city":"</tool_call>"}}</tool_call>"#;
const NOW: &str = r#"<tool_call>{"name":"now","arguments":{}}</tool_call>"#;

#[test]
fn auto_takes_text_calls_and_text_before_calls() {
    let grammar = offered(Choice::Auto, true).grammar(None).unwrap();
    for good in ["", "Hello.", "a <b> <tool_", WEATHER, &format!("{NOW}{WEATHER}"), &format!("So: {NOW}")] {
        assert!(takes(&grammar, good), "{good}");
    }
    for bad in ["<tool_call>", "<tool_call>x", &format!("{NOW} and more"), &NOW.replace("now", "then")] {
        assert!(!takes(&grammar, bad), "{bad}");
    }
}

#[test]
fn required_takes_calls_alone_and_a_name_that_one() {
    let grammar = offered(Choice::Required, true).grammar(None).unwrap();
    assert!(takes(&grammar, WEATHER) && takes(&grammar, &format!("{NOW}{NOW}")));
    assert!(!takes(&grammar, "") && !takes(&grammar, &format!("So: {NOW}")));
    let single = offered(Choice::Required, false).grammar(None).unwrap();
    assert!(takes(&single, NOW) && !takes(&single, &format!("{NOW}{NOW}")));
    let named = offered(Choice::Named("now".to_owned()), true).grammar(None).unwrap();
    assert!(takes(&named, NOW) && !takes(&named, WEATHER));
}

#[test]
fn arguments_are_those_of_the_schema_and_no_others() {
    let grammar = offered(Choice::Required, true).grammar(None).unwrap();
    for bad in [r#"{}"#, r#"{"city":7}"#, r#"{"city":"x","more":1}"#, r#"{ "city":"x"}"#] {
        let call = format!("<tool_call>{{\"name\":\"weather\",\"arguments\":{bad}}}</tool_call>");
        assert!(!takes(&grammar, &call), "{bad}");
    }
}

#[test]
fn with_a_format_what_is_no_call_is_json() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"],
        "additionalProperties": false});
    let grammar = offered(Choice::Auto, true).grammar(Some(&schema)).unwrap();
    assert!(takes(&grammar, r#"{"a":true}"#) && takes(&grammar, NOW) && !takes(&grammar, "Hello."));
    let grammar = json_grammar(&schema).unwrap();
    assert!(takes(&grammar, r#"{"a":true}"#) && !takes(&grammar, NOW));
}

#[test]
fn bad_tools_are_named() {
    let function = |name: &str| Function { name: name.to_owned(), description: None, parameters: None };
    let field = |functions, choice| Offered::new(functions, choice, true).unwrap_err().field.unwrap();
    assert_eq!(field(vec![function("a b")], Choice::Auto), "tools[0]");
    assert_eq!(field(vec![function("a"), function("a")], Choice::Auto), "tools[1]");
    assert_eq!(field(vec![function("a")], Choice::Named("b".to_owned())), "tool_choice");
    assert_eq!(field(vec![], Choice::Required), "tool_choice");
    assert!(Offered::new(vec![function("a")], Choice::None, true).unwrap().is_none());
}
