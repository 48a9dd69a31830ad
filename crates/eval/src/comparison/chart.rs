//! Draws curves with bands as SVG.

use plotters::{coord::Shift, prelude::*};

use super::ComparisonError;

/// Units of a pixel: the library rounds to whole units, which shows in flat curves.
const UNITS: u32 = 8;
/// Pixels of a picture: small, so that its text can be read where a narrow screen shrinks it.
const SIZE: (u32, u32) = (440, 290);
/// Curves with fewer points show each.
const MARKED: usize = 12;
/// Colours that the colour-blind tell apart (M. Okabe and K. Ito, 2008), without the yellow, which white drowns.
const PALETTE: [(u8, u8, u8); 7] =
    [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (60, 60, 60), (86, 180, 233), (230, 159, 0)];

/// Pixels of line and of gap: trained policies, more of them than there are colours, baselines, more of those.
const DASHES: [Option<(u32, u32)>; 4] = [None, Some((12, 4)), Some((5, 4)), Some((2, 3))];

/// How a curve is told from others: a colour, and a dash where colours run out or a policy is no trained one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LineStyle {
    place: usize,
    dash: Option<(u32, u32)>,
}

impl LineStyle {
    pub fn new(place: usize, is_baseline: bool) -> Self {
        let cycle = (place / PALETTE.len()) % 2;
        Self { place, dash: DASHES[2 * usize::from(is_baseline) + cycle] }
    }

    fn colour(self) -> RGBColor {
        let (red, green, blue) = PALETTE[self.place % PALETTE.len()];
        RGBColor(red, green, blue)
    }

    /// A short piece of the curve, as SVG.
    pub fn swatch(self) -> String {
        let RGBColor(red, green, blue) = self.colour();
        let dash = self.dash.map(|(line, gap)| format!(" stroke-dasharray=\"{line} {gap}\"")).unwrap_or_default();
        format!(
            "<svg class=\"swatch\" width=\"28\" height=\"10\" viewBox=\"0 0 28 10\" aria-hidden=\"true\"><line x1=\"1\" y1=\"5\" \
             x2=\"27\" y2=\"5\" stroke=\"#{red:02x}{green:02x}{blue:02x}\" stroke-width=\"3\"{dash}/></svg>"
        )
    }
}

/// A curve, and the band around it where there is one.
pub(super) struct Line {
    pub style: LineStyle,
    pub points: Vec<(f64, f64)>,
    /// Horizontal value, low, high: pieces without a gap.
    pub bands: Vec<Vec<(f64, f64, f64)>>,
}

/// A picture.
pub(super) struct Chart<'a> {
    /// What it shows, for those who cannot see it and for errors.
    pub what: String,
    pub x: &'a str,
    pub y: &'a str,
    /// Least and greatest value that the vertical axis reaches over.
    pub over: Option<(f64, f64)>,
    pub lines: Vec<Line>,
    pub x_label: fn(f64) -> String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Chart<'_> {
    /// The picture; its lines' names are in the page.
    ///
    /// # Errors
    /// What the library cannot draw.
    pub fn to_svg(&self) -> Result<String, ComparisonError> {
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (SIZE.0 * UNITS, SIZE.1 * UNITS)).into_drawing_area();
            self.draw(&area).and_then(|()| area.present().map_err(|error| error.to_string()))
        };
        drawn.map_err(|problem| ComparisonError::Picture { what: self.what.clone(), problem })?;
        let drawn = format!("<svg width=\"{}\" height=\"{}\"", SIZE.0 * UNITS, SIZE.1 * UNITS);
        let shown = format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{}\" width=\"{}\" height=\"{}\"",
            crate::html::escape(&self.what),
            SIZE.0,
            SIZE.1
        );
        Ok(svg.replacen(&drawn, &shown, 1))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), String> {
        let said = |error: DrawingAreaErrorKind<_>| error.to_string();
        let ((left, right), (low, high)) = self.ranges();
        let mut chart = ChartBuilder::on(area)
            .margin(8 * UNITS)
            .margin_right(16 * UNITS)
            .x_label_area_size(38 * UNITS)
            .y_label_area_size(54 * UNITS)
            .build_cartesian_2d(left..right, low..high)
            .map_err(said)?;
        let decimals = decimals(high - low);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(self.x)
            .y_desc(self.y)
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| (self.x_label)(*value))
            .y_label_formatter(&|value| format!("{value:.decimals$}"))
            .label_style(("sans-serif", 13 * UNITS))
            .axis_style(BLACK.stroke_width(UNITS))
            .bold_line_style(RGBColor(215, 215, 215).stroke_width(UNITS))
            .set_all_tick_mark_size(5 * UNITS)
            .draw()
            .map_err(said)?;
        for line in &self.lines {
            let colour = line.style.colour();
            for band in &line.bands {
                let upper = band.iter().map(|&(x, _, high)| (x, high));
                let lower = band.iter().rev().map(|&(x, low, _)| (x, low));
                let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
                chart.draw_series([Polygon::new(outline, colour.mix(0.18))]).map_err(said)?;
            }
        }
        for line in &self.lines {
            let colour = line.style.colour();
            let points = line.points.iter().copied();
            let stroke = colour.stroke_width(2 * UNITS);
            if let Some((line, gap)) = line.style.dash {
                chart.draw_series(DashedLineSeries::new(points, line * UNITS, gap * UNITS, stroke)).map_err(said)?;
            } else {
                chart.draw_series(LineSeries::new(points, stroke)).map_err(said)?;
            }
            if line.points.len() < MARKED {
                let marks = line.points.iter().map(|&at| Circle::new(at, 3 * UNITS as i32, colour.filled()));
                chart.draw_series(marks).map_err(said)?;
            }
        }
        Ok(())
    }

    /// What the axes reach over: everything, with a little room above and below, and never nothing.
    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let banded = self.lines.iter().flat_map(|line| line.bands.iter().flatten());
        let x = self.lines.iter().flat_map(|line| &line.points).map(|point| point.0);
        let y = self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let over = self.over.into_iter().flat_map(|(low, high)| [low, high]);
        let y = y.chain(banded.flat_map(|&(_, low, high)| [low, high])).chain(over);
        let (left, right) = reach(x);
        let (low, high) = reach(y);
        let room = 0.03 * (high - low);
        ((left, right), (low - room, high + room))
    }
}

fn reach(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low < high {
        return (low, high);
    }
    // Where there is one value, or none, the axis reaches a little to both sides.
    let middle = if low.is_finite() { low } else { 0.0 };
    let half = 0.5 * middle.abs().max(1e-3);
    (middle - half, middle + half)
}

/// Decimals that tell the labels of an axis apart.
fn decimals(span: f64) -> usize {
    (0..6).find(|&decimals| span * 10_f64.powi(decimals) >= 10.0).map_or(6, |decimals| decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: Vec<(f64, f64)>) -> Chart<'static> {
        let bands = vec![points.iter().map(|&(x, y)| (x, y - 1.0, y + 1.0)).collect()];
        let line = Line { style: LineStyle::new(0, false), points, bands };
        let what = "a <chart>".to_owned();
        Chart { what, x: "steps", y: "return", over: None, lines: vec![line], x_label: |x| format!("{x}") }
    }

    #[test]
    fn a_picture_has_its_axes_its_band_and_an_escaped_label() {
        let svg = chart((0..30).map(|x| (f64::from(x), f64::from(x))).collect()).to_svg().unwrap();
        for part in ["steps", "return", "<polygon", "<polyline", "aria-label=\"a &lt;chart&gt;\""] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
    }

    #[test]
    fn one_point_and_none_are_drawn_too() {
        assert!(chart(vec![(5.0, 5.0)]).to_svg().unwrap().contains("<circle"));
        assert!(chart(vec![]).to_svg().is_ok());
    }

    #[test]
    fn styles_differ_beyond_the_palette() {
        let styles: Vec<String> = (0..14).map(|place| LineStyle::new(place, false).swatch()).collect();
        assert!((0..14).all(|one| (0..one).all(|other| styles[one] != styles[other])));
    }
}
