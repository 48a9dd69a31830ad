//! Levels: the integers that key an episode's dynamics, and the splits they fall into.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::rng::{CounterRng, Stream};

/// Which part of the levels is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Levels 0 to 2^31 - 1, for training and for choosing checkpoints.
    #[default]
    Train,
    /// Levels 2^31 to 2^32 - 1, of the same distribution and never trained on.
    Test,
    /// Levels 2^32 to 2^33 - 1: faults, or loads, that the other two never show.
    Heldout,
}

impl Split {
    /// The names that a user may type.
    pub const NAMES: [&'static str; 3] = ["train", "test", "heldout"];

    /// The first level of the split.
    pub fn first_level(self) -> u64 {
        match self {
            Split::Train => 0,
            Split::Test => 1 << 31,
            Split::Heldout => 1 << 32,
        }
    }

    /// How many levels the split has.
    pub fn num_levels(self) -> u64 {
        match self {
            Split::Train | Split::Test => 1 << 31,
            Split::Heldout => 1 << 32,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Split::NAMES[*self as usize])
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "train" => Ok(Split::Train),
            "test" => Ok(Split::Test),
            "heldout" => Ok(Split::Heldout),
            _ => Err(format!("unknown split `{text}`; allowed: {}", Split::NAMES.join(", "))),
        }
    }
}

/// An episode's number: with the scenario it fixes every random choice of the dynamics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Level(u64);

impl Level {
    /// The level of a number below 2^33, and none beyond.
    pub fn new(number: u64) -> Option<Self> {
        (number < 1 << 33).then_some(Self(number))
    }

    /// The level's number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The split that the level belongs to.
    pub fn split(self) -> Split {
        match self.0 >> 31 {
            0 => Split::Train,
            1 => Split::Test,
            _ => Split::Heldout,
        }
    }

    /// The `k`-th level that `seed` draws from a split.
    pub fn draw(split: Split, seed: u64, k: u64) -> Self {
        let mut rng = CounterRng::new(seed, Stream::LevelDraw, k);
        let number = rand::TryRng::try_next_u64(&mut rng).unwrap_or_else(|never| match never {});
        Self(split.first_level() + number % split.num_levels())
    }
}

/// The levels that a seed draws from a split, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelDraws {
    split: Split,
    seed: u64,
    drawn: u64,
}

impl LevelDraws {
    /// Nothing drawn yet.
    pub fn new(split: Split, seed: u64) -> Self {
        Self { split, seed, drawn: 0 }
    }

    /// The split that levels are drawn from.
    pub fn split(&self) -> Split {
        self.split
    }

    /// How many levels were drawn since the seed was set.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }

    /// The level that a reset begins. A level that the caller names stands for the one that would have been drawn.
    pub fn begin(&mut self, start: Start) -> Level {
        if let Start::Seed(seed) = start {
            *self = Self::new(self.split, seed);
        }
        self.drawn += 1;
        match start {
            Start::Level(level) => level,
            Start::Seed(_) | Start::Next => Level::draw(self.split, self.seed, self.drawn - 1),
        }
    }
}

/// Which episode a reset begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The first that this seed draws.
    Seed(u64),
    /// The next that the seed at hand draws.
    Next,
    /// This one, in place of the next.
    Level(Level),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_level_lies_in_its_split() {
        for split in [Split::Train, Split::Test, Split::Heldout] {
            for k in 0..1000 {
                assert_eq!(Level::draw(split, 3, k).split(), split);
            }
            assert_eq!(split.to_string().parse::<Split>(), Ok(split));
        }
    }

    #[test]
    fn levels_end_at_two_to_the_thirty_third() {
        assert!(Level::new((1 << 33) - 1).is_some());
        assert!(Level::new(1 << 33).is_none());
    }
}
