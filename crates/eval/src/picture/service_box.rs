//! A service's box: its mark and name, its numbers, and its utilisation as a bar.

use embedded_graphics::mono_font::{
    MonoFont,
    iso_8859_1::{FONT_5X8, FONT_6X10, FONT_6X13_BOLD, FONT_7X13_BOLD},
};
use microcloud_core::{Environment, Service};

use super::{
    canvas::{Area, At, Canvas, fitted, text_width},
    health::{Health, Reading, class_tag},
    marks::{self, GREY, GROUND, INK},
};

/// What fits into a box of some height: fonts of the name, the largest that fits being taken, fonts of the numbers, and
/// the height of the bar.
struct Plan {
    names: &'static [&'static MonoFont<'static>],
    numbers: &'static [&'static MonoFont<'static>],
    name_height: f32,
    numbers_height: f32,
    bar_height: f32,
}

const ROOMY: Plan = Plan {
    names: &[&FONT_7X13_BOLD, &FONT_6X13_BOLD, &FONT_6X10, &FONT_5X8],
    numbers: &[&FONT_6X10, &FONT_5X8],
    name_height: 13.0,
    numbers_height: 10.0,
    bar_height: 3.0,
};
const TIGHT: Plan = Plan {
    names: &[&FONT_6X10, &FONT_5X8],
    numbers: &[&FONT_5X8],
    name_height: 10.0,
    numbers_height: 7.0,
    bar_height: 2.0,
};
const BARE: Plan =
    Plan { names: &[&FONT_6X10, &FONT_5X8], numbers: &[], name_height: 9.0, numbers_height: 0.0, bar_height: 2.0 };

impl Plan {
    fn of(height: f32) -> &'static Self {
        [&ROOMY, &TIGHT].into_iter().find(|plan| height >= plan.content() + 3.0).unwrap_or(&BARE)
    }

    fn content(&self) -> f32 {
        self.name_height + self.numbers_height + self.bar_height
    }
}

/// Whether boxes of that height have room for numbers.
pub(super) fn has_numbers(height: f32) -> bool {
    !Plan::of(height).numbers.is_empty()
}

/// Draws a service's box in its area.
pub(super) fn draw(canvas: &mut Canvas, area: Area, environment: &Environment, service: usize, reading: &Reading) {
    let topology = environment.topology();
    let own = marks::colour(reading.health);
    canvas.fill_box(area, 5.0, marks::tint(reading.health));
    canvas.outline_box(area, 5.0, if reading.health == Health::Well { 1.2 } else { 2.4 }, own);
    let plan = Plan::of(area.height);
    let gap = ((area.height - plan.content()) / 4.0).max(0.0);
    let name = topology.service_names().get(service).map_or("", String::as_str);
    let room = area.width - 20.0;
    let font = fitting(plan.names, name, room);
    let middle = area.top + gap + 0.5 * plan.name_height;
    marks::health(canvas, reading.health, At { x: area.left + 9.5, y: middle }, 4.2);
    let top = (middle - 0.5 * font.character_size.height as f32).round();
    canvas.text(area.left + 17.0, top, font, INK, &fitted(font, name, room));
    if !plan.numbers.is_empty() {
        let top = area.top + 2.0 * gap + plan.name_height;
        numbers(canvas, area, top.round(), plan.numbers, topology.scenario().services.get(service), reading);
    }
    let top = area.bottom() - gap - plan.bar_height;
    let bar = Area { left: area.left + 6.0, top, width: area.width - 12.0, height: plan.bar_height };
    canvas.fill(bar, GROUND);
    let filled = bar.width * (reading.utilisation.unwrap_or(0.0) as f32).clamp(0.0, 1.0);
    canvas.fill(Area { width: filled, ..bar }, own);
}

/// The first font in which a text fits, or the last.
fn fitting(fonts: &[&'static MonoFont<'static>], text: &str, room: f32) -> &'static MonoFont<'static> {
    let fits = fonts.iter().find(|font| text_width(font, text) <= room);
    fits.or(fonts.last()).copied().unwrap_or(&FONT_5X8)
}

/// Replicas ready and wanted, utilisation, failing requests, and where there is room the service's class.
fn numbers(
    canvas: &mut Canvas,
    area: Area,
    top: f32,
    fonts: &[&'static MonoFont<'static>],
    service: Option<&Service>,
    reading: &Reading,
) {
    let utilisation = reading.utilisation.map_or("-".to_owned(), |ratio| format!("{:.0}%", 100.0 * ratio));
    let own = [format!("{:.0}/{:.0}", reading.ready, reading.wanted), utilisation, failing(reading.failure)];
    let room = area.width - 12.0;
    let font = fitting(fonts, &own.join(" "), room);
    let wide = own.join("  ");
    let words = if text_width(font, &wide) <= room { wide } else { own.join(" ") };
    canvas.text(area.left + 6.0, top, font, INK, &fitted(font, &words, room));
    let tag = service.map_or("", |service| class_tag(service.class));
    if text_width(font, &words) + text_width(&FONT_5X8, tag) + 8.0 <= room {
        canvas.text_before(area.right() - 6.0, top + 1.0, &FONT_5X8, GREY, tag);
    }
}

/// A ratio of failing requests in at most four characters.
fn failing(ratio: f64) -> String {
    let percent = 100.0 * ratio;
    if percent < 9.95 { format!("{percent:.1}%") } else { format!("{percent:.0}%") }
}
