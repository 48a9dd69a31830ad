//! Properties of tenants: who is turned away first, and that their figures add up to the whole.

use microcloud_core::{Environment, Level, Scenario, Topology};

/// One service that can take two thirds of what two tenants of equal size ask for.
fn crowded(quota: &str) -> Environment {
    let text = format!(
        "name = \"crowded\"\ntick_ms = 1000\ndecision_ticks = 5\nepisode_decisions = 60\n\
         [workload]\nentry = \"front\"\nrate_per_s = 300\n\
         [[tenants]]\nname = \"paying\"\npriority = 0\n\
         [[tenants]]\nname = \"free\"\npriority = 1\n{quota}\
         [[zones]]\nname = \"z\"\n[[nodes]]\nname = \"n\"\nzone = \"z\"\ncores = 20\n\
         [[services]]\nname = \"front\"\nreplicas = 4\nconcurrency = 5\nservice_time_ms = 100\nqueue_limit = 10\n"
    );
    let scenario = Scenario::from_toml(&text, "crowded").expect("a sound scenario");
    let mut environment = Environment::new(Topology::new(scenario).expect("a topology"));
    environment.reset(Level::new(1).expect("a level"));
    environment
}

/// Name, offered and bad requests of each tenant after some decisions.
fn tenants(environment: &mut Environment) -> Vec<(String, f64, f64)> {
    for _ in 0..12 {
        environment.step(0);
    }
    environment.tenants().map(|tenant| (tenant.name.to_owned(), tenant.offered, tenant.bad)).collect()
}

#[test]
fn where_room_is_short_those_of_low_priority_are_turned_away_first() {
    let mut environment = crowded("");
    let found = tenants(&mut environment);
    let [(paying, asked, lost), (free, others, most)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((paying.as_str(), free.as_str()), ("paying", "free"));
    assert!(lost / asked < 0.02, "{found:?}");
    assert!(most / others > 0.5, "{found:?}");
}

#[test]
fn the_tenants_figures_add_up_to_the_whole() {
    for quota in ["", "quota_per_s = 40\n"] {
        let mut environment = crowded(quota);
        let found = tenants(&mut environment);
        let metrics = *environment.metrics();
        let offered: f64 = found.iter().map(|tenant| tenant.1).sum();
        let bad: f64 = found.iter().map(|tenant| tenant.2).sum();
        assert!((offered / metrics.offered - 1.0).abs() < 1e-4, "{offered} {}", metrics.offered);
        assert!((bad / metrics.bad - 1.0).abs() < 1e-3, "{bad} {}", metrics.bad);
    }
}

#[test]
fn a_quota_turns_its_tenant_away_and_spares_the_other() {
    let mut environment = crowded("quota_per_s = 40\n");
    let found = tenants(&mut environment);
    let (paying, free) = (&found[0], &found[1]);
    assert!(paying.2 / paying.1 < 0.02, "{found:?}");
    // 150 a second asked, 40 let in.
    assert!((free.2 / free.1 - 110.0 / 150.0).abs() < 0.05, "{found:?}");
}
