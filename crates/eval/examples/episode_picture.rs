//! Draws recorded episodes of one level as a picture of availability over time:
//! `cargo run --example episode_picture -- DIR PICTURE.svg [FAULT]`, where DIR was written by `evaluate --record DIR` and
//! FAULT, e.g. F08, picks the first level with that fault.

use std::{error::Error, fs, path::Path};

use plotters::prelude::*;
use serde_json::Value;

/// One policy's episode.
struct Curve {
    policy: String,
    faults: Vec<(String, f64, f64)>,
    /// Minutes, and percent of the requests that were good.
    points: Vec<(f64, f64)>,
}

fn read(file: &Path) -> Result<Option<(u64, Curve)>, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines().map(serde_json::from_str::<Value>);
    let Some(header) = lines.next().transpose()? else { return Ok(None) };
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let faults = header["faults"].as_array().into_iter().flatten().map(|fault| {
        let what =
            format!("{} on {}", fault["id"].as_str().unwrap_or(""), fault["target"]["name"].as_str().unwrap_or("all"));
        (what, number(&fault["onset_s"]) / 60.0, number(&fault["end_s"]) / 60.0)
    });
    let mut curve = Curve {
        policy: header["policy"].as_str().unwrap_or("").to_owned(),
        faults: faults.collect(),
        points: Vec::new(),
    };
    for line in lines {
        let line = line?;
        let (offered, bad) = (number(&line["metrics"]["offered"]), number(&line["metrics"]["bad"]));
        if offered > 0.0 {
            curve.points.push((number(&line["time_s"]) / 60.0, 100.0 * (1.0 - bad / offered)));
        }
    }
    Ok(header["level"].as_u64().map(|level| (level, curve)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(picture)) = (arguments.next(), arguments.next()) else {
        return Err("usage: episode_picture DIR PICTURE.svg [FAULT]".into());
    };
    let mut files: Vec<_> = fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let mut episodes = Vec::new();
    for file in &files {
        episodes.extend(read(file)?);
    }
    let fault = arguments.next().unwrap_or_default();
    let wanted = |curve: &Curve| curve.faults.iter().any(|(what, ..)| what.starts_with(&fault));
    let level = episodes.iter().filter(|(_, curve)| wanted(curve)).map(|(level, _)| *level).min();
    let level = level.ok_or("no episode with that fault in that folder")?;
    let curves: Vec<&Curve> = episodes.iter().filter(|(own, _)| *own == level).map(|(_, curve)| curve).collect();

    let root = SVGBackend::new(&picture, (900, 360)).into_drawing_area();
    root.fill(&WHITE)?;
    let end = curves.iter().flat_map(|curve| &curve.points).map(|point| point.0).fold(1.0, f64::max);
    let faults = &curves[0].faults;
    let title = faults.iter().map(|fault| fault.0.clone()).collect::<Vec<_>>().join(", ");
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("level {level}: {title}"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..end, 0.0..102.0)?;
    chart.draw_series(
        faults
            .iter()
            .map(|&(_, onset, end)| Rectangle::new([(onset, 0.0), (end, 102.0)], RGBColor(246, 226, 220).filled())),
    )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("minutes")
        .y_desc("good requests, %")
        .draw()?;
    let colours = [RGBColor(120, 120, 120), RGBColor(0, 114, 178), RGBColor(0, 158, 115), RGBColor(213, 94, 0)];
    for (curve, &colour) in curves.iter().zip(colours.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)))?
            .label(curve.policy.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    root.present()?;
    Ok(())
}
