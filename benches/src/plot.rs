//! Draws figures, as SVG.

use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::figure::{short, Figures};
use crate::load::Load;
use crate::{sizes, throughput};

/// Of a picture, in pixels.
const SIZE: (u32, u32) = (720, 400);

/// Readable on light and on dark pages.
const COLOURS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(214, 96, 20), RGBColor(44, 140, 70)];

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A line, or a bar, for each name.
type Series = Vec<(String, Vec<(f64, f64)>)>;

/// All pictures for which there are figures.
pub(crate) fn all(figures: &Figures, directory: &Path) -> Drawn {
    fs::create_dir_all(directory)?;
    let shares = |bytes: usize| {
        let cases = throughput::CASES.iter().filter(|(_, of)| *of == bytes);
        let point = |(sensors, bytes): &(u64, usize)| {
            let load = Load { each: 0, sensors: *sensors, bytes: *bytes };
            let share = figures.median(&format!("{}, share of the yardstick", throughput::name(load)))?;
            Some((crate::float(load.sensors()), share))
        };
        cases.filter_map(point).collect::<Vec<_>>()
    };
    let lines = [50, 90].map(|bytes| (format!("lines of {bytes} bytes"), shares(bytes)));
    draw(&directory.join("throughput.svg"), ("Throughput as a share of the yardstick", "sensors"), lines.into())?;
    for (file, title, what) in [
        ("one-view.svg", "Until all have one view, s", sizes::ONE_VIEW),
        ("fail-over.svg", "Until all survivors have a new row, ms", sizes::NEW_ROW),
        ("rates.svg", "Readings/s that all have as rows", sizes::THROUGHPUT),
    ] {
        let point = |size: &usize| Some((crate::float(*size as u64), figures.median(&sizes::name(*size, what))?));
        let line = (title.to_owned(), sizes::SIZES.iter().filter_map(point).collect());
        draw(&directory.join(file), (title, "peers"), vec![line])?;
    }
    Ok(())
}

/// A picture, unless it would be empty. The axis across is logarithmic, and names what was measured.
fn draw(path: &Path, (title, across): (&str, &str), mut series: Series) -> Drawn {
    series.retain(|(_, points)| points.len() > 1);
    let points = || series.iter().flat_map(|(_, points)| points);
    let mut measured: Vec<f64> = points().map(|point| point.0).collect();
    measured.sort_unstable_by(f64::total_cmp);
    measured.dedup();
    let [first, .., last] = measured[..] else { return Ok(()) };
    let highest = points().map(|point| point.1).fold(0.0, f64::max);
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((first..last).log_scale().with_key_points(measured), 0.0..highest * 1.1)?;
    let font = ("sans-serif", 14);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(across)
        .label_style(font)
        .x_label_formatter(&|number| format!("{number:.0}"))
        .y_label_formatter(&|number| short(*number))
        .draw()?;
    let is_named = series.len() > 1;
    for ((name, points), colour) in series.into_iter().zip(COLOURS) {
        let line = LineSeries::new(points.clone(), colour.stroke_width(2)).point_size(4);
        let drawn = chart.draw_series(line)?;
        if is_named {
            drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        }
    }
    if is_named {
        let labels = &mut chart.configure_series_labels();
        labels.position(SeriesLabelPosition::LowerMiddle).label_font(font);
        labels.background_style(WHITE).border_style(BLACK).draw()?;
    }
    root.present()?;
    Ok(())
}
