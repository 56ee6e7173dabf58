//! Templates in the manner of the families in circulation, written for these tests.

use super::*;

const LLAMA3: &str = "{%- set ns = namespace(out=bos_token) %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = \"\" %}
{%- endif %}
{{- ns.out }}
{%- if system_message %}
    {{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" + system_message + \"<|eot_id|>\" }}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}";

const GEMMA: &str = "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('No system turns') }}{% endif %}
{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Turns must alternate') }}{% endif %}
{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}";

const MISTRAL: &str = "{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message['role'] == 'user' %}
        {%- if loop.first and system_message is defined %}
            {{- '[INST] ' + system_message + '\\n\\n' + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- '[INST] ' + message['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'].split('</think>')[-1].lstrip('\\n') + eos_token }}
    {%- endif %}
{%- endfor %}";

fn talk(turns: &[(&str, &str)]) -> Vec<Message> {
    turns.iter().map(|(role, content)| Message { role: (*role).into(), content: (*content).into() }).collect()
}

fn render(source: Option<&str>, turns: &[(&str, &str)]) -> Result<String, String> {
    Template::new(source, "<s>".into(), "</s>".into())?.render(&talk(turns))
}

fn eval(expression: &str) -> String {
    render(Some(&format!("{{{{ {expression} }}}}")), &[("user", "x")]).unwrap()
}

#[test]
fn a_file_without_a_template_gets_chatml() {
    let out = render(None, &[("system", "Be brief."), ("user", " Hi ")]).unwrap();
    assert_eq!(
        out,
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn the_llama_3_manner() {
    let out =
        render(Some(LLAMA3), &[("system", " Sys "), ("user", "Hi"), ("assistant", "Yo"), ("user", "Bye")])
            .unwrap();
    let head = |role| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (system, user, assistant) = (head("system"), head("user"), head("assistant"));
    assert_eq!(
        out,
        format!(
            "<s>{system}Sys<|eot_id|>{user}Hi<|eot_id|>{assistant}Yo<|eot_id|>{user}Bye<|eot_id|>{assistant}"
        )
    );
}

#[test]
fn the_gemma_manner_takes_the_system_text_into_the_first_turn() {
    let out = render(Some(GEMMA), &[("user", "Hi"), ("assistant", "Yo"), ("user", "Bye")]).unwrap();
    let turns = "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nYo<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n";
    assert_eq!(out, format!("<s>{turns}<start_of_turn>model\n"));
    let out = render(Some(GEMMA), &[("system", "Be brief."), ("user", "Hi")]).unwrap();
    assert_eq!(out, "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n");
    let refused = render(Some(GEMMA), &[("user", "a"), ("user", "b")]).unwrap_err();
    assert!(refused.contains("Turns must alternate"), "{refused}");
}

#[test]
fn the_mistral_manner() {
    let out = render(
        Some(MISTRAL),
        &[("system", "S"), ("user", "a"), ("assistant", "<think>x</think>\nb"), ("user", "c")],
    )
    .unwrap();
    assert_eq!(out, "<s>[INST] S\n\na [/INST] b</s>[INST] c [/INST]");
}

#[test]
fn methods_of_python() {
    let table = [
        ("' ab '.strip() + '|'", "ab|"),
        ("'xxaxx'.strip('x')", "a"),
        ("'xxaxx'.rstrip('x')", "xxa"),
        ("'a,b,c'.split(',', 1)[1]", "b,c"),
        ("'a,b,c'.rsplit(',', 1)[0]", "a,b"),
        ("' a  b '.split()|length", "2"),
        ("'abc'.startswith('ab') and 'abc'.endswith(('x', 'c'))", "True"),
        ("'éab'.find('b')", "2"),
        ("'ab'.find('z')", "-1"),
        ("'aaa'.replace('a', 'b', 2)", "bba"),
        ("'hello world'.title()", "Hello World"),
        ("'-'.join(['a', 'b'])", "a-b"),
        ("{'a': 1}.get('b', 2)", "2"),
        ("{'a': 1}.get('b') is none", "True"),
        ("{'a': 1}.items()|list|length", "1"),
        ("{'a': 7}.values()|first", "7"),
        ("'abc'.removeprefix('a').removesuffix('c').upper()", "B"),
        ("messages[::-1][0].role", "user"),
    ];
    for (expression, expected) in table {
        assert_eq!(eval(expression), expected, "{expression}");
    }
    assert!(render(Some("{{ 'a'.nonsense() }}"), &[("user", "x")]).unwrap_err().contains("nonsense"));
}

#[test]
fn json_is_pythons() {
    assert_eq!(
        eval("{'a': \"<b> & 'c'\", 'd': [1, none]}|tojson"),
        "{\"a\": \"<b> & 'c'\", \"d\": [1, null]}"
    );
    // A backslash before the text of an escape is the user's own.
    assert_eq!(eval(r"'\\u003c'|tojson"), r#""\\u003c""#);
    assert!(eval("[1]|tojson(indent=4)").contains("\n    1"));
}

#[test]
fn marks_of_training_have_no_effect() {
    let source = "{% for m in messages %}{%- generation -%} {{ m.content }} {%- endgeneration %}{% endfor %}";
    assert_eq!(render(Some(source), &[("user", "x")]).unwrap(), "x");
}

#[test]
fn hostile_and_broken_templates_end_in_an_error() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}";
    assert!(render(Some(endless), &[("user", "x")]).is_err());
    assert!(render(Some("{% if"), &[("user", "x")]).is_err());
    assert!(render(Some("{{ undefined_function() }}"), &[("user", "x")]).is_err());
    assert!(render(Some("{% include 'etc/passwd' %}"), &[("user", "x")]).is_err());
}

#[test]
fn dates_are_at_hand() {
    assert!(eval("strftime_now('%Y')").parse::<u32>().unwrap() >= 2024);
}
