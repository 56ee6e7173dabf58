//! Files of others: codebooks and the headers of models.

use crate::inference::gguf::{Header, file_type_name, tensor_type_name};
use polymath_swarm::cells::Codebook;
use polymath_swarm::embedding::{Embedding, Int8Vector};
use std::io::Cursor;

/// A codebook that is accepted is its file, and answers every look-up with cells that it has.
pub fn codebook(data: &[u8]) {
    let Ok(codebook) = Codebook::from_bytes(data) else { return };
    assert_eq!(codebook.to_bytes(), data);
    assert!(!codebook.is_empty());
    // A direction out of the file itself.
    let mut values: Vec<i8> = data.iter().rev().take(codebook.dimension()).map(|b| b.cast_signed()).collect();
    values.resize(codebook.dimension(), 1);
    let own = Int8Vector { scale: 0.01, values };
    for query in own.restore().into_iter().chain(Embedding::new(&vec![1.0; codebook.dimension()])) {
        for cells in
            [codebook.nearest(&query, 8), codebook.lookups(&query, 8), codebook.cells_of(&[query.clone()])]
        {
            assert!(!cells.is_empty());
            assert!(cells.iter().all(|cell| (cell.index as usize) < codebook.len()));
        }
        assert!(codebook.survey(&query).is_some());
    }
}

/// A header that is accepted describes tensors that the file could hold.
pub fn gguf(data: &[u8]) {
    let Ok(header) = Header::read(Cursor::new(data), data.len() as u64) else { return };
    assert!(header.tensor_bytes <= data.len() as u64);
    assert_eq!(header.main_type.is_some(), header.tensor_bytes > 0);
    let _ = header.main_type.map(tensor_type_name);
    let _ = header.number("general.file_type").and_then(file_type_name);
    for key in header.metadata.keys() {
        let _ = (header.text(key), header.number(key), header.array_len(key), header.own_number(key));
    }
}
