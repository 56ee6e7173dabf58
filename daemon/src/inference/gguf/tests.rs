use super::*;
use proptest::prelude::*;
use std::io::Cursor;

fn read(bytes: &[u8]) -> Result<Header, Fault> {
    Header::read(Cursor::new(bytes), bytes.len() as u64)
}

/// Writes files piece by piece, right or wrong.
#[derive(Default)]
struct File(Vec<u8>);

impl File {
    fn new(tensors: u64, entries: u64) -> Self {
        let mut file = Self(b"GGUF".to_vec());
        file.0.extend(3_u32.to_le_bytes());
        file.number(tensors).number(entries);
        file
    }

    fn number(&mut self, n: u64) -> &mut Self {
        self.0.extend(n.to_le_bytes());
        self
    }

    fn small(&mut self, n: u32) -> &mut Self {
        self.0.extend(n.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64).0.extend(text.as_bytes());
        self
    }

    fn tensor(&mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> &mut Self {
        self.text(name).small(shape.len() as u32);
        for &n in shape {
            self.number(n);
        }
        self.small(kind).number(offset)
    }

    fn data(&mut self, bytes: usize) -> &mut Self {
        self.0.resize(self.0.len().next_multiple_of(32) + bytes, 7);
        self
    }
}

fn sound() -> File {
    let mut file = File::new(2, 4);
    file.text("general.architecture").small(8).text("llama");
    file.text("llama.block_count").small(4).small(2);
    file.text("tokenizer.ggml.tokens").small(9).small(8).number(3).text("a").text("b").text("");
    file.text("tokenizer.ggml.scores").small(9).small(6).number(2).small(0).small(0);
    file.tensor("x", &[32, 2], 1, 0).tensor("y", &[256], 12, 128).data(128 + 144);
    file
}

#[test]
fn a_sound_header_is_read() {
    let header = read(&sound().0).unwrap();
    assert_eq!(header.text("general.architecture"), Some("llama"));
    assert_eq!(header.own_number("block_count"), Some(2));
    assert_eq!(header.array_len("tokenizer.ggml.tokens"), Some(3));
    assert_eq!((header.tensor_bytes, header.main_type), (128 + 144, Some(12)));
}

#[test]
fn a_file_cut_anywhere_is_truncated() {
    let whole = sound().0;
    for len in 4..whole.len() {
        let fault = read(&whole[..len]).unwrap_err();
        assert!(matches!(fault, Fault::Short { actual, .. } if actual == len as u64), "{len}: {fault}");
    }
    for len in 0..4 {
        assert_eq!(read(&whole[..len]).unwrap_err(), Fault::Signature);
    }
}

#[test]
fn other_files_are_no_gguf() {
    assert_eq!(read(b"PK\x03\x04 a zip file").unwrap_err(), Fault::Signature);
    assert_eq!(read(b"ggjt old format").unwrap_err(), Fault::Signature);
}

#[test]
fn lies_are_found_before_memory_is_spent() {
    let mut cases: Vec<(&str, File)> = Vec::new();
    let mut case = |name, build: fn(&mut File) -> &mut File, tensors, entries| {
        let mut file = File::new(tensors, entries);
        build(&mut file);
        cases.push((name, file));
    };
    case("more than", |f| f, u64::MAX, 0);
    case("more than", |f| f, 0, u64::MAX);
    case("more than", |f| f.number(u64::MAX), 0, 1);
    case("more than", |f| f.text("k").small(8).number(1 << 60), 0, 1);
    case("more than", |f| f.text("k").small(9).small(4).number(1 << 60), 0, 1);
    case("unknown type", |f| f.text("k").small(77), 0, 1);
    case("unsupported type", |f| f.text("k").small(9).small(9).number(1), 0, 1);
    case("twice", |f| f.text("k").small(4).small(1).text("k").small(4).small(1), 0, 2);
    case("twice", |f| f.text(TOKENS).small(9).small(8).number(2).text("a").text("a"), 0, 1);
    case("twice", |f| f.text(TOKENS).small(9).small(8).number(2).text("[EMPTY_1]").text(""), 0, 1);
    case("alignment", |f| f.text("general.alignment").small(4).small(33), 0, 1);
    case("dimensions", |f| f.tensor("t", &[], 0, 0), 1, 0);
    case("dimensions", |f| f.tensor("t", &[1; 5], 0, 0), 1, 0);
    case("impossibly large", |f| f.tensor("t", &[0], 0, 0), 1, 0);
    case("impossibly large", |f| f.tensor("t", &[1 << 40, 1 << 40], 0, 0), 1, 0);
    case("impossibly large", |f| f.tensor("t", &[4], 0, u64::MAX), 1, 0);
    case("impossibly large", |f| f.tensor("t", &[1 << 60], 28, 0).tensor("u", &[1 << 60], 28, 0), 2, 0);
    case("not a multiple", |f| f.tensor("t", &[33], 2, 0), 1, 0);
    case("unknown type", |f| f.tensor("t", &[32], 4, 0), 1, 0);
    case("twice", |f| f.tensor("t", &[4], 0, 0).tensor("t", &[4], 0, 32).data(64), 2, 0);
    for (expected, file) in cases {
        match read(&file.0) {
            Err(Fault::Malformed(why)) => assert!(why.contains(expected), "{expected}: {why}"),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let mut file = File::new(0, 0);
    file.0[4] = 1;
    assert!(matches!(read(&file.0), Err(Fault::Malformed(why)) if why.contains("version")));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(&bytes);
        // Never a panic; what is accepted has its tensors inside the file.
        if let Ok(header) = read(&file) {
            prop_assert!(header.tensor_bytes <= file.len() as u64);
        }
        prop_assert!(read(&bytes).is_err() || bytes.starts_with(b"GGUF"));
    }

    #[test]
    fn any_changed_byte_ends_in_an_answer(at in 0_usize..400, value: u8) {
        let mut file = sound().0;
        if let Some(byte) = file.get_mut(at) {
            *byte = value;
        }
        let _ = read(&file);
    }
}
