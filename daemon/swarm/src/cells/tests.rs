use super::*;
use proptest::prelude::*;

const DIMENSION: usize = 24;

fn embedding() -> impl Strategy<Value = Embedding> {
    prop::collection::vec(-1.0f32..1.0, DIMENSION).prop_filter_map("a direction", |values| {
        Embedding::new(&values).filter(|_| values.iter().any(|v| v.abs() > 0.1))
    })
}

fn codebook() -> impl Strategy<Value = Codebook> {
    prop::collection::vec(embedding(), 1..40).prop_map(|centres| Codebook::from_centres(&centres).unwrap())
}

proptest! {
    #[test]
    fn nearest_is_what_sorting_all_cells_gives(book in codebook(), query in embedding(), n in 0usize..50) {
        let wide = Wide::of(&query);
        let mut all: Vec<(f32, u32)> = (0..book.len() as u32)
            .map(|cell| (wide.similarity(book.centre(cell).0, book.centre(cell).1), cell))
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let expected: Vec<CellId> = all.iter().take(n).map(|(_, index)| CellId { level: 0, index: *index }).collect();
        prop_assert_eq!(book.nearest(&query, n), expected);
    }

    #[test]
    fn an_expert_lives_once_in_each_nearest_cell(book in codebook(), own in prop::collection::vec(embedding(), 0..17)) {
        let cells = book.cells_of(&own);
        for vector in &own {
            prop_assert!(cells.contains(&book.nearest(vector, 1)[0]));
        }
        let distinct: std::collections::BTreeSet<_> = cells.iter().collect();
        prop_assert_eq!(distinct.len(), cells.len());
        prop_assert!(cells.len() <= ANNOUNCED);
        prop_assert!(own.is_empty() || cells.len() >= ANNOUNCED.min(book.len()));
    }

    #[test]
    fn lookups_begin_with_the_nearest_and_differ(book in codebook(), query in embedding(), n in 0usize..12) {
        let cells = book.lookups(&query, n);
        prop_assert_eq!(&cells[..n.min(1)], book.nearest(&query, n.min(1)));
        let distinct: std::collections::BTreeSet<_> = cells.iter().collect();
        prop_assert_eq!((distinct.len(), cells.len()), (n.min(book.len()), n.min(book.len())));
    }

    #[test]
    fn rounding_moves_no_similarity_far(centre in embedding(), query in embedding()) {
        let book = Codebook::from_centres(std::slice::from_ref(&centre)).unwrap();
        let (steps, scale) = book.centre(0);
        prop_assert!((Wide::of(&query).similarity(steps, scale) - centre.similarity(&query)).abs() < 0.02);
    }

    #[test]
    fn a_file_reads_back_as_itself(book in codebook()) {
        let again = Codebook::from_bytes(&book.to_bytes()).unwrap();
        prop_assert_eq!(again.hash(), book.hash());
        prop_assert_eq!(again, book);
    }

    #[test]
    fn no_bytes_crash_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Codebook::from_bytes(&bytes);
    }

    #[test]
    fn no_changed_file_crashes_the_reader(book in codebook(), at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = book.to_bytes();
        let position = at.index(bytes.len());
        bytes[position] = value;
        if let Ok(read) = Codebook::from_bytes(&bytes) {
            prop_assert!(read.scales.iter().all(|v| v.is_finite()));
        }
        bytes = book.to_bytes();
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(Codebook::from_bytes(&bytes).is_err());
    }

    #[test]
    fn nearer_vectors_share_more_signature_bits(vector in embedding()) {
        let opposite = Embedding::new(&vector.as_slice().iter().map(|v| -v).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(signature64(&vector), signature64(&vector.clone()));
        prop_assert!((signature64(&vector) ^ signature64(&opposite)).count_ones() >= 60);
    }
}

fn one_cell() -> Vec<u8> {
    Codebook::from_centres(&[Embedding::new(&[1.0, 2.0, 3.0]).unwrap()]).unwrap().to_bytes()
}

#[test]
fn each_fault_of_a_file_is_named() {
    let with = |at: usize, value: &[u8]| {
        let mut bytes = one_cell();
        bytes[at..at + value.len()].copy_from_slice(value);
        Codebook::from_bytes(&bytes).unwrap_err()
    };
    assert_eq!(Codebook::from_bytes(b"").unwrap_err(), CodebookError::NotACodebook);
    assert_eq!(with(0, b"X"), CodebookError::NotACodebook);
    assert_eq!(with(7, &[9]), CodebookError::Version(9));
    assert!(matches!(with(8, &[1]), CodebookError::Header(_)));
    assert!(matches!(with(10, &[1]), CodebookError::Header(_)));
    assert!(matches!(with(12, &u32::MAX.to_le_bytes()), CodebookError::Header(_)));
    assert!(matches!(with(16, &0u32.to_le_bytes()), CodebookError::Header(_)));
    assert_eq!(with(16, &2u32.to_le_bytes()), CodebookError::Length { expected: 34, actual: 27 });
    assert_eq!(with(20, &f32::NAN.to_le_bytes()), CodebookError::Centre(0));
    assert_eq!(with(20, &(-1.0f32).to_le_bytes()), CodebookError::Centre(0));
    assert_eq!(with(24, &[0, 0, 0]), CodebookError::Centre(0));
    assert!(Codebook::from_centres(&[]).is_err());
}

#[test]
fn another_dimension_has_no_cells() {
    let book = Codebook::from_bytes(&one_cell()).unwrap();
    assert_eq!(book.nearest(&Embedding::new(&[1.0]).unwrap(), 3), []);
}

#[test]
fn a_key_depends_on_every_part() {
    let space = Sha256Hash::of(b"space");
    let cell = CellId { level: 0, index: 7 };
    let keys = [
        dht_key("/polymath/kad/1", "public", space, cell),
        dht_key("/polymath/kad/2", "public", space, cell),
        dht_key("/polymath/kad/1", "other", space, cell),
        dht_key("/polymath/kad/1p", "ublic", space, cell),
        dht_key("/polymath/kad/1", "public", Sha256Hash::of(b"x"), cell),
        dht_key("/polymath/kad/1", "public", space, CellId { level: 1, ..cell }),
        dht_key("/polymath/kad/1", "public", space, CellId { index: 8, ..cell }),
    ];
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

#[test]
fn the_signature_is_the_same_everywhere() {
    let ramp: Vec<f32> = (0..384u16).map(|i| f32::from(i * 37 % 101) - 50.0).collect();
    let signature = signature64(&Embedding::new(&ramp).unwrap());
    assert_eq!(signature, GOLDEN_SIGNATURE, "{signature:#018x}");
}

/// Of that vector; a change would make compact keys of different versions incomparable.
const GOLDEN_SIGNATURE: u64 = 0xfe25_dead_7b59_1109;

#[test]
fn the_shipped_codebook_reads() {
    let book = Codebook::from_bytes(include_bytes!("../../../../models/encoder/codebook.bin")).unwrap();
    assert_eq!((book.dimension(), book.len()), (384, 8_192));
    assert!(book.to_bytes().len() <= 4_000_000);
}
