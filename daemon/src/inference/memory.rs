//! How much memory a model will need, and how much there is.

use super::gguf::Header;
use super::{Config, engine};
use std::fs;

/// llama.cpp's own buffers beside weights, KV cache and logits: graph, scheduler, vocabulary. Measured at 10 to
/// 60 MiB for models of 2 MB to 1 GB.
const OVERHEAD_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of a number in the KV cache: F16, llama.cpp's default.
const KV_NUMBER_BYTES: u64 = 2;

/// Bytes that the model will take on this machine, roughly; never less than its weights.
pub(super) fn needed(header: &Header, config: &Config, context_tokens: u64) -> u64 {
    let number = |key: &str| header.own_number(key).unwrap_or(0);
    let heads = number("attention.head_count").max(1);
    let kv_heads = header.own_number("attention.head_count_kv").unwrap_or(heads);
    let head_width = number("embedding_length") / heads;
    let key = header.own_number("attention.key_length").unwrap_or(head_width);
    let value = header.own_number("attention.value_length").unwrap_or(head_width);
    let kv =
        [kv_heads, key.saturating_add(value), number("block_count"), context_tokens, u64::from(config.slots)]
            .into_iter()
            .fold(KV_NUMBER_BYTES, u64::saturating_mul);
    let tokens = header.array_len("tokenizer.ggml.tokens").unwrap_or(0);
    let logits = tokens.saturating_mul(4 * engine::BATCH_TOKENS as u64);
    [header.tensor_bytes, kv, logits, OVERHEAD_BYTES].into_iter().fold(0, u64::saturating_add)
}

/// Bytes that can be had without swapping: what the kernel says, or what is left under the control group's
/// limit if that is less. `None` where neither is told.
pub(super) fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = parse_meminfo(&meminfo)?;
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .zip(number("/sys/fs/cgroup/memory.current"))
        .map(|(max, current)| max.saturating_sub(current));
    Some(group.map_or(machine, |left| machine.min(left)))
}

fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_figure() {
        assert_eq!(parse_meminfo("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), Some(2 << 20));
        assert_eq!(parse_meminfo("MemTotal: 9 kB\n"), None);
        assert_eq!(parse_meminfo("MemAvailable: many kB\n"), None);
    }
}
