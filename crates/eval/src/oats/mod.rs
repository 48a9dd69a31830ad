//! Orthogonal and covering arrays (OATS): systematic sets of failure scenarios, their certificates, and what they show.
//!
//! A [`Design`] is a list of rows over factors; [`design`] makes one. A [`Certificate`] counts which
//! pairs and triples of levels its rows hold. [`campaign`] plays one row after another with a policy, and counts again from
//! what the environment says was struck. [`Effects`] says which factor the outcomes hang on.
//!
//! Terms: OA(N, k, s, t) has N rows over k factors of s levels, and in any t columns every combination of levels stands
//! equally often (Hedayat, Sloane and Stufken, "Orthogonal Arrays", 1999); a covering array has every combination at least
//! once.

mod campaign;
mod certificate;
mod coverage;
mod design;
mod effects;
mod episode;
mod error;
mod factors;
mod linear;
mod page;
mod pairwise;
mod tables;

pub use campaign::{Campaign, CampaignConfig, Condition, Played, campaign, services_of};
pub use certificate::{Certificate, Coverage, Executed, Tuples};
pub use coverage::{TupleCount, balanced_strength, count_tuples};
pub use design::{Array, Design, Factor, Kind, design, orthogonal};
pub use effects::{EffectTable, Effects, FactorEffect, LevelEffect, effects};
pub use error::OatsError;
pub use factors::{Constraint, Factors};
pub use page::page;
pub use pairwise::pairwise;
