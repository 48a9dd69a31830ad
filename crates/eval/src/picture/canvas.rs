//! A canvas of RGB pixels: anti-aliased shapes by their distance functions, and text in embedded-graphics' bitmap fonts.
//!
//! Plain `f32` arithmetic and square roots only, so that every machine draws the same bytes.

use std::convert::Infallible;

use embedded_graphics::{
    Drawable, Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoFont, MonoTextStyle},
    pixelcolor::{Rgb888, RgbColor},
    text::{Baseline, Text},
};

/// A colour without transparency.
pub(super) type Colour = Rgb888;

/// A position in pixels, from the upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct At {
    pub x: f32,
    pub y: f32,
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

impl Area {
    pub fn around(centre: At, width: f32, height: f32) -> Self {
        Self { left: centre.x - 0.5 * width, top: centre.y - 0.5 * height, width, height }
    }

    pub fn centre(self) -> At {
        At { x: self.left + 0.5 * self.width, y: self.top + 0.5 * self.height }
    }

    pub fn right(self) -> f32 {
        self.left + self.width
    }

    pub fn bottom(self) -> f32 {
        self.top + self.height
    }

    /// The area with so many pixels more on every side.
    pub fn grown(self, by: f32) -> Self {
        Self { left: self.left - by, top: self.top - by, width: self.width + 2.0 * by, height: self.height + 2.0 * by }
    }
}

/// Rows of RGB pixels.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, ground: Colour) -> Self {
        let pixel = [ground.r(), ground.g(), ground.b()];
        Self { width, height, rgb: pixel.repeat(width * height) }
    }

    /// The pixels, three bytes each, row by row.
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    fn blend(&mut self, x: usize, y: usize, colour: Colour, opacity: f32) {
        let at = 3 * (y * self.width + x);
        if let Some(pixel) = self.rgb.get_mut(at..at + 3) {
            for (own, new) in pixel.iter_mut().zip([colour.r(), colour.g(), colour.b()]) {
                let mixed = f32::from(*own) + (f32::from(new) - f32::from(*own)) * opacity;
                *own = (mixed + 0.5) as u8;
            }
        }
    }

    /// Paints what lies within `bounds` and where `distance` from the shape's edge is negative.
    fn paint(&mut self, bounds: Area, colour: Colour, distance: impl Fn(At) -> f32) {
        let (columns, rows) = (
            held(bounds.left - 1.0, self.width)..held(bounds.right() + 2.0, self.width),
            held(bounds.top - 1.0, self.height)..held(bounds.bottom() + 2.0, self.height),
        );
        for y in rows {
            for x in columns.clone() {
                let covered = 0.5 - distance(At { x: x as f32 + 0.5, y: y as f32 + 0.5 });
                if covered > 0.0 {
                    self.blend(x, y, colour, covered.min(1.0));
                }
            }
        }
    }

    /// A rectangle: a pixel takes as much of the colour as it lies inside.
    pub fn fill(&mut self, area: Area, colour: Colour) {
        let inside = |low: f32, high: f32, at: usize| high.min(at as f32 + 1.0) - low.max(at as f32);
        for y in held(area.top, self.height)..held(area.bottom().ceil(), self.height) {
            let tall = inside(area.top, area.bottom(), y);
            for x in held(area.left, self.width)..held(area.right().ceil(), self.width) {
                let covered = tall * inside(area.left, area.right(), x);
                if covered > 0.0 {
                    self.blend(x, y, colour, covered);
                }
            }
        }
    }

    /// A rectangle with round corners.
    pub fn fill_box(&mut self, area: Area, radius: f32, colour: Colour) {
        self.paint(area, colour, |at| box_distance(area, radius, at));
    }

    /// The outline of such a rectangle, inside its edge.
    pub fn outline_box(&mut self, area: Area, radius: f32, thickness: f32, colour: Colour) {
        self.paint(area, colour, |at| {
            let distance = box_distance(area, radius, at);
            distance.max(-distance - thickness)
        });
    }

    pub fn disc(&mut self, centre: At, radius: f32, colour: Colour) {
        let bounds = Area::around(centre, 2.0 * radius, 2.0 * radius);
        self.paint(bounds, colour, |at| length(at.x - centre.x, at.y - centre.y) - radius);
    }

    /// A square on its corner.
    pub fn diamond(&mut self, centre: At, radius: f32, colour: Colour) {
        let bounds = Area::around(centre, 2.0 * radius, 2.0 * radius);
        self.paint(bounds, colour, |at| {
            ((at.x - centre.x).abs() + (at.y - centre.y).abs() - radius) * std::f32::consts::FRAC_1_SQRT_2
        });
    }

    /// A triangle that points up, or down where `up` is false.
    pub fn triangle(&mut self, centre: At, radius: f32, up: bool, colour: Colour) {
        let bounds = Area::around(centre, 2.2 * radius, 2.2 * radius);
        let sign = if up { 1.0 } else { -1.0 };
        self.paint(bounds, colour, |at| {
            let (x, y) = ((at.x - centre.x).abs(), (at.y - centre.y) * sign);
            // Slanted sides fall by two pixels in one; the base lies at 0.8 of the radius.
            ((2.0 * x - y - radius) * 0.447_213_6).max(y - 0.8 * radius)
        });
    }

    /// Two crossed bars.
    pub fn cross(&mut self, centre: At, radius: f32, thickness: f32, colour: Colour) {
        let At { x, y } = centre;
        self.line(At { x: x - radius, y: y - radius }, At { x: x + radius, y: y + radius }, thickness, colour);
        self.line(At { x: x - radius, y: y + radius }, At { x: x + radius, y: y - radius }, thickness, colour);
    }

    /// A line with round ends; only the pixels near it are looked at, however long it is.
    pub fn line(&mut self, from: At, to: At, thickness: f32, colour: Colour) {
        let half = 0.5 * thickness;
        let (dx, dy) = (to.x - from.x, to.y - from.y);
        let square = (dx * dx + dy * dy).max(1e-6);
        let distance = |at: At| {
            let along = (((at.x - from.x) * dx + (at.y - from.y) * dy) / square).clamp(0.0, 1.0);
            length(at.x - from.x - along * dx, at.y - from.y - along * dy) - half
        };
        let steep = dy.abs() > dx.abs();
        let (start, run, base, rise) = if steep { (from.y, dy, from.x, dx) } else { (from.x, dx, from.y, dy) };
        let (size, across) = if steep { (self.height, self.width) } else { (self.width, self.height) };
        let slope = if run.abs() > 1e-6 { rise / run } else { 0.0 };
        let reach = (half + 1.0) * length(1.0, slope);
        let (low, high) = (start.min(start + run) - half - 1.0, start.max(start + run) + half + 2.0);
        for step in held(low, size)..held(high, size) {
            let along = (step as f32 + 0.5).clamp(start.min(start + run), start.max(start + run));
            let middle = base + (along - start) * slope;
            for side in held(middle - reach, across)..held(middle + reach + 1.0, across) {
                let (x, y) = if steep { (side, step) } else { (step, side) };
                let covered = 0.5 - distance(At { x: x as f32 + 0.5, y: y as f32 + 0.5 });
                if covered > 0.0 {
                    self.blend(x, y, colour, covered.min(1.0));
                }
            }
        }
    }

    /// Lines from each point to the next.
    pub fn path(&mut self, points: &[At], thickness: f32, colour: Colour) {
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], thickness, colour);
        }
    }

    /// An S from left to right that leaves and arrives level: a cubic Bézier curve.
    pub fn curve(&mut self, from: At, to: At, thickness: f32, colour: Colour) {
        if (from.y - to.y).abs() < 0.5 {
            return self.line(from, to, thickness, colour);
        }
        let pull = 0.5 * (to.x - from.x);
        let point = |step: usize| {
            let t = step as f32 / CURVE_STEPS as f32;
            let u = 1.0 - t;
            let weights = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
            let [a, b, c, d] = weights;
            At {
                x: a * from.x + b * (from.x + pull) + c * (to.x - pull) + d * to.x,
                y: (a + b) * from.y + (c + d) * to.y,
            }
        };
        let points: Vec<At> = (0..=CURVE_STEPS).map(point).collect();
        self.path(&points, thickness, colour);
    }

    /// Text whose upper left corner lies at `(x, y)`; characters that the font lacks show as question marks.
    pub fn text(&mut self, x: f32, y: f32, font: &MonoFont<'_>, colour: Colour, text: &str) {
        let style = MonoTextStyle::new(font, colour);
        let place = Point::new(x as i32, y as i32);
        match Text::with_baseline(text, place, style, Baseline::Top).draw(self) {
            Ok(_) => {}
        }
    }

    /// The same, ending at `right`.
    pub fn text_before(&mut self, right: f32, y: f32, font: &MonoFont<'_>, colour: Colour, text: &str) {
        self.text(right - text_width(font, text), y, font, colour, text);
    }
}

/// Straight pieces that a curve is drawn in.
const CURVE_STEPS: usize = 12;

/// Pixels that a text takes.
pub(super) fn text_width(font: &MonoFont<'_>, text: &str) -> f32 {
    text.chars().count() as f32 * font.character_size.width as f32
}

/// As much of a text as fits into so many pixels, with two dots where some is missing.
pub(super) fn fitted(font: &MonoFont<'_>, text: &str, width: f32) -> String {
    let room = (width / font.character_size.width as f32).max(0.0) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(2)).chain("..".chars()).take(room).collect()
}

/// A coordinate as an index that is at most `size`; NaN is 0.
fn held(coordinate: f32, size: usize) -> usize {
    (coordinate.max(0.0) as usize).min(size)
}

fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

fn box_distance(area: Area, radius: f32, at: At) -> f32 {
    let centre = area.centre();
    let radius = radius.min(0.5 * area.width).min(0.5 * area.height);
    let x = (at.x - centre.x).abs() - 0.5 * area.width + radius;
    let y = (at.y - centre.y).abs() - 0.5 * area.height + radius;
    length(x.max(0.0), y.max(0.0)) + x.max(y).min(0.0) - radius
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width as u32, self.height as u32)
    }
}

impl DrawTarget for Canvas {
    type Color = Colour;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Colour>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(place, colour) in pixels {
            if let (Ok(x), Ok(y)) = (usize::try_from(place.x), usize::try_from(place.y))
                && x < self.width
                && y < self.height
            {
                self.blend(x, y, colour, 1.0);
            }
        }
        Ok(())
    }
}
