//! The two scenarios' topologies.

use microcloud_core::Scenario;

use crate::play::topology;

#[test]
fn spine12_has_twelve_services_twenty_two_calls_and_at_most_twenty_groups() {
    let topology = topology("spine12");
    assert_eq!(topology.num_services(), 12);
    assert_eq!(topology.num_calls(), 22);
    assert!(topology.num_groups() <= 20);
}

/// Calls per root request in 538 traces of Online Boutique (IntelligentDDS/Nezha, MIT).
const TRACED: &[(&str, &str, f32)] = &[
    ("frontend", "currencyservice", 1.8959),
    ("frontend", "productcatalogservice", 1.6896),
    ("frontend", "cartservice", 0.4071),
    ("frontend", "recommendationservice", 0.2379),
    ("frontend", "shippingservice", 0.2026),
    ("frontend", "adservice", 0.1152),
    ("frontend", "checkoutservice", 0.0353),
    ("recommendationservice", "productcatalogservice", 0.2379),
    ("checkoutservice", "productcatalogservice", 0.0743),
    ("checkoutservice", "cartservice", 0.0706),
    ("checkoutservice", "shippingservice", 0.0706),
    ("checkoutservice", "paymentservice", 0.0353),
    ("checkoutservice", "emailservice", 0.0353),
];

#[test]
fn online_boutique_calls_as_often_as_its_traces_do() {
    let scenario = Scenario::load("online-boutique").expect("a built-in scenario");
    let topology = topology("online-boutique");
    let root = topology.nominal_requests_per_s(topology.service("frontend").expect("a service"));
    for &(from, to, traced) in TRACED {
        let call = scenario.calls.iter().find(|call| call.from == from && call.to == to).expect("the call");
        let caller = topology.nominal_requests_per_s(topology.service(from).expect("a service"));
        let modelled = caller / root * call.calls;
        assert!((modelled / traced - 1.0).abs() < 0.02, "{from} -> {to}: {modelled}, traced {traced}");
    }
    // The manifests name two more, which the traces do not show.
    assert_eq!(scenario.calls.len(), TRACED.len() + 2);
    assert_eq!(scenario.services.len(), 11);
}
