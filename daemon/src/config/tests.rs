//! Layers, typos, and the example file.

use super::environment::FixedEnvironment;
use super::file::{ExpertSection, OneOrMany};
use super::*;
use proptest::prelude::*;

const HOME: (&str, &str) = ("HOME", "/home/someone");

/// A configuration file that lives as long as the value.
fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn loaded(text: &str, flags: file::File, variables: &[(&str, &str)]) -> Result<Config, Error> {
    let file = written(text);
    let places = Places { config: Some(file.path().to_owned()), assets: None };
    let variables: Vec<_> = variables.iter().copied().chain([HOME]).collect();
    load(&places, flags, &FixedEnvironment::new(&variables)).map(|l| l.config)
}

fn named(name: &str) -> file::File {
    let mut flags = file::File::default();
    flags.node.name = Some(name.into());
    flags
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    const FILE: &str = "[node]\nname = \"file\"";
    let variable = [("POLYMATH_NODE_NAME", "variable")];
    let cases = [
        ("", file::File::default(), &[][..], "polymath"),
        (FILE, file::File::default(), &[][..], "file"),
        (FILE, file::File::default(), &variable[..], "variable"),
        (FILE, named("flag"), &variable[..], "flag"),
        ("", named("flag"), &[][..], "flag"),
        (FILE, file::File::default(), &[("POLYMATH_NODE_NAME", "")][..], "file"),
    ];
    for (text, flags, variables, expected) in cases {
        assert_eq!(loaded(text, flags, variables).unwrap().node.name, expected);
    }
}

#[test]
fn every_variable_reaches_its_setting() {
    let variables = [
        ("POLYMATH_NODE_NAME", "n"),
        ("POLYMATH_LISTEN", "/ip4/127.0.0.1/tcp/1, /ip4/127.0.0.1/udp/1/quic-v1"),
        ("POLYMATH_BOOTSTRAP", "/ip4/127.0.0.1/tcp/2"),
        ("POLYMATH_STATE_DIR", "/s"),
        ("POLYMATH_SOCKET", "/s/x.sock"),
        ("POLYMATH_ALLOWED_HOSTS", "node.example, other.example:444"),
        ("POLYMATH_ALLOWED_ORIGINS", "https://chat.example"),
        ("POLYMATH_INSECURE", "true"),
        ("POLYMATH_TLS_CERTIFICATE", "/c.pem"),
        ("POLYMATH_TLS_KEY", "/k.pem"),
        ("POLYMATH_MDNS", "false"),
        ("POLYMATH_NAMESPACE", "mine"),
        ("POLYMATH_PEERS_MAX", "7"),
        ("POLYMATH_RUNTIME_LIBRARY", "/lib.so"),
        ("POLYMATH_ENCODER_DIR", "/enc"),
        ("POLYMATH_EXPERTS", "5"),
        ("POLYMATH_MAX_TOKENS", "9"),
        ("POLYMATH_DEADLINE_MS", "11"),
    ];
    let config = loaded("", file::File::default(), &variables).unwrap();
    let node = &config.node;
    assert_eq!(
        (node.name.as_str(), node.state_dir.as_path(), node.model_memory_mb),
        ("n", Path::new("/s"), 0)
    );
    assert_eq!(node.places.home, node.state_dir);
    assert_eq!(config.network.listen, ["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/udp/1/quic-v1"]);
    assert_eq!(config.network.bootstrap, ["/ip4/127.0.0.1/tcp/2"]);
    assert_eq!(
        (config.network.mdns, config.network.namespace.as_str(), config.network.peers_max),
        (false, "mine", 7)
    );
    assert_eq!(config.api.socket, Path::new("/s/x.sock"));
    let access = &config.api.access;
    assert_eq!(access.allowed_hosts, ["node.example", "other.example:444"]);
    assert_eq!((access.allowed_origins[0].as_str(), access.insecure), ("https://chat.example", true));
    assert_eq!(access.keys, Path::new("/s/keys.json"));
    let tls = config.api.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), (PathBuf::from("/c.pem"), PathBuf::from("/k.pem")));
    assert_eq!(config.embedding.runtime_library, Path::new("/lib.so"));
    assert_eq!(config.embedding.encoder_dir, Path::new("/enc"));
    assert_eq!((config.ask.experts, config.ask.max_tokens, config.ask.deadline_ms), (5, 9, 11));
    // And the table knows them all.
    assert!(layer::unknown_variables(&FixedEnvironment::new(&variables)).is_empty());
}

#[test]
fn a_mistyped_key_is_named_with_its_place_and_what_was_meant() {
    let cases = [
        ("[node]\nnmae = \"x\"", ":2: unknown key `nmae`; did you mean `name`?"),
        ("\n[nod]\nname = \"x\"", ":2: unknown key `nod`; did you mean `node`?"),
        (
            "[api]\nport = 80",
            ":2: unknown key `port`; known here: socket, rest_address, grpc_address, ws_address, allowed_hosts",
        ),
        ("[expert]\nmodel_pth = \"x\"", "unknown key `model_pth`; did you mean `model_path`?"),
        ("[[expert]]\ncard = \"x\"\n[[expert]]\nslot = 2", "unknown key `slot`; did you mean `slots`?"),
        ("[network]\nquantum_flux = 1", "unknown key `quantum_flux`; known here: "),
    ];
    for (text, expected) in cases {
        let error = loaded(text, file::File::default(), &[]).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{text}: {error}");
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn bad_values_are_reported_with_where_they_were_said() {
    let cases = [
        ("[node]\nname = 3", &[][..], ":2: invalid type: integer `3`, expected a string"),
        ("[node\nname", &[][..], ":1: "),
        (
            "[node]\nlisten_address = \"0.0.0.0:1\"",
            &[][..],
            ": node.listen_address: `0.0.0.0:1` is not a multiaddress",
        ),
        ("[node]\nlisten_address = []", &[][..], "node.listen_address: at least one address is needed"),
        ("[node]\nlisten_address = [1]", &[][..], ":2: invalid type: integer"),
        ("[ask]\nexperts = 99", &[][..], "ask.experts: 99 is out of range; write 1 to 16"),
        ("[expert]\ndescription = \"x\"", &[][..], ": expert: say which"),
        ("[expert]\nmodel_path = \"m.gguf\"", &[][..], "has no card, so it needs a `description`"),
        ("[expert]\ncard = \"c\"\nbackend = \"gpt\"", &[][..], "expert.backend: `gpt` is no backend"),
        ("[expert]\ncard = \"c\"\nslots = 0", &[][..], "expert.slots: 0 is out of range"),
        ("[expert]\ncard = \"c\"\ntemperature = 9.0", &[][..], "expert.temperature: write 0 to 2"),
        ("[api]\nallowed_hosts = \"http://a\"", &[][..], "api.allowed_hosts: `http://a` is no host"),
        ("[api]\nallowed_origins = [\"*\"]", &[][..], "api.allowed_origins: `*` is no origin"),
        ("[api]\ntls_key = \"k.pem\"", &[][..], "tls_certificate and tls_key go together"),
        ("", &[("POLYMATH_LISTEN", "nowhere")][..], "POLYMATH_LISTEN: `nowhere` is not a multiaddress"),
        ("", &[("POLYMATH_MDNS", "maybe")][..], "POLYMATH_MDNS: `maybe` does not fit; write true or false"),
        ("", &[("POLYMATH_SOCKET", TOO_LONG)][..], "more than 103 bytes"),
    ];
    for (text, variables, expected) in cases {
        let error = loaded(text, file::File::default(), variables).unwrap_err();
        assert!(error.to_string().contains(expected), "{text} {variables:?}: {error}");
    }
    let error = loaded("", named("tab\there"), &[]).unwrap_err();
    assert!(error.to_string().starts_with("--name: "), "{error}");
}

const TOO_LONG: &str = "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/01234";

#[test]
fn one_expert_or_several_one_address_or_several() {
    let one = file::parse(
        "[expert]\ncard = \"a\"\n[node]\nlisten_address = \"/ip4/1.2.3.4/tcp/1\"",
        Path::new("x"),
    );
    let one = one.unwrap();
    assert_eq!(one.expert.unwrap().0.len(), 1);
    assert_eq!(one.node.listen_address.unwrap().0, ["/ip4/1.2.3.4/tcp/1"]);
    let two = file::parse("[[expert]]\ncard = \"a\"\n[[expert]]\ncard = \"b\"", Path::new("x")).unwrap();
    assert_eq!(two.expert.unwrap().0.len(), 2);
}

#[test]
fn experts_on_the_command_line_replace_those_of_the_file() {
    let card = |path: &str| ExpertSection { card: Some(path.into()), ..ExpertSection::default() };
    let flags = file::File { expert: Some(OneOrMany(vec![card("/b"), card("/c")])), ..file::File::default() };
    let config = loaded("[expert]\ncard = \"/a\"", flags, &[]).unwrap();
    let cards: Vec<_> = config.experts.iter().map(|e| e.source.card.clone().unwrap()).collect();
    assert_eq!(cards, [PathBuf::from("/b"), PathBuf::from("/c")]);
}

#[test]
fn relative_paths_in_a_file_are_taken_from_its_folder() {
    let file = written("[expert]\ncard = \"experts/a\"\n[node]\nstate_dir = \"state\"");
    let folder = file.path().parent().unwrap();
    let read = file::read(file.path()).unwrap();
    assert_eq!(read.node.state_dir.unwrap(), folder.join("state"));
    assert_eq!(read.expert.unwrap().0[0].card.clone().unwrap(), folder.join("experts/a"));
}

#[test]
fn a_model_file_given_as_settings_is_refused_by_its_size() {
    let file = written(&"#".repeat(2 * 1024 * 1024));
    assert!(matches!(file::read(file.path()), Err(Error::TooLarge { .. })));
}

#[test]
fn the_example_file_is_valid_and_leaves_no_key_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config.example.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let places = Places { config: Some(path), assets: None };
    let loaded = load(&places, file::File::default(), &FixedEnvironment::new(&[HOME])).unwrap();
    assert_eq!(loaded.config.experts.len(), 3);
    // serde lists a section's keys when it meets one that it does not know.
    for section in ["node", "expert", "api", "network", "embedding", "ask", "ask.filter", "audit", "ledger"] {
        let error =
            file::parse(&format!("[{section}]\nquantum_flux_capacity = 1"), Path::new("x")).unwrap_err();
        let Error::UnknownKey { hint, .. } = error else { panic!("{error}") };
        for key in hint.trim_start_matches("; known here: ").split(", ") {
            // A table within a section is shown by its own heading.
            let shown =
                text.contains(&format!("\n{key} =")) || text.contains(&format!("\n[{section}.{key}]"));
            assert!(shown, "{section}.{key} is not in the example");
        }
    }
}

#[test]
fn mistyped_variables_are_warned_about() {
    let environment = FixedEnvironment::new(&[("POLYMATH_LISTN", "x"), ("POLYMATH_LOG", "info"), HOME]);
    let warnings = load(&Places::default(), file::File::default(), &environment).unwrap().warnings;
    assert_eq!(warnings, ["POLYMATH_LISTN is set but is no setting; did you mean POLYMATH_LISTEN?"]);
}

#[test]
fn the_state_folder_follows_xdg_and_must_be_writable() {
    let dir = |variables: &[(&str, &str)]| {
        load(&Places::default(), file::File::default(), &FixedEnvironment::new(variables))
            .map(|l| l.config.node.state_dir)
    };
    assert_eq!(dir(&[HOME]).unwrap(), Path::new("/home/someone/.local/state/polymath"));
    assert_eq!(dir(&[HOME, ("XDG_STATE_HOME", "/xdg")]).unwrap(), Path::new("/xdg/polymath"));
    assert_eq!(dir(&[HOME, ("XDG_STATE_HOME", "not/absolute")]).unwrap(), dir(&[HOME]).unwrap());
    assert!(matches!(dir(&[]), Err(Error::NoHome)));

    // Below a regular file nothing can be made, not even by root.
    let file = written("");
    let below = file.path().join("state");
    let error = paths::prepare_state_dir(&below).unwrap_err().to_string();
    assert!(error.contains("choose another with --state-dir"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("a/b");
    paths::prepare_state_dir(&fresh).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&fresh).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&fresh).unwrap().count(), 0);
}

#[test]
fn assets_are_found_beside_and_above_the_program() {
    let root = tempfile::tempdir().unwrap();
    let make = |path: &str| std::fs::create_dir_all(root.path().join(path)).unwrap();
    make("repo/models/experts");
    make("repo/target/debug");
    make("installed/bin");
    make("installed/share/polymath/experts");
    let find = |executable: &str, current: &str, said: Option<&str>| {
        let environment = FixedEnvironment {
            executable: Some(root.path().join(executable)),
            current_dir: Some(root.path().join(current)),
            ..FixedEnvironment::default()
        };
        let said = said.map(|s| root.path().join(s));
        Assets::find(said.as_deref(), &environment).map(|a| a.root)
    };
    let repo = root.path().join("repo/models");
    assert_eq!(find("repo/target/debug/daemon", "installed", None).unwrap(), repo);
    assert_eq!(find("installed/daemon", "repo/target", None).unwrap(), repo);
    let installed = find("installed/bin/daemon", "repo", None).unwrap();
    assert_eq!(installed, root.path().join("installed/bin/../share/polymath"));
    assert_eq!(find("x/daemon", "x", Some("repo")).unwrap(), repo);
    assert_eq!(find("x/daemon", "x", Some("repo/models")).unwrap(), repo);
    assert!(matches!(find("x/daemon", "repo", Some("installed")), Err(Error::NoAssets { .. })));
    assert!(find("installed/daemon", "installed", None).unwrap_err().to_string().contains("--assets"));
}

#[test]
fn threads_fit_the_model() {
    let expert = |threads| ExpertConfig {
        price_micro: 0,
        source: catalog::Config::default(),
        service: None,
        slots: 1,
        queue: 1,
        threads,
        gpu_layers: 0,
        tokens_per_second: 0,
    };
    assert_eq!(expert(0).threads_for(4_000_000), 1);
    assert!(expert(0).threads_for(4_000_000_000) >= 1);
    assert_eq!(expert(3).threads_for(1), 3);
}

#[test]
fn what_the_public_node_is_told_does_not_concern_a_private_one() {
    use polymath_swarm::private::{Invitation, SwarmSecret};
    let state = tempfile::tempdir().unwrap();
    let secret = SwarmSecret::new([1; 32]);
    swarms::write(state.path(), &Invitation { name: "family".into(), secret, addresses: vec![] }, true)
        .unwrap();
    let settings = written(
        "[node]\nlisten_address = \"/ip4/0.0.0.0/udp/4820/quic-v1\"\nbootstrap_nodes = \"/ip4/192.0.2.1/udp/4820/quic-v1\"\n\
         [network]\nmdns = true\n[api]\nsocket = \"/run/public.sock\"\nrest_address = \"127.0.0.1:8080\"\n\
         insecure = true\nallowed_hosts = \"public.example\"\nallowed_origins = \"https://public.example\"\n\
         [audit]\nothers = true\nrate = 0.5\n",
    );
    let places = Places { config: Some(settings.path().to_owned()), assets: None };
    let mut flags = file::File::default();
    flags.node.state_dir = Some(state.path().to_owned());
    flags.node.swarm = Some("family".to_owned());
    let environment = FixedEnvironment::new(&[
        HOME,
        ("POLYMATH_SOCKET", "/run/other.sock"),
        ("POLYMATH_INSECURE", "true"),
        ("POLYMATH_ALLOWED_ORIGINS", "https://other.example"),
    ]);
    let config = load(&places, flags.clone(), &environment).unwrap().config;
    assert!(config.api.socket.starts_with(state.path()), "{}", config.api.socket.display());
    assert!(config.api.rest.is_none() && config.network.bootstrap.is_empty() && !config.network.mdns);
    assert!(config.network.private.is_some() && !config.ask.audit.others);
    assert!(config.network.listen.iter().all(|address| !address.contains("4820")));
    assert_eq!(config.ask.audit.rate, 0.5, "what concerns no swarm in particular stays");
    let access = &config.api.access;
    assert!(!access.insecure && access.allowed_hosts.is_empty() && access.allowed_origins.is_empty());
    flags.api.insecure = Some(true);
    let config = load(&places, flags, &environment).unwrap().config;
    assert!(config.api.access.insecure, "what is said with the command counts");
}

/// What takes the place of a value, a key or a piece of the example file.
const ODD: [&str; 16] = [
    "-1",
    "0",
    "18446744073709551616",
    "nan",
    "inf",
    "1e400",
    "true",
    "\"\"",
    "\"\u{202e}\\u0000\"",
    "\"/ip4/0.0.0.0\"",
    "\"[::1]:99999\"",
    "[]",
    "[[], 1, \"x\"]",
    "{ a = { b = 1 } }",
    "1979-05-27T07:32:00Z",
    "[expert]\n",
];

/// The example file with this done to it: lines taken away, doubled, given another value, another character.
fn mutated(text: &str, changes: &[(usize, u8, usize, char)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for &(line, what, odd, character) in changes {
        let line = line % lines.len();
        let odd = ODD[odd % ODD.len()];
        match what % 5 {
            0 if lines.len() > 1 => drop(lines.remove(line)),
            0 | 1 => lines.insert(line, lines[line].clone()),
            2 => {
                let key = lines[line].split('=').next().unwrap_or_default().to_owned();
                lines[line] = format!("{key}= {odd}");
            }
            3 => {
                let mut characters: Vec<char> = lines[line].chars().collect();
                characters.insert(usize::from(what) % (characters.len() + 1), character);
                lines[line] = characters.into_iter().collect();
            }
            _ => lines.insert(line, odd.to_owned()),
        }
    }
    lines.join("\n")
}

proptest! {
    // Each takes less than a millisecond, and many are refused at their first odd line.
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_done_to_the_example_it_is_read_or_refused_with_a_reason(
        changes in prop::collection::vec((0usize..1_000, any::<u8>(), 0usize..ODD.len(), any::<char>()), 1..4)
    ) {
        let example = include_str!("../../../config.example.toml");
        match loaded(&mutated(example, &changes), file::File::default(), &[]) {
            Ok(config) => prop_assert!(!config.node.name.is_empty()),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
