//! A swarm in which some experts are bad, run by the same rules as a node: who gets the work?

use super::Conduct;
use crate::audit::{Finding, Standing};
use crate::cells::splitmix64;
use crate::embedding::Embedding;
use crate::score::{self, Fit, Outcomes, Profile, Query, Record, Terms};

/// Weight of the newest first token in the moving average, as a node has it.
const LATENCY_WEIGHT: f32 = 0.3;
/// Milliseconds to the first token, of the slow and of the others.
const LATENCY_MS: (f32, f32) = (6_000.0, 80.0);
/// Tokens of an answer, and their seconds at the speed that everybody claims.
const ANSWER: (u32, f32) = (40, 1.0);
/// What an audit of an impostor comes to: Q8_0 sold as F16, as measured by `daemon benchmark audit`.
const IMPOSTOR_P: f64 = 3e-8;
/// Questions between two that the same expert is asked, in seconds: a question a minute.
const QUESTION_S: u64 = 60;

/// What an expert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it says.
    Honest,
    /// Wrong seven times in ten.
    Wrong,
    /// Slow to begin.
    Slow,
    /// A tenth as fast as it says.
    Boaster,
    /// It runs another model, which is wrong a little oftener.
    Impostor,
}

impl Kind {
    /// The bad ones.
    pub const BAD: [Self; 4] = [Self::Wrong, Self::Slow, Self::Boaster, Self::Impostor];

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Honest => "honest",
            Self::Wrong => "wrong",
            Self::Slow => "slow",
            Self::Boaster => "boasting",
            Self::Impostor => "other model",
        }
    }

    /// Share of its answers that are good.
    fn goodness(self) -> f64 {
        match self {
            Self::Wrong => 0.3,
            Self::Impostor => 0.9,
            Self::Honest | Self::Slow | Self::Boaster => 0.97,
        }
    }
}

/// The swarm and who asks it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct World {
    /// Experts in all; as many for each topic, of equal cards.
    pub experts: u32,
    /// Topics that are asked about.
    pub topics: u32,
    /// Share of bad experts, of all kinds alike.
    pub bad: f64,
    /// Questions.
    pub questions: u32,
    /// Share of the answers that somebody says were good or not.
    pub verdicts: f64,
    /// Share of the tasks of known experts that are audited.
    pub audits: f64,
    /// Whether anything that was seen counts: without, it is the swarm that others have.
    pub is_binding: bool,
    /// Draws everything.
    pub seed: u64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            experts: 12,
            topics: 2,
            bad: 0.3,
            questions: 500,
            verdicts: 0.3,
            audits: 0.05,
            is_binding: true,
            seed: 1,
        }
    }
}

/// Some questions in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Questions from, and up to but without.
    pub questions: (u32, u32),
    /// Share of the tasks that each bad kind got, in the order of [`Kind::BAD`].
    pub to: [f64; 4],
}

impl Block {
    /// Share of the tasks that bad experts got.
    pub fn bad(&self) -> f64 {
        self.to.iter().sum()
    }
}

struct Expert {
    kind: Kind,
    topic: u32,
    conduct: Conduct,
    standing: Standing,
    record: Record,
    latency_ms: Option<f32>,
}

/// Draws from a seed, one after another.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(1);
        (splitmix64(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Asks one question after another, each of one topic, as a node would; in blocks of fifty.
pub fn simulate(world: &World) -> Vec<Block> {
    let mut draws = Draws(world.seed.wrapping_mul(1_000_003));
    let mut experts = populate(world);
    let (mut blocks, mut tried) = (Vec::new(), 0u32);
    let mut got = [0u32; 4];
    for number in 0..world.questions {
        let topic = (draws.uniform() * f64::from(world.topics)) as u32;
        let strangers = f64::from(tried + 1) <= score::STRANGERS_SHARE * f64::from(number + 1);
        let now_s = u64::from(number) * QUESTION_S;
        let chosen = choose(world, &experts, topic, (strangers, now_s), &mut draws);
        if let Some((at, was_stranger)) = chosen {
            tried += u32::from(was_stranger);
            let expert = &mut experts[at];
            if let Some(kind) = Kind::BAD.iter().position(|kind| *kind == expert.kind) {
                got[kind] += 1;
            }
            happen(world, expert, now_s, &mut draws);
        }
        let end = number + 1;
        if end % 50 == 0 || end == world.questions {
            let start = blocks.last().map_or(0, |block: &Block| block.questions.1);
            let to = got.map(|tasks| f64::from(tasks) / f64::from(end - start));
            blocks.push(Block { questions: (start, end), to });
            got = [0; 4];
        }
    }
    blocks
}

/// Bad experts of all kinds in turn, spread over the topics.
fn populate(world: &World) -> Vec<Expert> {
    let bad = (f64::from(world.experts) * world.bad.clamp(0.0, 1.0)).round() as u32;
    let kind = |n: u32| if n < bad { Kind::BAD[n as usize % 4] } else { Kind::Honest };
    let fresh = |n: u32| Expert {
        kind: kind(n),
        // Each kind's experts in other topics: n / 4 turns the wheel once a round of kinds.
        topic: (n + n / 4) % world.topics.max(1),
        conduct: Conduct::default(),
        standing: Standing::default(),
        record: Record::default(),
        latency_ms: None,
    };
    (0..world.experts).map(fresh).collect()
}

/// Who gets a question on `topic`, and whether a stranger came before somebody with a record.
fn choose(
    world: &World,
    experts: &[Expert],
    topic: u32,
    (strangers, now_s): (bool, u64),
    draws: &mut Draws,
) -> Option<(usize, bool)> {
    let card = Embedding::new(&[1.0, 0.0])?;
    let asked = Embedding::new(&[0.6, 0.8])?;
    let of_topic = experts.iter().enumerate().filter(|(_, expert)| expert.topic == topic);
    let asked_of = of_topic.filter(|(_, e)| !world.is_binding || e.standing.finding() != Finding::Fail);
    let profiles: Vec<Profile<usize>> = asked_of
        .map(|(at, expert)| Profile {
            key: at,
            fit: Fit::Vectors(card.clone(), Vec::new()),
            terms: Terms::default(),
            slots: 4,
            free_slots: 4,
            trust: match world.is_binding {
                true => expert.conduct.trust(now_s) * expert.standing.trust(),
                false => score::TRUST_NEUTRAL,
            },
            outcomes: match world.is_binding {
                true => expert.record.near(&[topic]),
                false => Outcomes::default(),
            },
            latency_ms: expert.latency_ms.filter(|_| world.is_binding),
        })
        .collect();
    let mut ranked = score::rank(&Query::by_meaning(asked), &profiles);
    let seed = (draws.uniform() * 2f64.powi(53)) as u64;
    let was_stranger = score::explore(&mut ranked, seed, strangers);
    ranked.first().map(|first| (first.key, was_stranger))
}

/// The expert answers, and what is to be seen of it is seen.
fn happen(world: &World, expert: &mut Expert, now_s: u64, draws: &mut Draws) {
    let latency_ms = if expert.kind == Kind::Slow { LATENCY_MS.0 } else { LATENCY_MS.1 };
    let mean = expert.latency_ms.map_or(latency_ms, |mean| mean + LATENCY_WEIGHT * (latency_ms - mean));
    expert.latency_ms = Some(mean);
    let slowness = if expert.kind == Kind::Boaster { 10.0 } else { 1.0 };
    let claimed = ANSWER.0 as f32 / ANSWER.1;
    expert.conduct.finished(ANSWER.0, ANSWER.1 * slowness, claimed, now_s);
    let is_good = draws.uniform() < expert.kind.goodness();
    if draws.uniform() < world.verdicts {
        let claim = score::competence(0.6);
        expert.record.note(expert.topic, Outcomes::one(is_good, claim), 1.0);
    }
    if draws.uniform() < expert.standing.rate(world.audits) {
        let p = if expert.kind == Kind::Impostor { IMPOSTOR_P } else { draws.uniform().max(1e-9) };
        expert.standing.own.add(p);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_hundred(world: &World) -> f64 {
        let blocks = simulate(world);
        blocks.iter().rev().take(2).map(Block::bad).sum::<f64>() / 2.0
    }

    #[test]
    fn bad_experts_lose_the_work_and_do_not_where_nothing_binds() {
        let seeds = 1..=20;
        let mean = |is_binding| {
            let all = seeds.clone().map(|seed| last_hundred(&World { seed, is_binding, ..World::default() }));
            all.sum::<f64>() / 20.0
        };
        let (binding, free) = (mean(true), mean(false));
        assert!(binding < 0.02, "{binding}");
        assert!(free > 0.2, "{free}");
    }

    #[test]
    fn the_same_seed_is_the_same_swarm() {
        let world = World { questions: 120, ..World::default() };
        assert_eq!(simulate(&world), simulate(&world));
        assert_eq!(simulate(&world).last().unwrap().questions, (100, 120));
        assert_eq!(simulate(&World { experts: 0, ..world }).iter().map(Block::bad).sum::<f64>(), 0.0);
    }
}
