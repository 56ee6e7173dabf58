//! How a token is drawn, so that anyone with the same logits draws the same one.
//!
//! The random number of token i is a hash of (seed, i): there is no generator state to carry, so another node
//! continues a text from the tokens alone, and an auditor repeats any single draw. A draw depends on the
//! logits of its position, the tokens generated before it, the settings and the seed, never on what else was
//! in the batch.
//!
//! Order of the steps: penalties, temperature, top-k, top-p, then inverse transform sampling over the tokens
//! kept, *in the order of their ids*. Logits differ in their last bits between batch shapes and machines;
//! ordered by probability, two nearly equal tokens would swap places and with them whole ranges of the random
//! number, ordered by id only the borders move by those last bits.
//!
//! Nothing sorts a whole vocabulary: selection is linear, and only what is kept is sorted.

mod vocabulary;

pub use vocabulary::{log_sum_exp, logprob_of, top_logprobs_of};

use sha2::{Digest, Sha256};
use vocabulary::{clean, greedy, likeliest, logprob, maximum, sum_exp};

/// Part of what is hashed, so that these random numbers are never those of another purpose.
const LABEL: &[u8] = b"polymath/1/sampling\0";

/// How many of the likeliest tokens top-p looks at first: enough for nearly every draw of a trained model. It
/// looks at four times as many until the mass is reached.
const NUCLEUS_FIRST: usize = 256;

/// Misfit of a drawn token from which on the edge of what is kept is looked at.
const MISFIT_LOOKED_INTO: f64 = 0.05;
/// How far that edge may be off, in probability mass.
const EDGE_MASS: f32 = 1e-3;

/// Sampler settings; part of what an expert commits to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// 0 means greedy.
    pub temperature: f32,
    /// Keep the k likeliest tokens; 0 keeps all.
    pub top_k: u32,
    /// Keep the smallest set with at least this probability mass (Holtzman et al. 2020); 1 keeps all.
    pub top_p: f32,
    /// Divides positive and multiplies negative logits of recent tokens (Keskar et al. 2019); 1 is off.
    pub repeat_penalty: f32,
    /// Subtracted once for each occurrence; 0 is off.
    pub frequency_penalty: f32,
    /// Subtracted once for a token that occurred; 0 is off.
    pub presence_penalty: f32,
    /// How many recent tokens the penalties look at.
    pub penalty_last_n: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            repeat_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            penalty_last_n: 64,
        }
    }
}

/// The token drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Its id: the index into the logits.
    pub id: u32,
    /// Its log-probability under the model itself, before penalties, temperature and cuts. Minus infinity if
    /// no logit was a finite number.
    pub logprob: f32,
    /// Of the logits: see [`log_sum_exp`].
    pub log_sum_exp: f64,
}

/// Settings and seed: all that a draw depends on besides logits and earlier tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    /// The settings.
    pub settings: Settings,
    /// The seed.
    pub seed: u64,
}

impl Sampler {
    /// Draws token `index` of an answer from the logits of its position.
    ///
    /// `recent` are the tokens generated before it, oldest first; the prompt's are not among them, since
    /// penalising the words of a question would bend its answer. NaN counts as minus infinity. Ties of a
    /// greedy draw go to the lowest id.
    pub fn draw(&self, logits: &[f32], recent: &[u32], index: u32) -> Draw {
        let raw = log_sum_exp(logits);
        let penalised = self.penalised(logits, recent);
        let logits_used = penalised.as_deref().unwrap_or(logits);
        let id = if self.settings.temperature > 0.0 {
            self.draw_random(logits_used, uniform(self.seed, index))
        } else {
            greedy(logits_used)
        };
        let logprob = logits.get(id).map_or(f32::NEG_INFINITY, |&l| logprob(l, raw));
        Draw { id: id as u32, logprob, log_sum_exp: raw }
    }

    /// How far a token is from being drawn at this place; 0 for the one that [`Self::draw`] gives. Of a greedy draw, how much
    /// likelier the likeliest token is, in nats; of a random one, twice the distance between the random number and the
    /// token's share of the unit interval, in [0, 2]. What moves logits in their last bits moves both as little.
    pub fn misfit(&self, logits: &[f32], recent: &[u32], index: u32, token: u32) -> f32 {
        let penalised = self.penalised(logits, recent);
        let logits = penalised.as_deref().unwrap_or(logits);
        let Some(&logit) = logits.get(token as usize) else { return f32::INFINITY };
        if self.settings.temperature > 0.0 {
            self.misfit_near_edges(logits, uniform(self.seed, index), token as usize)
        } else {
            (maximum(logits) - clean(logit)).max(0.0)
        }
    }

    /// The least misfit where the edge of what is kept is a little further in or out: of two tokens with nearly the same logit, or where
    /// the mass is nearly that of top-p, last bits decide which are kept, and with it everybody's share.
    fn misfit_near_edges(&self, logits: &[f32], random: f64, token: usize) -> f32 {
        let plain = self.misfit_random(logits, random, token);
        if plain < MISFIT_LOOKED_INTO {
            return plain as f32;
        }
        let s = &self.settings;
        let masses = [s.top_p, s.top_p - EDGE_MASS, s.top_p + EDGE_MASS];
        let counts = [
            s.top_k,
            s.top_k.saturating_sub(1).max(u32::from(s.top_k > 0)),
            s.top_k + u32::from(s.top_k > 0),
        ];
        let mut least = plain;
        for top_p in masses.into_iter().filter(|p| *p > 0.0 && (*p <= 1.0 || s.top_p >= 1.0)) {
            for top_k in counts {
                let settings = Settings { top_p: top_p.min(1.0), top_k, ..s.clone() };
                least = least.min(Self { settings, seed: self.seed }.misfit_random(logits, random, token));
            }
        }
        // What was cut by a hair's breadth is as far away as that.
        let kept = self.kept(logits);
        if kept.iter().all(|(id, _)| *id != token) {
            let last =
                kept.iter().filter_map(|(id, _)| logits.get(*id)).copied().fold(f32::INFINITY, f32::min);
            let nats = logits.get(token).map_or(f32::INFINITY, |logit| last - clean(*logit));
            least = least.min(f64::from(nats.max(0.0)));
        }
        least as f32
    }

    fn misfit_random(&self, logits: &[f32], random: f64, token: usize) -> f64 {
        let kept = self.kept(logits);
        let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
        if total <= 0.0 {
            return if token == 0 { 0.0 } else { 2.0 };
        }
        let below: f64 = kept.iter().filter(|(id, _)| *id < token).map(|(_, weight)| weight).sum();
        let own = kept.iter().find(|(id, _)| *id == token).map_or(0.0, |(_, weight)| *weight);
        let (low, high) = (below / total, (below + own) / total);
        2.0 * f64::max(low - random, random - high).max(0.0)
    }

    /// Logits after the penalties; `None` if they change nothing.
    fn penalised(&self, logits: &[f32], recent: &[u32]) -> Option<Vec<f32>> {
        let s = &self.settings;
        let off = s.repeat_penalty == 1.0 && s.frequency_penalty == 0.0 && s.presence_penalty == 0.0;
        let mut window = recent[recent.len().saturating_sub(s.penalty_last_n as usize)..].to_vec();
        if off || window.is_empty() {
            return None;
        }
        window.sort_unstable();
        let mut out = logits.to_vec();
        for same in window.chunk_by(|a, b| a == b) {
            let Some(logit) = out.get_mut(same[0] as usize) else { continue };
            if s.repeat_penalty > 0.0 {
                *logit = if *logit > 0.0 { *logit / s.repeat_penalty } else { *logit * s.repeat_penalty };
            }
            *logit -= s.frequency_penalty * same.len() as f32 + s.presence_penalty;
        }
        Some(out)
    }

    fn draw_random(&self, logits: &[f32], random: f64) -> usize {
        pick(self.kept(logits).into_iter(), random)
    }

    /// The tokens that may be drawn, by id, each with its weight; none if no logit is a finite number.
    fn kept(&self, logits: &[f32]) -> Vec<(usize, f64)> {
        let s = &self.settings;
        let max = maximum(logits);
        if max == f32::NEG_INFINITY {
            return Vec::new();
        }
        let weight = |logit: f32| (f64::from(clean(logit) - max) / f64::from(s.temperature)).exp();
        let cut = s.top_k > 0 && (s.top_k as usize) < logits.len();
        if !cut && s.top_p >= 1.0 {
            return logits.iter().map(|&l| weight(l)).enumerate().collect();
        }
        let mut kept = if cut { likeliest(logits, s.top_k as usize) } else { Vec::new() };
        if s.top_p < 1.0 {
            kept = if cut {
                nucleus(kept, s.top_p, None, &weight).0
            } else {
                nucleus_of_all(logits, s.top_p, sum_exp(logits, max, s.temperature), &weight)
            };
        }
        kept.sort_unstable_by_key(|&(id, _)| id);
        kept.iter().map(|&(id, logit)| (id as usize, weight(logit))).collect()
    }
}

/// The random number of token `index` under `seed`, uniform in [0, 1): 53 bits of a SHA-256.
pub fn uniform(seed: u64, index: u32) -> f64 {
    let hash =
        Sha256::new().chain_update(LABEL).chain_update(seed.to_le_bytes()).chain_update(index.to_le_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    // The 53 bits that a double holds exactly.
    (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Cuts `sorted` after the token with which the mass of `top_p` is reached; says whether it was reached.
/// `total` is the mass of all tokens, that of `sorted` if not given.
fn nucleus(
    mut sorted: Vec<(u32, f32)>,
    top_p: f32,
    total: Option<f64>,
    weight: &impl Fn(f32) -> f64,
) -> (Vec<(u32, f32)>, bool) {
    let total = total.unwrap_or_else(|| sorted.iter().map(|&(_, l)| weight(l)).sum());
    let target = f64::from(top_p.max(0.0)) * total;
    let mut mass = 0.0;
    for (i, &(_, logit)) in sorted.iter().enumerate() {
        mass += weight(logit);
        if mass >= target {
            sorted.truncate(i + 1);
            return (sorted, true);
        }
    }
    (sorted, false)
}

/// The nucleus of a whole vocabulary whose mass is `total`.
fn nucleus_of_all(logits: &[f32], top_p: f32, total: f64, weight: &impl Fn(f32) -> f64) -> Vec<(u32, f32)> {
    let mut count = NUCLEUS_FIRST;
    loop {
        let (kept, reached) = nucleus(likeliest(logits, count), top_p, Some(total), weight);
        if reached || count >= logits.len() {
            return kept;
        }
        count *= 4;
    }
}

/// Inverse transform sampling: the first token at which the running sum passes `random` of the whole.
fn pick(weights: impl Iterator<Item = (usize, f64)> + Clone, random: f64) -> usize {
    let target = random * weights.clone().map(|(_, w)| w).sum::<f64>();
    let mut running = 0.0;
    let mut last = 0;
    for (id, weight) in weights {
        if weight > 0.0 {
            running += weight;
            last = id;
            if running > target {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests;
