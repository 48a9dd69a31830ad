//! Experiments on a voter that asks three replicas for two equal answers: small enough to say beforehand what comes out.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use microcloud_core::{Scenario, Topology};
use microcloud_eval::{
    Contender, EvaluationError, Progress,
    experiment::{
        Expectation, ExperimentConfig, ExperimentError, ExperimentReport, FaultSetting, StepReport, page,
        run_experiment,
    },
};

type Outcome = Result<(), Box<dyn Error>>;

/// A minute of fifty queries a second to a voter; replicas are probed every 200 ms.
fn quorum(service: &str, timeout_ms: u32) -> Result<Arc<Topology>, Box<dyn Error>> {
    let text = format!(
        "name = \"votes\"\ntick_ms = 50\ndecision_ticks = 10\nepisode_decisions = 120\n[slo]\np99_ms = 500\n\
         [workload]\nentry = \"voter\"\nrate_per_s = 50\ntimeout_ms = 2000\n[telemetry]\nscrape_s = 1\n\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n1\"\nzone = \"z\"\ncores = 100\n\
         [[nodes]]\nname = \"n2\"\nzone = \"z\"\ncores = 100\n\
         [[nodes]]\nname = \"n3\"\nzone = \"z\"\ncores = 100\n\
         [[services]]\nname = \"voter\"\nreplicas = 3\nservice_time_ms = 1\npool = 10000\n\
         [[services]]\nname = \"{service}\"\nreplicas = 3\nconcurrency = 20\nservice_time_ms = 20\nstartup_s = 0\n\
         error_ratio = 0.001\n\
         health = {{ interval_s = 0.2, timeout_ms = {timeout_ms}, failures = 3, successes = 5 }}\n\
         [[calls]]\nfrom = \"voter\"\nto = \"{service}\"\nquorum = 2\ntimeout_ms = 300\n"
    );
    Ok(Topology::new(Scenario::from_toml(&text, "votes")?)?)
}

fn config(topology: Arc<Topology>, faults: &[&str]) -> Result<ExperimentConfig, Box<dyn Error>> {
    let faults = faults.iter().map(|fault| {
        let setting: FaultSetting = fault.parse()?;
        Ok(FaultSetting { onset_s: Some(10.0), duration_s: Some(30.0), ..setting })
    });
    Ok(ExperimentConfig {
        faults: faults.collect::<Result<Vec<_>, ExperimentError>>()?,
        ..ExperimentConfig::new(topology, Contender::baseline("no-op")?)
    })
}

fn step<'a>(report: &'a ExperimentReport, name: &str) -> Result<&'a StepReport, String> {
    report.steps.iter().find(|step| step.name == name).ok_or_else(|| format!("no step {name}"))
}

#[test]
fn the_described_steps_come_out_as_closed_forms_say() -> Outcome {
    let report = run_experiment(&config(quorum("inventory", 200)?, &[])?, &())?;
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["baseline", "crash", "latency", "intermittent", "incorrect"]);
    let baseline = step(&report, "baseline")?;
    assert!(baseline.availability.is_some_and(|ratio| ratio > 0.9999), "{baseline:?}");
    assert!(baseline.fault.is_none() && baseline.ttd_s.is_none() && baseline.ttr_s.is_none());
    // Three checks 200 ms apart fail at once.
    let crash = step(&report, "crash")?;
    let ttd_s = crash.taken_out_s.ok_or("not detected")?;
    assert!(ttd_s.min > 0.4 - 1e-9 && ttd_s.max < 0.6 + 1e-9, "{ttd_s:?}");
    assert!((ttd_s.mean - 0.5).abs() < 0.06 && crash.taken_out_ratio == Some(1.0), "{crash:?}");
    // Two of two replies, each of 0.999, are needed.
    assert!(crash.quorum_ratio.is_some_and(|ratio| (0.99..0.999).contains(&ratio)), "{crash:?}");
    assert!(crash.success_ratio.is_some_and(|ratio| ratio > 0.99), "{crash:?}");
    assert!(crash.p95_ms.is_some_and(|p95_ms| p95_ms < 1000.0), "{crash:?}");
    // Two fast replies suffice while one is late, and the voter gives up after 300 ms where there are too few.
    let latency = step(&report, "latency")?;
    assert!(latency.p95_ms.is_some_and(|p95_ms| p95_ms < 320.0), "{latency:?}");
    let ttd_s = latency.taken_out_s.ok_or("not detected")?;
    assert!(ttd_s.min > 0.6 - 1e-9 && ttd_s.max < 0.85, "{ttd_s:?}");
    // Five good checks 200 ms apart bring it back.
    let back_s = latency.readmission_s.ok_or("not back")?;
    assert!(back_s.min > 0.75 && back_s.max < 1.1, "{back_s:?}");
    // (1 - p^3) / ((1 - p) p^3) checks for p = 0.5: 14 of them, 2.7 s on average, of which 30 s hide almost nothing.
    let intermittent = step(&report, "intermittent")?;
    let ttd_s = intermittent.taken_out_s.ok_or("not detected")?;
    assert!((ttd_s.mean - 2.7).abs() < 0.1 && (ttd_s.p95 - 7.5).abs() < 0.3, "{ttd_s:?}");
    assert!(intermittent.taken_out_ratio.is_some_and(|ratio| ratio > 0.99), "{intermittent:?}");
    // Wrong answers pass every health check.
    assert!(step(&report, "incorrect")?.taken_out_s.is_none());
    assert_eq!(
        step(&report, "incorrect")?.fault.as_ref().map(|fault| fault.targets.clone()),
        Some(vec!["inventory".to_owned()])
    );
    Ok(())
}

#[test]
fn the_same_experiment_gives_the_same_report_on_any_number_of_threads() -> Outcome {
    let base = ExperimentConfig { episodes: 5, ..config(quorum("inventory", 200)?, &["crash", "latency:800"])? };
    let [one, two] = [1, 2].map(|threads| run_experiment(&ExperimentConfig { threads, ..base.clone() }, &()));
    assert_eq!(one?.to_json(), two?.to_json());
    let other = run_experiment(&ExperimentConfig { seed: 1, ..base.clone() }, &())?;
    assert_ne!(other.to_json(), run_experiment(&base, &())?.to_json());
    Ok(())
}

#[test]
fn a_claim_stands_beside_what_was_measured() -> Outcome {
    let expectation = |claimed, computed| Expectation {
        step: "latency".to_owned(),
        quantity: "taken_out_s".to_owned(),
        statistic: "range".to_owned(),
        claim: "about 600 ms".to_owned(),
        claimed: Some(claimed),
        computed: Some(computed),
        because: String::new(),
    };
    let measured = |timeout_ms: u32| -> Result<ExperimentReport, Box<dyn Error>> {
        let base = config(quorum("inventory", timeout_ms)?, &["latency:300"])?;
        let expectations = vec![expectation([0.0, 1.0], [0.4, 1.0])];
        Ok(run_experiment(&ExperimentConfig { expectations, episodes: 5, ..base }, &())?)
    };
    let fast = measured(200)?;
    assert_eq!(fast.findings[0].claim_verdict, Some("holds"), "{:?}", fast.findings);
    // A probe that waits for ten seconds never fails.
    let slow = measured(10_000)?;
    assert_eq!((slow.findings[0].measured, slow.findings[0].claim_verdict), (None, None), "{:?}", slow.findings);
    assert!(page(&fast)?.contains("What the description says") && fast.to_string().contains("holds"));
    Ok(())
}

#[test]
fn the_page_needs_nothing_else_and_shows_names_as_they_are_written() -> Outcome {
    let base = config(quorum("<script>&'", 200)?, &["crash"])?;
    let html = page(&run_experiment(&ExperimentConfig { episodes: 2, ..base }, &())?)?;
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;&amp;&#39;"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        let found = html.matches(outside).count();
        // The namespace of the pictures is a name, not an address that anything is fetched from.
        let names = if outside == "http://" { html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count() } else { 0 };
        assert_eq!(found, names, "{outside}");
    }
    assert!(html.matches("<svg").count() >= 3 && html.contains("injected"));
    Ok(())
}

#[test]
fn measuring_changes_nothing_about_the_episode() -> Outcome {
    let topology = Topology::new(Scenario::load("spine12")?)?;
    let levels: Vec<_> = (0..3).map(|k| microcloud_core::Level::draw(microcloud_core::Split::Train, 0, k)).collect();
    // Without its catalogue the scenario draws no fault, as the baseline.
    let mut calm = topology.scenario().clone();
    calm.faults.catalogue.clear();
    let calm = Topology::new(calm)?;
    for policy in ["no-op", "threshold-rules", "random"] {
        let contender = Contender::baseline(policy)?;
        let played = microcloud_eval::play(&calm, &contender, &levels, None, &())?;
        let config = ExperimentConfig {
            episodes: 3,
            faults: vec!["crash@auth".parse()?],
            ..ExperimentConfig::new(Arc::clone(&topology), contender)
        };
        let report = run_experiment(&config, &())?;
        let baseline = step(&report, "baseline")?;
        let availability = played.iter().filter_map(|outcome| outcome.availability).sum::<f64>() / 3.0;
        let actions = played.iter().map(|outcome| outcome.actions).sum::<f64>() / 3.0;
        assert!((baseline.availability.ok_or("no availability")? - availability).abs() < 1e-9, "{policy}");
        assert!((baseline.actions - actions).abs() < 1e-9, "{policy}");
    }
    Ok(())
}

#[test]
fn faults_that_do_not_fit_are_refused_before_anything_is_played() -> Outcome {
    struct Never;
    impl Progress for Never {
        fn advance(&self, _: usize) {
            unreachable!("an episode was played");
        }
    }
    let topology = quorum("inventory", 200)?;
    for (fault, part) in [
        ("crash@inventroy", "did you mean `inventory`"),
        ("cold-cache:0.5", "strikes cache"),
        ("intermittent:2", "allowed: 0 to 1"),
    ] {
        let refused =
            run_experiment(&config(Arc::clone(&topology), &[fault])?, &Never).map_err(|error| error.to_string());
        assert!(refused.as_ref().is_err_and(|message| message.contains(part)), "{fault}: {refused:?}");
    }
    Ok(())
}

#[test]
fn whoever_asks_to_stop_gets_no_report() -> Outcome {
    struct After(AtomicUsize);
    impl Progress for After {
        fn advance(&self, episodes: usize) {
            self.0.fetch_add(episodes, Ordering::Relaxed);
        }
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 2
        }
    }
    let stopped = run_experiment(&config(quorum("inventory", 200)?, &["crash"])?, &After(AtomicUsize::new(0)));
    assert!(matches!(stopped, Err(ExperimentError::Evaluation(EvaluationError::Interrupted))));
    Ok(())
}
