//! The call graph with each service's health.

use microcloud_core::{Environment, FaultTarget, ServiceId};

use super::{
    canvas::{Area, At, Canvas},
    health::{Health, Reading},
    history::History,
    layout::{Layout, MOST_LABELLED},
    marks::{self, ACTION, FAINT, FAULT, FAULT_BAR, GREY, PALE, SILVER, badge},
    service_box,
    words::acted_upon,
};

/// Links from which they are a mass, drawn so that services stand out.
const MANY_LINKS: usize = 500;

/// Where the members of a layout lie in an area.
struct Field {
    area: Area,
    column_width: f32,
    row_height: f32,
    /// What stands for a service.
    shape: (f32, f32),
    is_labelled: bool,
}

impl Field {
    fn new(area: Area, layout: &Layout) -> Self {
        let column_width = area.width / layout.columns.max(1) as f32;
        let row_height = area.height / layout.height.max(1.0);
        let is_labelled = layout.num_services <= MOST_LABELLED;
        let gap = (0.2 * column_width).max(20.0);
        let shape = if is_labelled {
            ((column_width - gap).clamp(8.0, 150.0), (0.8 * row_height).min(46.0))
        } else {
            let size = (0.62 * row_height.min(column_width)).clamp(2.0, 16.0);
            (size, size)
        };
        Self { area, column_width, row_height, shape, is_labelled }
    }

    fn at(&self, layout: &Layout, member: usize) -> At {
        let member = &layout.members[member];
        At {
            x: self.area.left + (member.column as f32 + 0.5) * self.column_width,
            y: self.area.top + member.y * self.row_height,
        }
    }

    fn shape_at(&self, layout: &Layout, member: usize) -> Area {
        let (width, height) = if layout.members[member].is_waypoint { (self.shape.0, 0.0) } else { self.shape };
        Area::around(self.at(layout, member), width, height)
    }
}

/// Draws calls and services; returns whether there was room for the services' numbers.
pub(super) fn draw(
    canvas: &mut Canvas,
    area: Area,
    environment: &Environment,
    history: &History,
    readings: &[Reading],
) -> bool {
    let layout = history.layout();
    let field = Field::new(area, layout);
    links(canvas, &field, layout, readings);
    arrows(canvas, &field, layout, environment);
    let faults = environment.active_faults();
    let acted = acted_upon(environment, history);
    for (service, reading) in readings.iter().enumerate() {
        let shape = field.shape_at(layout, service);
        let target = FaultTarget::Service(ServiceId(service as u32));
        if field.is_labelled {
            service_box::draw(canvas, shape, environment, service, reading);
        } else {
            marks::health(canvas, reading.health, shape.centre(), 0.5 * shape.width);
        }
        if acted == Some(target) {
            canvas.outline_box(shape.grown(4.0), 7.0, 2.5, ACTION);
        }
        let own = faults.iter().filter(|fault| fault.target == target);
        for (place, fault) in own.enumerate() {
            let right = shape.right() + 6.0 - 22.0 * place as f32;
            badge(canvas, At { x: right, y: shape.top - 5.0 }, &fault.id.to_string());
        }
    }
    field.is_labelled && service_box::has_numbers(field.shape.1)
}

/// Calls; those to services that fail are drawn last, and thicker.
fn links(canvas: &mut Canvas, field: &Field, layout: &Layout, readings: &[Reading]) {
    let fails = |member: usize| {
        let service = layout.members[member].service;
        readings.get(service).is_some_and(|reading| reading.health >= Health::Failing)
    };
    for failing in [false, true] {
        let (colour, thickness) = match (failing, field.is_labelled) {
            (true, true) => (FAULT, 2.4),
            (true, false) => (FAULT_BAR, 1.2),
            (false, true) => (SILVER, 1.3),
            (false, false) => (if layout.links.len() > MANY_LINKS { PALE } else { FAINT }, 1.0),
        };
        for link in layout.links.iter().filter(|link| fails(link.to) == failing) {
            let (from, to) = (field.shape_at(layout, link.from), field.shape_at(layout, link.to));
            let start = At { x: from.right(), y: from.centre().y };
            let end = At { x: to.left, y: to.centre().y };
            if field.is_labelled {
                canvas.curve(start, end, thickness, colour);
            } else {
                canvas.line(start, end, thickness, colour);
            }
        }
        // Waypoints are passed on the level.
        for (index, member) in layout.members.iter().enumerate().filter(|(_, member)| member.is_waypoint) {
            if fails(index) == failing && member.is_waypoint {
                let own = field.shape_at(layout, index);
                let y = own.centre().y;
                canvas.line(At { x: own.left, y }, At { x: own.right(), y }, thickness, colour);
            }
        }
    }
}

/// Arrows into the services that users call.
fn arrows(canvas: &mut Canvas, field: &Field, layout: &Layout, environment: &Environment) {
    let topology = environment.topology();
    let scenario = topology.scenario();
    let own = scenario.tenants.iter().filter_map(|tenant| tenant.entry.as_deref());
    for name in own.chain([scenario.workload.entry.as_str()]) {
        if let Some(service) = topology.service(name)
            && field.is_labelled
        {
            let shape = field.shape_at(layout, service.index());
            let y = shape.centre().y;
            canvas.line(At { x: shape.left - 12.0, y }, At { x: shape.left - 2.0, y }, 1.6, GREY);
            for side in [-4.0, 4.0] {
                canvas.line(At { x: shape.left - 6.0, y: y + side }, At { x: shape.left - 2.0, y }, 1.6, GREY);
            }
        }
    }
}
