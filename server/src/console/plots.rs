//! Plots as SVG, drawn on the server: pages need no script for them, and print.

use plotters::coord::ranged1d::IntoSegmentedCoord;
use plotters::prelude::{ChartBuilder, IntoDrawingArea, RGBColor, Rectangle, SVGBackend, SegmentValue};
use plotters::style::{Color, IntoFont};

/// Width of a plot, in dots.
const WIDTH: u32 = 640;
/// Height of a bar with its space, and of what is around all bars, in dots.
const BAR: u32 = 30;
const AROUND: u32 = 50;
/// Room for the labels, in dots.
const LABELS: u32 = 250;
/// Letters of a label.
const LETTERS: usize = 34;
const INK: RGBColor = RGBColor(0x1d, 0x4f, 0x6e);

/// Horizontal bars, the first on top; nothing where there are none. `most` is where the axis ends.
pub fn bars(all: &[(String, u64)], most: u64) -> String {
    let mut svg = String::new();
    if all.is_empty() || draw(&mut svg, all, most.max(1)).is_err() {
        return String::new();
    }
    svg
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, all: &[(String, u64)], most: u64) -> Drawn {
    let count = all.len();
    let height = AROUND + BAR * u32::try_from(count)?;
    let area = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .x_label_area_size(28)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0..most, (0..count - 1).into_segmented())?;
    // The first one on top: the axis goes upwards.
    let label = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => {
            all.get(count.saturating_sub(at + 1)).map_or_else(String::new, |(label, _)| short(label))
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_labels(5)
        .y_labels(count)
        .y_label_formatter(&label)
        .label_style(("sans-serif", 14).into_font())
        .light_line_style(RGBColor(0xff, 0xff, 0xff))
        .bold_line_style(RGBColor(0xdd, 0xdd, 0xdd))
        .draw()?;
    let bar = |(at, (_, value)): (usize, &(String, u64))| {
        let row = count - 1 - at;
        let above = if at == 0 { SegmentValue::Last } else { SegmentValue::Exact(row + 1) };
        let (from, to) = (SegmentValue::Exact(row), above);
        let mut bar = Rectangle::new([(0, from), (*value, to)], INK.filled());
        bar.set_margin(5, 5, 0, 0);
        bar
    };
    chart.draw_series(all.iter().enumerate().map(bar))?;
    area.present()?;
    Ok(())
}

fn short(label: &str) -> String {
    if label.chars().count() <= LETTERS {
        return label.to_owned();
    }
    label.chars().take(LETTERS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_plot_has_a_bar_for_each_and_runs_nothing() {
        let all = [("KTP-el <script>alert(1)</script>".to_owned(), 7), ("KIA".to_owned(), 0)];
        let svg = bars(&all, 7);
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(!svg.contains("<script") && svg.contains("KIA"), "{svg}");
        assert!(!svg.contains("style="), "pages allow no styles in their text");
        assert_eq!(svg.matches("KIA").count(), 1, "each label once");
        assert_eq!(svg.matches("KTP-el").count(), 1);
        assert_eq!(bars(&[], 9), "");
        assert!(bars(&all, 0).starts_with("<svg"));
    }
}
