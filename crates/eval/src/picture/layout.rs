//! Where the services of a call graph stand: columns from the entries on, callers before callees, with few crossings.
//!
//! The layered drawing of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures",
//! IEEE Transactions on Systems, Man and Cybernetics 11, 1981): columns by longest path, order by barycentres, then
//! heights. Calls that pass a column do so at a waypoint, which all calls to the same service share.

use std::collections::BTreeSet;

use microcloud_core::Topology;

use super::order::{Drawing, LEAST_HEIGHT};

/// Services up to which they are drawn as boxes with names, and calls are led around them.
pub(super) const MOST_LABELLED: usize = 30;
/// Width over height of what stands for a service, gaps included: a box, and a mark.
const BOX_ASPECT: f32 = 3.1;
const MARK_ASPECT: f32 = 1.3;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member {
    pub column: usize,
    /// Height of its middle, from 0 to [`Layout::height`].
    pub y: f32,
    /// The service that stands there, or that a waypoint leads to.
    pub service: usize,
    pub is_waypoint: bool,
}

/// A call, or a part of one, from a member to one further right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub from: usize,
    pub to: usize,
}

/// A drawing of a call graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// Services first, in the scenario's order, then waypoints.
    pub members: Vec<Member>,
    pub links: Vec<Link>,
    pub columns: usize,
    /// In services that stand above each other.
    pub height: f32,
    pub num_services: usize,
}

impl Layout {
    /// The drawing of a topology's calls in a field that is `aspect` times as wide as high.
    pub fn new(topology: &Topology, aspect: f32) -> Self {
        let num_services = topology.num_services();
        let is_labelled = num_services <= MOST_LABELLED;
        let calls = calls(topology);
        let (column, columns) = columns(topology, &calls, aspect, is_labelled);
        let service = |service: usize| Member { column: column[service], y: 0.0, service, is_waypoint: false };
        let mut members: Vec<Member> = (0..num_services).map(service).collect();
        let links = if is_labelled {
            waypoints(&mut members, &calls)
        } else {
            calls.iter().map(|&(from, to)| Link { from, to }).collect()
        };
        let mut drawing = Drawing::new(&members, links, columns);
        drawing.sort(is_labelled);
        let height = drawing.place();
        for (member, &y) in members.iter_mut().zip(&drawing.y) {
            member.y = y;
        }
        Self { members, links: drawing.links, columns, height, num_services }
    }
}

/// Every pair of a caller and a callee, once.
fn calls(topology: &Topology) -> Vec<(usize, usize)> {
    let own = |service: microcloud_core::ServiceId| {
        topology.callees(service).map(move |callee| (service.index(), callee.index()))
    };
    topology.depth_order().flat_map(own).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Each service's column and how many there are: layers by longest path, wide ones spread over several columns.
fn columns(topology: &Topology, calls: &[(usize, usize)], aspect: f32, is_labelled: bool) -> (Vec<usize>, usize) {
    let mut layer = vec![0; topology.num_services()];
    for caller in topology.depth_order() {
        for callee in topology.callees(caller) {
            layer[callee.index()] = layer[callee.index()].max(layer[caller.index()] + 1);
        }
    }
    let layers = layer.iter().max().map_or(1, |last| last + 1);
    let mut calls_others = vec![false; layer.len()];
    calls.iter().for_each(|&(from, _)| calls_others[from] = true);
    let mut own: Vec<Vec<usize>> = vec![Vec::new(); layers];
    for service in topology.depth_order() {
        own[layer[service.index()]].push(service.index());
    }
    // Those that call others come last, next to what they call.
    own.iter_mut().for_each(|services| services.sort_by_key(|&service| calls_others[service]));
    let shape = if is_labelled { BOX_ASPECT } else { MARK_ASPECT };
    let needed = |rows: usize| own.iter().map(|services| services.len().div_ceil(rows)).sum::<usize>().max(1);
    let size = |rows: usize| (aspect / (needed(rows) as f32 * shape)).min(1.0 / (rows as f32).max(LEAST_HEIGHT));
    let most = own.iter().map(Vec::len).max().unwrap_or(1).max(1);
    // The most rows among those that leave the most room: fewer columns, shorter calls.
    let rows = (1..=most).fold(1, |best, rows| if size(rows) >= size(best) { rows } else { best });
    let mut column = vec![0; layer.len()];
    let mut next = 0;
    for services in &own {
        let parts = services.len().div_ceil(rows).max(1);
        for (place, &service) in services.iter().enumerate() {
            column[service] = next + place * parts / services.len();
        }
        next += parts;
    }
    (column, next)
}

/// Adds the waypoints of the calls that pass columns, and says what is linked.
fn waypoints(members: &mut Vec<Member>, calls: &[(usize, usize)]) -> Vec<Link> {
    let mut links = BTreeSet::new();
    for callee in 0..members.len() {
        let callers = calls.iter().filter(|&&(_, to)| to == callee).map(|&(from, _)| from);
        let last = members[callee].column;
        let mut stops: Vec<(usize, usize)> = vec![(last, callee)];
        let mut callers: Vec<usize> = callers.collect();
        callers.sort_by_key(|&caller| std::cmp::Reverse(members[caller].column));
        for caller in callers {
            // Waypoints back to the column after the caller's, whence the others' are reached.
            while let Some(&(column, stop)) = stops.last()
                && column > members[caller].column + 1
            {
                members.push(Member { column: column - 1, y: 0.0, service: callee, is_waypoint: true });
                stops.push((column - 1, members.len() - 1));
                links.insert((members.len() - 1, stop));
            }
            if let Some(&(_, stop)) = stops.iter().find(|&&(column, _)| column == members[caller].column + 1) {
                links.insert((caller, stop));
            }
        }
    }
    links.into_iter().map(|(from, to)| Link { from, to }).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use microcloud_core::Scenario;

    use super::*;

    fn layouts() -> Result<Vec<Layout>, Box<dyn Error>> {
        let mut all = Vec::new();
        for name in ["spine12", "online-boutique", "random", "random-7"] {
            all.push(Layout::new(&*Topology::new(Scenario::load(name)?)?, 3.0));
        }
        for services in [3, 30, 31, 300] {
            all.push(Layout::new(&*Topology::new(Scenario::generate(5, services)?)?, 3.0));
        }
        Ok(all)
    }

    #[test]
    fn callers_stand_left_of_callees() -> Result<(), Box<dyn Error>> {
        for layout in layouts()? {
            assert!(!layout.links.is_empty());
            for link in &layout.links {
                assert!(layout.members[link.from].column < layout.members[link.to].column);
            }
        }
        Ok(())
    }

    #[test]
    fn every_call_can_be_followed_to_its_callee() -> Result<(), Box<dyn Error>> {
        let topology = Topology::new(Scenario::load("spine12")?)?;
        let layout = Layout::new(&topology, 3.0);
        for (caller, callee) in calls(&topology) {
            let mut at = caller;
            while at != callee {
                let leads = |link: &&Link| link.from == at && layout.members[link.to].service == callee;
                at = layout.links.iter().find(leads).ok_or(format!("{caller} to {callee} ends at {at}"))?.to;
            }
        }
        Ok(())
    }

    #[test]
    fn members_of_a_column_do_not_overlap_and_lie_inside() -> Result<(), Box<dyn Error>> {
        for layout in layouts()? {
            let size = |member: &Member| if member.is_waypoint { 0.32 } else { 1.0 };
            for (index, a) in layout.members.iter().enumerate() {
                assert!(a.y - 0.5 * size(a) > -1e-3 && a.y + 0.5 * size(a) < layout.height + 1e-3);
                for b in layout.members[index + 1..].iter().filter(|b| b.column == a.column) {
                    assert!((a.y - b.y).abs() > 0.5 * (size(a) + size(b)) - 1e-3, "{a:?} {b:?}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn few_links_of_the_built_in_scenarios_cross() -> Result<(), Box<dyn Error>> {
        for (name, most) in [("spine12", 12), ("online-boutique", 6)] {
            let layout = Layout::new(&*Topology::new(Scenario::load(name)?)?, 3.0);
            let ends = |link: &Link| (layout.members[link.from], layout.members[link.to]);
            let crosses = |a: &Link, b: &Link| {
                let ((a, c), (b, d)) = (ends(a), ends(b));
                a.column == b.column && (a.y - b.y) * (c.y - d.y) < 0.0
            };
            let links = &layout.links;
            let crossings: usize = (0..links.len())
                .map(|index| links[index + 1..].iter().filter(|other| crosses(&links[index], other)).count())
                .sum();
            assert!(crossings <= most, "{name}: {crossings}");
        }
        Ok(())
    }
}
