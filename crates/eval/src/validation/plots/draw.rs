//! Draws a picture with plotters.

use plotters::{
    coord::{Shift, ranged1d::ValueFormatter},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{Plot, Series, Style};
use crate::validation::{ValidationError, page::figure};

/// Units of a pixel: the library rounds to whole units, which shows in flat curves.
const UNITS: u32 = 8;
/// Pixels of a picture.
const SIZE: (u32, u32) = (900, 400);
/// Room for labels to the right of the axes, and least distance between two of them, in pixels.
const LABELS: u32 = 110;
const APART: u32 = 15;
/// Colours that the colour-blind tell apart (M. Okabe and K. Ito, 2008).
const PALETTE: [RGBColor; 6] = [
    RGBColor(60, 60, 60),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];
const SHADE: RGBColor = RGBColor(246, 226, 220);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// The picture as SVG.
    ///
    /// # Errors
    /// What cannot be drawn, such as a logarithmic axis through zero.
    pub fn to_svg(&self) -> Result<String, ValidationError> {
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (SIZE.0 * UNITS, SIZE.1 * UNITS)).into_drawing_area();
            self.draw(&area).and_then(|()| area.present().map_err(|error| error.to_string()))
        };
        drawn.map_err(|problem| ValidationError::Plot { file: self.file(), problem })?;
        let [drawn, shown] =
            [UNITS, 1].map(|units| format!("<svg width=\"{}\" height=\"{}\"", SIZE.0 * units, SIZE.1 * units));
        Ok(svg.replacen(&drawn, &shown, 1))
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), String> {
        let said = |error: DrawingAreaErrorKind<_>| error.to_string();
        area.fill(&WHITE).map_err(said)?;
        let points =
            || self.series.iter().flat_map(|series| &series.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let range = |of: fn(&(f64, f64)) -> f64| {
            points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let ((left, right), (low, high)) = (range(|point| point.0), range(|point| point.1));
        if left >= right || high <= self.least_y.unwrap_or(low.min(0.0)) || self.log_y && low <= 0.0 {
            return Err("there is nothing to see in it".to_owned());
        }
        let mut builder = ChartBuilder::on(area);
        builder
            .caption(&self.title, ("sans-serif", 17 * UNITS))
            .margin(10 * UNITS)
            .margin_right((10 + LABELS) * UNITS)
            .x_label_area_size(38 * UNITS)
            .y_label_area_size(56 * UNITS);
        if self.log_y {
            let chart = builder.build_cartesian_2d(left..right, (low * 0.9..high * 1.1).log_scale()).map_err(said)?;
            self.fill(area, chart, (low * 0.9, high * 1.1))
        } else {
            let bottom = self.least_y.unwrap_or(low.min(0.0));
            let top = bottom + (high - bottom) * 1.05;
            let chart = builder.build_cartesian_2d(left..right, bottom..top).map_err(said)?;
            self.fill(area, chart, (bottom, top))
        }
    }

    fn fill<'a, 'b, Y>(
        &self,
        area: &Area<'b>,
        mut chart: ChartContext<'a, SVGBackend<'b>, Cartesian2d<plotters::coord::types::RangedCoordf64, Y>>,
        (bottom, top): (f64, f64),
    ) -> Result<(), String>
    where
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let said = |error: DrawingAreaErrorKind<_>| error.to_string();
        let shades = self.shaded.iter().map(|&(from, to)| Rectangle::new([(from, bottom), (to, top)], SHADE.filled()));
        chart.draw_series(shades).map_err(said)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|value| figure(*value))
            .y_label_formatter(&|value| figure(*value))
            .label_style(("sans-serif", 13 * UNITS))
            .axis_style(BLACK.stroke_width(UNITS))
            .bold_line_style(RGBColor(215, 215, 215).stroke_width(UNITS))
            .set_all_tick_mark_size(5 * UNITS)
            .draw()
            .map_err(said)?;
        let mut labels = Vec::new();
        for series in &self.series {
            let colour = PALETTE[series.colour % PALETTE.len()];
            let points = series.points.iter().copied();
            match series.style {
                Style::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2 * UNITS))).map(|_| ()),
                Style::Dashed => chart
                    .draw_series(DashedLineSeries::new(points, 5 * UNITS, 4 * UNITS, colour.stroke_width(2 * UNITS)))
                    .map(|_| ()),
                Style::Circles => chart
                    .draw_series(points.map(|at| Circle::new(at, 4 * UNITS as i32, colour.stroke_width(UNITS))))
                    .map(|_| ()),
                Style::Crosses => chart
                    .draw_series(points.map(|at| Cross::new(at, 3 * UNITS as i32, colour.stroke_width(UNITS))))
                    .map(|_| ()),
            }
            .map_err(said)?;
            if let Some(last) = series.points.last().filter(|_| !series.label.is_empty()) {
                let (x, y) = chart.backend_coord(last);
                // Marks have no end to stand at: their label stands beside the axes.
                let marks = matches!(series.style, Style::Circles | Style::Crosses);
                let x = if marks { chart.plotting_area().get_pixel_range().0.end } else { x };
                labels.push(((x, y), series));
            }
        }
        label(area, labels)
    }
}

/// Writes labels at the ends of their series, from the top, none on top of another.
fn label(area: &Area<'_>, mut labels: Vec<((i32, i32), &Series)>) -> Result<(), String> {
    labels.sort_by_key(|&((_, y), _)| y);
    let mut free = i32::MIN;
    for ((x, y), series) in labels {
        let y = y.max(free);
        free = y + (APART * UNITS) as i32;
        let style = ("sans-serif", 13 * UNITS).into_font().color(&PALETTE[series.colour % PALETTE.len()]);
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        let text = Text::new(series.label.clone(), (x + 6 * UNITS as i32, y), style);
        area.draw(&text).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_its_title_its_axes_and_a_label_at_each_line() {
        let points = |slope: f64| (1..20).map(|x| (f64::from(x), slope * f64::from(x))).collect();
        for log_y in [false, true] {
            let plot = Plot {
                series: vec![Series::line("first", points(1.0), 0), Series::dashed("second", points(1.01), 1)],
                shaded: vec![(2.0, 3.0)],
                log_y,
                ..Plot::new("name", "a title", ["seconds", "requests"])
            };
            let svg = plot.to_svg().expect("a picture");
            for text in ["a title", "seconds", "requests", "first", "second"] {
                assert!(svg.contains(text), "no {text:?}");
            }
        }
    }

    #[test]
    fn a_picture_of_nothing_is_refused() {
        assert!(Plot::new("name", "", ["", ""]).to_svg().is_err());
    }
}
