//! Cost and memory against size, as a picture of two panels.

use plotters::{coord::Shift, prelude::*};

use super::sizes::SizeCost;

/// Units of a pixel: the library rounds to whole units, which shows in flat curves.
const UNITS: u32 = 8;
/// Pixels of the picture.
const SIZE: (u32, u32) = (900, 360);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What a panel shows of a row.
type Value = fn(&SizeCost) -> f64;

/// The picture as SVG: nanoseconds per service and tick, and kilobytes per service, over the number of services on a
/// logarithmic axis. Generated clusters are a curve, any other is a cross with its name.
///
/// # Errors
/// Fewer than two generated sizes.
pub fn sizes_plot(rows: &[SizeCost]) -> Result<String, String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (SIZE.0 * UNITS, SIZE.1 * UNITS)).into_drawing_area();
        area.fill(&WHITE).map_err(|error| error.to_string())?;
        let (left, right) = area.split_horizontally(SIZE.0 * UNITS / 2);
        panel(&left, rows, "Time", "ns per service and tick", |row| row.ns_per_service_tick)?;
        panel(&right, rows, "Memory", "kB per service of an environment", |row| row.state_bytes_per_service / 1e3)?;
        area.present().map_err(|error| error.to_string())?;
    }
    let [drawn, shown] =
        [UNITS, 1].map(|units| format!("<svg width=\"{}\" height=\"{}\"", SIZE.0 * units, SIZE.1 * units));
    Ok(svg.replacen(&drawn, &shown, 1))
}

fn panel(area: &Area<'_>, rows: &[SizeCost], title: &str, y: &str, value: Value) -> Result<(), String> {
    let said = |error: DrawingAreaErrorKind<_>| error.to_string();
    let point = |row: &SizeCost| (row.services as f64, value(row));
    let (curve, others): (Vec<&SizeCost>, Vec<&SizeCost>) =
        rows.iter().partition(|row| row.scenario.starts_with("generated-"));
    let least = rows.iter().map(|row| row.services).min().unwrap_or(0) as f64;
    let most = rows.iter().map(|row| row.services).max().unwrap_or(0) as f64;
    let top = rows.iter().map(value).fold(0.0, f64::max) * 1.2;
    if curve.len() < 2 || least >= most || !(top > 0.0 && top.is_finite()) {
        return Err("a plot needs two generated sizes".to_owned());
    }
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17 * UNITS))
        .margin(10 * UNITS)
        .x_label_area_size(38 * UNITS)
        .y_label_area_size(56 * UNITS)
        .build_cartesian_2d((least * 0.8..most * 1.25).log_scale(), 0.0..top)
        .map_err(said)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("services")
        .y_desc(y)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .label_style(("sans-serif", 13 * UNITS))
        .axis_style(BLACK.stroke_width(UNITS))
        .bold_line_style(RGBColor(215, 215, 215).stroke_width(UNITS))
        .set_all_tick_mark_size(5 * UNITS)
        .draw()
        .map_err(said)?;
    let points = || curve.iter().map(|row| point(row));
    chart.draw_series(LineSeries::new(points(), BLUE.stroke_width(2 * UNITS))).map_err(said)?;
    chart.draw_series(points().map(|at| Circle::new(at, 4 * UNITS as i32, BLUE.filled()))).map_err(said)?;
    chart
        .draw_series(others.iter().map(|row| Cross::new(point(row), 4 * UNITS as i32, ORANGE.stroke_width(2 * UNITS))))
        .map_err(said)?;
    let names = others.iter().map(|row| {
        let style = ("sans-serif", 13 * UNITS).into_font().color(&ORANGE);
        EmptyElement::at(point(row)) + Text::new(row.scenario.clone(), (8 * UNITS as i32, 6 * UNITS as i32), style)
    });
    chart.draw_series(names).map_err(said)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &str, services: usize) -> SizeCost {
        SizeCost {
            scenario: scenario.to_owned(),
            services,
            groups: 2 * services,
            calls: services,
            num_envs: 1,
            ns_per_tick: 100.0 * services as f64,
            ns_per_service_tick: 100.0,
            state_bytes: 700 * services,
            state_bytes_per_service: 700.0,
            buffer_bytes: 0,
        }
    }

    #[test]
    fn a_picture_has_both_panels_and_names_what_was_not_generated() -> Result<(), String> {
        let rows = [row("spine12", 12), row("generated-12-0", 12), row("generated-1000-0", 1000)];
        let svg = sizes_plot(&rows)?;
        for text in ["ns per service and tick", "kB per service", "spine12"] {
            assert!(svg.contains(text), "no {text:?}");
        }
        assert!(sizes_plot(&rows[..2]).is_err());
        Ok(())
    }
}
