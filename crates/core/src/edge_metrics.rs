//! Ground truth about what users and quorum calls got in the last tick.

use crate::{
    environment::Environment,
    lanes::f32x4,
    simulation::responses::home_latency,
    state::{HEALTHY, IMPAIRED},
};

/// Answers of one population of an entry service's replicas in one zone in the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EdgeAnswers {
    /// Requests per second that it answers.
    pub per_s: f64,
    /// Mean of their response time in seconds, calls included.
    pub mean_s: f64,
    /// Its standard deviation.
    pub sd_s: f64,
}

/// Calls that ask every replica and wait for enough equal answers, over the whole cluster in the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QuorumMetrics {
    /// Calls per second, retries not counted.
    pub asked_per_s: f64,
    /// Those of them in which enough answers agreed in time.
    pub achieved_per_s: f64,
}

impl Environment {
    /// What users were answered in the last tick, by entry service, population and zone; response times of each are taken
    /// to be gamma distributed.
    pub fn edge_answers(&self) -> impl Iterator<Item = EdgeAnswers> + '_ {
        let state = self.state();
        let apart = home_latency(self.topology(), state).to_array();
        let entries = self.topology().entries.iter().map(|entry| &state.services[entry.to]);
        entries.flat_map(move |own| {
            let offered = own.offered_per_s.to_array();
            let kinds = if own.has_impaired { &[HEALTHY, IMPAIRED][..] } else { &[HEALTHY][..] };
            kinds.iter().flat_map(move |&kind| {
                let population = &own.populations[kind];
                let share = population.share.to_array();
                let (mean, sd) = (population.mean_s.to_array(), population.sd_s.to_array());
                (0..share.len()).map(move |zone| EdgeAnswers {
                    per_s: f64::from(offered[zone] * share[zone]),
                    mean_s: f64::from(mean[zone] + apart[zone]),
                    sd_s: f64::from(sd[zone]),
                })
            })
        })
    }

    /// How many quorum calls there were in the last tick, and how many reached their quorum; none where the scenario has no
    /// such call.
    pub fn quorum_metrics(&self) -> Option<QuorumMetrics> {
        let calls = self.topology().calls.iter().zip(&self.state().calls);
        let mut quorums = calls.filter(|(table, _)| table.quorum.is_some()).peekable();
        quorums.peek()?;
        Some(quorums.fold(QuorumMetrics::default(), |sum, (_, call)| {
            let achieved = call.first_per_s * (f32x4::ONE - call.failure);
            QuorumMetrics {
                asked_per_s: sum.asked_per_s + f64::from(call.first_per_s.reduce_add()),
                achieved_per_s: sum.achieved_per_s + f64::from(achieved.reduce_add()),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{environment::Environment, level::Level, scenario::Scenario, topology::Topology};

    fn environment(scenario: Scenario) -> Environment {
        let mut environment = Environment::new(Topology::new(scenario).expect("a topology"));
        environment.reset(Level::new(3).expect("a level"));
        environment.step(0);
        environment
    }

    fn voter(error_ratio: f32) -> Environment {
        let text = format!(
            "name = \"votes\"\ntick_ms = 50\ndecision_ticks = 10\nepisode_decisions = 100\nrules_off = [\"arrival-noise\"]\n\
             [workload]\nentry = \"voter\"\nrate_per_s = 50\n[[zones]]\nname = \"z\"\n\
             [[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 100\n\
             [[services]]\nname = \"voter\"\nreplicas = 3\nservice_time_ms = 1\n\
             [[services]]\nname = \"inventory\"\nreplicas = 3\nservice_time_ms = 5\nerror_ratio = {error_ratio}\n\
             [[calls]]\nfrom = \"voter\"\nto = \"inventory\"\nquorum = 2\n"
        );
        environment(Scenario::from_toml(&text, "votes").expect("a scenario"))
    }

    #[test]
    fn two_of_three_replies_agree_as_often_as_the_binomial_says() {
        let quorums = voter(0.1).quorum_metrics().expect("a quorum call");
        let (a, ratio) = (0.9_f64, quorums.achieved_per_s / quorums.asked_per_s);
        assert!((quorums.asked_per_s - 50.0).abs() < 0.5, "{quorums:?}");
        assert!((ratio - a * a * (3.0 - 2.0 * a)).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn without_a_quorum_call_there_is_no_quorum() {
        assert_eq!(environment(Scenario::load("spine12").expect("a scenario")).quorum_metrics(), None);
    }

    #[test]
    fn answers_at_the_edge_are_those_of_the_entry_service() {
        let environment = voter(0.0);
        let answers: Vec<_> = environment.edge_answers().filter(|answers| answers.per_s > 0.0).collect();
        let per_s: f64 = answers.iter().map(|answers| answers.per_s).sum();
        assert!((per_s - 50.0).abs() < 0.5, "{per_s}");
        assert!(answers.iter().all(|answers| answers.mean_s > 0.001 && answers.mean_s < 0.1), "{answers:?}");
    }
}
