//! How a token is drawn. (The draw itself comes with the inference work.)

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
