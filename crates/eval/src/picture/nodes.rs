//! The nodes by zone: which are drained, and which a fault strikes.

use embedded_graphics::mono_font::iso_8859_1::FONT_6X10;
use microcloud_core::{Environment, FaultTarget, NodeId, ZoneId};

use super::{
    canvas::{Area, At, Canvas, fitted, text_width},
    health::Health,
    history::History,
    marks::{self, ACTION, FAULT, GREY, GROUND, INK, PALE, SILVER, badge},
    words::{acted_upon, struck},
};

/// Draws the nodes, grouped by zone, in one row.
pub(super) fn draw(canvas: &mut Canvas, area: Area, environment: &Environment, history: &History) {
    let topology = environment.topology();
    let drained = history.drained(environment);
    let (struck_nodes, struck_zones) = struck(environment);
    let faults = environment.active_faults();
    let acted = acted_upon(environment, history);
    let zones = topology.num_zones().max(1);
    let gap = 10.0;
    let share = (area.width - gap * (zones - 1) as f32) / (zones + topology.num_nodes()).max(1) as f32;
    let mut left = area.left;
    for (zone, name) in topology.zone_names().iter().enumerate() {
        let own = (0..topology.num_nodes()).filter(|&node| topology.node_zone(NodeId(node as u32)).index() == zone);
        let own: Vec<usize> = own.collect();
        let group = Area { left, width: share * (own.len() + 1) as f32, ..area };
        canvas.fill_box(group, 5.0, PALE);
        if struck_zones[zone] {
            canvas.outline_box(group, 5.0, 2.0, FAULT);
        }
        if acted == Some(FaultTarget::Zone(ZoneId(zone as u32))) {
            canvas.outline_box(group.grown(2.0), 6.0, 2.5, ACTION);
        }
        let words = fitted(&FONT_6X10, &format!("zone {name}"), share - 12.0);
        canvas.text(left + 8.0, area.top + 6.0, &FONT_6X10, GREY, &words);
        for (place, &index) in own.iter().enumerate() {
            let chip = Area { left: left + share * (place + 1) as f32, width: share - 4.0, ..area }.grown(-2.0);
            let target = FaultTarget::Node(NodeId(index as u32));
            let ids = faults.iter().filter(|fault| fault.place.unwrap_or(fault.target) == target);
            let ids: Vec<String> = ids.map(|fault| fault.id.to_string()).collect();
            let is_drained = drained.get(index).copied().unwrap_or(false);
            node(canvas, chip, topology.node_names().get(index), is_drained, struck_nodes[index], &ids);
            if acted == Some(target) {
                canvas.outline_box(chip.grown(2.0), 5.0, 2.5, ACTION);
            }
        }
        left += group.width + gap;
    }
}

/// One node: crossed out where a fault strikes it, hatched where it is drained.
fn node(canvas: &mut Canvas, area: Area, name: Option<&String>, drained: bool, struck: bool, faults: &[String]) {
    let edge = if struck { FAULT } else { SILVER };
    canvas.fill_box(area, 4.0, if struck { marks::tint(Health::Failing) } else { GROUND });
    if drained {
        let count = (area.width / 7.0) as usize;
        for stripe in 1..count {
            let x = area.left + 7.0 * stripe as f32;
            let (start, end) = (At { x, y: area.bottom() - 2.0 }, At { x: x + 6.0, y: area.top + 2.0 });
            canvas.line(start, end, 1.0, SILVER);
        }
    }
    canvas.outline_box(area, 4.0, if struck { 2.0 } else { 1.0 }, edge);
    let mut left = area.left + 6.0;
    if struck {
        canvas.cross(At { x: left + 3.0, y: area.centre().y }, 3.5, 2.0, FAULT);
        left += 12.0;
    }
    let state = if drained { "  drained" } else { "" };
    let words = format!("{}{state}", name.map_or("", String::as_str));
    let words = fitted(&FONT_6X10, &words, area.right() - left - 4.0);
    if drained {
        let behind = Area {
            left: left - 2.0,
            top: area.top + 2.0,
            width: text_width(&FONT_6X10, &words) + 4.0,
            height: area.height - 4.0,
        };
        canvas.fill(behind, GROUND);
    }
    canvas.text(left, area.top + 4.0, &FONT_6X10, INK, &words);
    for (place, id) in faults.iter().enumerate() {
        badge(canvas, At { x: area.right() - 4.0 - 23.0 * place as f32, y: area.top + 3.5 }, id);
    }
}
