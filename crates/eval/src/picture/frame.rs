//! A frame: the header, and beneath it the call graph, the nodes and the episode's time axis.

use embedded_graphics::mono_font::iso_8859_1::{FONT_6X10, FONT_7X13, FONT_7X13_BOLD, FONT_9X18_BOLD};
use microcloud_core::Environment;

use super::{
    canvas::{Area, At, Canvas, fitted, text_width},
    graph,
    health::{Health, Reading, readings},
    history::{History, good_ratio},
    marks::{self, ACTION, GREY, GROUND, INK, SILVER},
    nodes, timeline,
    words::{action_words, clock, milliseconds, percent, reward, since},
};

const WIDTH: usize = 960;
const HEIGHT: usize = 600;
const MARGIN: f32 = 14.0;

/// A picture: `[height, width, 3]` bytes of red, green and blue, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row, even.
    pub width: usize,
    /// Rows, even.
    pub height: usize,
    /// Three bytes a pixel, from the upper left corner on.
    pub rgb: Vec<u8>,
}

/// The environment's present and the episode so far as a frame of 960 x 600 pixels.
///
/// A history of another cluster's episode is shown as if the episode began now.
pub fn draw(environment: &Environment, history: &History) -> Frame {
    if !history.fits(environment.topology()) {
        return draw(environment, &History::begin(environment));
    }
    let mut canvas = Canvas::new(WIDTH, HEIGHT, GROUND);
    let inner = WIDTH as f32 - 2.0 * MARGIN;
    let area = |top: f32, height: f32| Area { left: MARGIN, top, width: inner, height };
    header(&mut canvas, environment, history);
    let readings = readings(environment, history);
    let has_numbers = graph::draw(&mut canvas, area(66.0, 294.0), environment, history, &readings);
    legend(&mut canvas, 364.0, &readings, has_numbers);
    nodes::draw(&mut canvas, area(380.0, 22.0), environment, history);
    timeline::draw(&mut canvas, area(410.0, 186.0), history);
    Frame { width: WIDTH, height: HEIGHT, rgb: canvas.into_rgb() }
}

fn header(canvas: &mut Canvas, environment: &Environment, history: &History) {
    let scenario = environment.topology().scenario();
    let (decisions, decision_s) = history.extent();
    let right = WIDTH as f32 - MARGIN;
    let level = environment.level();
    let end_s = decisions as f64 * decision_s;
    let time = format!(
        "level {} ({})   {} of {}   decision {} of {decisions}",
        level.number(),
        level.split(),
        clock(environment.time_s(), decision_s),
        clock(end_s, decision_s),
        environment.decision(),
    );
    let time_left = right - text_width(&FONT_7X13, &time);
    let name = fitted(&FONT_9X18_BOLD, &scenario.name, time_left - MARGIN - 12.0);
    canvas.text(MARGIN, 7.0, &FONT_9X18_BOLD, INK, &name);
    canvas.text(time_left, 10.0, &FONT_7X13, GREY, &time);

    let last = history.samples().last();
    let figures = format!(
        "availability {} (so far {})   p99 {}   return {}{}",
        percent(last.and_then(good_ratio), 2),
        percent(history.availability(), 2),
        milliseconds(last.map_or(f64::NAN, |sample| sample.p99_ms)),
        reward(history.total_reward()),
        since(history, decision_s),
    );
    let figures_left = right - text_width(&FONT_7X13, &figures);
    canvas.text(figures_left, 32.0, &FONT_7X13, INK, &figures);
    canvas.text(MARGIN, 32.0, &FONT_7X13, GREY, "action");
    let is_fresh = history.moments().last().is_some_and(|moment| moment.action.is_some());
    let words = fitted(&FONT_7X13_BOLD, &action_words(environment, history), figures_left - MARGIN - 64.0);
    canvas.text(MARGIN + 50.0, 32.0, &FONT_7X13_BOLD, if is_fresh { ACTION } else { GREY }, &words);
    canvas.line(At { x: MARGIN, y: 52.0 }, At { x: right, y: 52.0 }, 1.0, SILVER);
}

/// What marks and numbers of services stand for, and how many services have each mark.
fn legend(canvas: &mut Canvas, top: f32, readings: &[Reading], has_numbers: bool) {
    let mut x = MARGIN;
    for health in Health::ALL {
        marks::health(canvas, health, At { x: x + 5.0, y: top + 5.0 }, 4.0);
        let count = readings.iter().filter(|reading| reading.health == health).count();
        let words = format!("{count} {}", health.name());
        canvas.text(x + 13.0, top, &FONT_6X10, GREY, &words);
        x += 13.0 + text_width(&FONT_6X10, &words) + 16.0;
    }
    let numbers = "replicas ready/wanted   utilisation   requests failing   (ground truth)";
    if has_numbers {
        canvas.text_before(WIDTH as f32 - MARGIN, top, &FONT_6X10, GREY, numbers);
    }
}
