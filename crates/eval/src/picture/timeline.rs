//! The episode's time axis: availability, latency, faults, incidents and actions above one scale.

use embedded_graphics::mono_font::iso_8859_1::{FONT_5X8, FONT_6X10, FONT_6X13_BOLD};

use super::{
    canvas::{Area, At, Canvas, Colour, fitted, text_width},
    health::Health,
    history::{History, Story, good_ratio},
    marks::{self, ACTION, DETECTION, FAULT, FAULT_BAR, GREY, INK, Moment, PALE, SILVER},
    words::{clock, milliseconds, percent},
};
use crate::episode::{BAD_RATIO, Sample};

/// Width of the labels left of the axis, and of the scales right of it.
const LABELS: f32 = 92.0;
const SCALES: f32 = 44.0;
const PLOT_HEIGHT: f32 = 44.0;
/// Nines of availability at the top of its plot, and powers of two around the latency's objective.
const MOST_NINES: f32 = 4.0;
const OCTAVES: f32 = 3.0;

/// The time axis within an area.
struct Axis {
    left: f32,
    width: f32,
    end_s: f64,
    decision_s: f64,
}

impl Axis {
    fn x(&self, time_s: f64) -> f32 {
        self.left + self.width * (time_s / self.end_s).clamp(0.0, 1.0) as f32
    }
}

/// Draws everything in an area 186 pixels high.
pub(super) fn draw(canvas: &mut Canvas, area: Area, history: &History) {
    let (decisions, decision_s) = history.extent();
    let axis = Axis {
        left: area.left + LABELS,
        width: area.width - LABELS - SCALES,
        end_s: (decisions as f64 * decision_s).max(1e-9),
        decision_s,
    };
    let last = history.samples().last();
    let plot = |top: f32| Area { left: axis.left, top, width: axis.width, height: PLOT_HEIGHT };

    let good = plot(area.top);
    let now = percent(last.and_then(good_ratio), 2);
    label(canvas, area.left, good.top + 6.0, "availability", Some(&now));
    bars(canvas, &axis, good, history, |sample| {
        let bad = 1.0 - good_ratio(sample)?;
        Some((nines(bad) / MOST_NINES, bad > BAD_RATIO))
    });
    for (ratio, words) in [(0.1, "90 %"), (0.01, "99 %"), (0.001, "99.9 %")] {
        rule(canvas, good, nines(ratio) / MOST_NINES, words);
    }

    let slow = plot(good.bottom() + 5.0);
    let slo_ms = history.slo_p99_ms();
    label(
        canvas,
        area.left,
        slow.top + 6.0,
        "p99 latency",
        Some(&milliseconds(last.map_or(f64::NAN, |own| own.p99_ms))),
    );
    bars(canvas, &axis, slow, history, |sample| {
        let octaves = libm::log2(sample.p99_ms / slo_ms) as f32;
        sample.p99_ms.is_finite().then_some(((octaves + OCTAVES) / (2.0 * OCTAVES), sample.p99_ms > slo_ms))
    });
    rule(canvas, slow, 0.5, &milliseconds(slo_ms));

    let lanes = slow.bottom() + 5.0;
    let base = lanes + 54.0;
    scale(canvas, &axis, base);
    // Words of the faults' lane stand over the lines.
    story(canvas, &axis, area, good.top, base, &history.story());
    faults(canvas, &axis, Area { left: area.left, top: lanes, width: area.width, height: 24.0 }, history);
    incidents(canvas, &axis, area.left, lanes + 28.0, history);
    actions(canvas, &axis, area.left, lanes + 41.0, history);
    if let Some(last) = last {
        let x = axis.x(last.end_s);
        canvas.line(At { x, y: good.top }, At { x, y: base }, 1.0, INK);
    }
}

/// How many nines a ratio of bad requests leaves: 0.01 leaves two.
fn nines(bad: f64) -> f32 {
    -libm::log10(bad.clamp(1e-9, 1.0)) as f32
}

fn label(canvas: &mut Canvas, left: f32, top: f32, name: &str, value: Option<&str>) {
    canvas.text(left, top, &FONT_6X10, GREY, name);
    if let Some(value) = value {
        canvas.text(left, top + 12.0, &FONT_6X13_BOLD, INK, value);
    }
}

/// A horizontal line at a height from 0 to 1, and what it stands for.
fn rule(canvas: &mut Canvas, plot: Area, height: f32, words: &str) {
    let y = plot.bottom() - plot.height * height;
    canvas.line(At { x: plot.left, y }, At { x: plot.right(), y }, 0.8, SILVER);
    canvas.text(plot.right() + 5.0, y - 5.0, &FONT_6X10, GREY, words);
}

/// A bar per decision, from the figure's height (0 to 1) and whether it is beyond the objective; the worse one where
/// several share a column of pixels.
fn bars(
    canvas: &mut Canvas,
    axis: &Axis,
    plot: Area,
    history: &History,
    figure: impl Fn(&Sample) -> Option<(f32, bool)>,
) {
    canvas.fill(plot, PALE);
    for sample in history.samples() {
        let Some((height, is_beyond)) = figure(sample) else { continue };
        let health = if is_beyond { Health::Failing } else { Health::Well };
        let left = axis.x(history.start_s(sample)).floor();
        let width = (axis.x(sample.end_s).floor() - left).max(1.0);
        let height = (plot.height * height.clamp(0.0, 1.0)).max(1.0).round();
        let bar = Area { left, top: plot.bottom() - height, width, height };
        canvas.fill(bar, bar_colour(health));
        canvas.fill(Area { height: 2.0, ..bar }, marks::colour(health));
    }
}

fn bar_colour(health: Health) -> Colour {
    if health == Health::Well { Colour::new(196, 231, 219) } else { FAULT_BAR }
}

/// A bar for each fault that has begun, with what it is beside it.
fn faults(canvas: &mut Canvas, axis: &Axis, area: Area, history: &History) {
    label(canvas, area.left, area.top + 7.0, "faults", None);
    let row_height = area.height / (history.faults().len().max(2)) as f32;
    for (row, fault) in history.faults().iter().enumerate() {
        let left = axis.x(fault.report.onset_s);
        let width = (axis.x(fault.until_s) - left).max(2.0);
        let bar = Area { left, top: area.top + row_height * row as f32, width, height: row_height - 1.5 };
        canvas.fill_box(bar, 2.0, if fault.is_active { FAULT } else { FAULT_BAR });
        // Words stand where there is more room: after the bar, or before it.
        let (before, after) = (left - axis.left, axis.left + axis.width - bar.right());
        let words = fitted(&FONT_6X10, &fault.words, before.max(after) - 8.0);
        let y = bar.centre().y - 5.0;
        if after >= before || text_width(&FONT_6X10, &words) + 8.0 <= after {
            canvas.text(bar.right() + 5.0, y, &FONT_6X10, INK, &words);
        } else {
            canvas.text_before(left - 5.0, y, &FONT_6X10, INK, &words);
        }
    }
}

/// A bar while any incident is open, a mark where one opens.
fn incidents(canvas: &mut Canvas, axis: &Axis, left: f32, top: f32, history: &History) {
    let open = history.open().len();
    let words = if open > 0 { format!("incidents {open}") } else { "incidents".to_owned() };
    label(canvas, left, top, &words, None);
    for (sample, moment) in history.samples().iter().zip(history.moments()) {
        let start = axis.x(history.start_s(sample));
        if moment.open > 0 {
            let bar = Area { left: start, top: top + 4.0, width: axis.x(sample.end_s) - start, height: 3.0 };
            canvas.fill(bar, DETECTION);
        }
    }
    for (sample, moment) in history.samples().iter().zip(history.moments()) {
        if moment.opened > 0 {
            canvas.diamond(At { x: axis.x(sample.end_s), y: top + 5.5 }, 4.5, DETECTION);
        }
    }
}

/// A tick for each action.
fn actions(canvas: &mut Canvas, axis: &Axis, left: f32, top: f32, history: &History) {
    let taken = history.samples().iter().filter(|sample| sample.acted);
    let count = taken.clone().count();
    let words = if count > 0 { format!("actions {count}") } else { "actions".to_owned() };
    label(canvas, left, top, &words, None);
    for sample in taken {
        let x = axis.x(history.start_s(sample));
        canvas.fill(Area { left: x - 1.0, top: top + 1.0, width: 2.0, height: 9.0 }, ACTION);
    }
}

/// The axis itself, with a mark at round times.
fn scale(canvas: &mut Canvas, axis: &Axis, y: f32) {
    canvas.line(At { x: axis.left, y }, At { x: axis.left + axis.width, y }, 1.0, GREY);
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0];
    let fallback = axis.end_s / 6.0;
    let step_s = steps.into_iter().find(|step| axis.end_s / step <= 10.5).unwrap_or(fallback);
    for mark in 0..=(axis.end_s / step_s + 1e-6) as u32 {
        let time_s = f64::from(mark) * step_s;
        let x = axis.x(time_s);
        canvas.line(At { x, y }, At { x, y: y + 3.0 }, 1.0, GREY);
        let words = clock(time_s, step_s);
        canvas.text(x - 0.5 * text_width(&FONT_5X8, &words), y + 5.0, &FONT_5X8, GREY, &words);
    }
}

/// Marks and lines at injection, detection, action and recovery, and how long each took.
fn story(canvas: &mut Canvas, axis: &Axis, area: Area, top: f32, base: f32, story: &Story) {
    let Some(injected_s) = story.injected_s else { return };
    let moments = [
        (Moment::Injected, story.injected_s),
        (Moment::Detected, story.detected_s),
        (Moment::Acted, story.acted_s),
        (Moment::Recovered, story.recovered_s),
    ];
    let mut left = axis.left;
    for (moment, time_s) in moments {
        let Some(time_s) = time_s else { continue };
        let x = axis.x(time_s);
        canvas.line(At { x, y: top }, At { x, y: base }, 1.0, moment.colour());
        moment.mark(canvas, At { x, y: base });
        let words = match moment {
            Moment::Injected => format!("{} at {}", moment.name(), clock(time_s, axis.decision_s)),
            _ => format!("{} +{}", moment.name(), clock(time_s - injected_s, axis.decision_s)),
        };
        let y = area.bottom() - 7.0;
        moment.mark(canvas, At { x: left + 5.0, y });
        canvas.text(left + 13.0, y - 5.0, &FONT_6X10, INK, &words);
        left += 13.0 + text_width(&FONT_6X10, &words) + 20.0;
    }
}
