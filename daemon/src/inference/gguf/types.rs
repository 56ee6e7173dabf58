//! Numbers of the GGUF format: value types, tensor types, file types.

/// A text value.
pub(super) const STRING: u32 = 8;
/// An array value.
pub(super) const ARRAY: u32 = 9;

/// Bytes of a scalar value type.
pub(super) fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Numbers in a block of a tensor type, bytes of that block, and its name. From ggml's table of types; removed
/// types are absent.
const TENSOR_TYPES: [(u32, u64, u64, &str); 34] = [
    (0, 1, 4, "F32"),
    (1, 1, 2, "F16"),
    (2, 32, 18, "Q4_0"),
    (3, 32, 20, "Q4_1"),
    (6, 32, 22, "Q5_0"),
    (7, 32, 24, "Q5_1"),
    (8, 32, 34, "Q8_0"),
    (9, 32, 36, "Q8_1"),
    (10, 256, 84, "Q2_K"),
    (11, 256, 110, "Q3_K"),
    (12, 256, 144, "Q4_K"),
    (13, 256, 176, "Q5_K"),
    (14, 256, 210, "Q6_K"),
    (15, 256, 292, "Q8_K"),
    (16, 256, 66, "IQ2_XXS"),
    (17, 256, 74, "IQ2_XS"),
    (18, 256, 98, "IQ3_XXS"),
    (19, 256, 50, "IQ1_S"),
    (20, 32, 18, "IQ4_NL"),
    (21, 256, 110, "IQ3_S"),
    (22, 256, 82, "IQ2_S"),
    (23, 256, 136, "IQ4_XS"),
    (24, 1, 1, "I8"),
    (25, 1, 2, "I16"),
    (26, 1, 4, "I32"),
    (27, 1, 8, "I64"),
    (28, 1, 8, "F64"),
    (29, 256, 56, "IQ1_M"),
    (30, 1, 2, "BF16"),
    (34, 256, 54, "TQ1_0"),
    (35, 256, 66, "TQ2_0"),
    (39, 32, 17, "MXFP4"),
    (40, 64, 36, "NVFP4"),
    (41, 128, 18, "Q1_0"),
];

/// Numbers in a block and bytes of a block.
pub(super) fn block(kind: u32) -> Option<(u64, u64)> {
    TENSOR_TYPES.iter().find(|t| t.0 == kind).map(|t| (t.1, t.2))
}

/// The name of a tensor type.
pub(crate) fn tensor_type_name(kind: u32) -> Option<&'static str> {
    TENSOR_TYPES.iter().find(|t| t.0 == kind).map(|t| t.3)
}

/// The name of what `general.file_type` says: the mixture of tensor types in the file.
pub(crate) fn file_type_name(file_type: u64) -> Option<&'static str> {
    Some(match file_type {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4_MOE",
        39 => "NVFP4",
        40 => "Q1_0",
        _ => return None,
    })
}
