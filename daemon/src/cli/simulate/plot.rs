//! How long questions take, as SVG: the share that has an expert by a time, a line a run.

use std::fmt::Write as _;

use polymath_swarm::simulation::Report;

/// Pixels of the picture, its axes' labels included.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
/// Pixels around the axes.
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// Pixels of a line of the legend.
const LEGEND: f64 = 16.0;
/// Colours of the runs, told apart by the colour-blind too (Okabe & Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// Draws `reports`: solid for any expert of the question's cells, dashed for one of the best cell.
pub(super) fn svg(reports: &[Report], deadline_ms: f64) -> String {
    let height = HEIGHT + LEGEND * (reports.len() as f64 + 1.0);
    let nodes = reports.first().map_or(0, |report| report.nodes);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"13\">{nodes} nodes: questions with a live expert by a time</text>\n"
    );
    axes(&mut out, deadline_ms);
    for (place, report) in reports.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        line(&mut out, &report.latencies_ms, deadline_ms, &format!("stroke=\"{colour}\""));
        line(
            &mut out,
            &report.best_latencies_ms,
            deadline_ms,
            &format!("stroke=\"{colour}\" stroke-dasharray=\"5 3\""),
        );
        let y = HEIGHT + LEGEND * place as f64;
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{}\">{} adverts, {:.0}% of the nodes leave in an hour: {:.2}%, best cell {:.2}%</text>",
            LEFT + 20.0,
            LEFT + 26.0,
            y + 4.0,
            report.adverts,
            report.churn * 100.0,
            report.lookup_success * 100.0,
            report.best_cell_success * 100.0,
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\">solid: an expert of the question's cells; dashed: one of the best cell</text>\n</svg>",
        HEIGHT + LEGEND * reports.len() as f64 + 4.0
    );
    out
}

fn x_of(ms: f64, deadline_ms: f64) -> f64 {
    LEFT + (ms / deadline_ms).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn y_of(share: f64) -> f64 {
    TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
}

fn axes(out: &mut String, deadline_ms: f64) {
    for sixth in 0..=6 {
        let ms = deadline_ms * f64::from(sixth) / 6.0;
        let (x, bottom) = (x_of(ms, deadline_ms), y_of(0.0));
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{:.1} s</text>",
            bottom + 15.0,
            ms / 1e3
        );
    }
    for fifth in 0..=5 {
        let share = f64::from(fifth) / 5.0;
        let (y, right) = (y_of(share), WIDTH - RIGHT);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}%</text>",
            LEFT - 6.0,
            y + 4.0,
            share * 100.0
        );
    }
}

/// A distribution, from the quickest to the slowest; who had nothing at the deadline is left out.
fn line(out: &mut String, times_ms: &[f64], deadline_ms: f64, stroke: &str) {
    let last = times_ms.len().saturating_sub(1).max(1) as f64;
    let found = times_ms.iter().enumerate().filter(|(_, ms)| **ms < deadline_ms);
    let points: Vec<String> = found
        .map(|(place, ms)| format!("{:.1},{:.1}", x_of(*ms, deadline_ms), y_of(place as f64 / last)))
        .collect();
    if !points.is_empty() {
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" {stroke} stroke-width=\"1.5\"/>",
            points.join(" ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_those_who_had_something() {
        let mut out = String::new();
        line(&mut out, &[100.0, 200.0, 3_000.0], 3_000.0, "stroke=\"red\"");
        assert_eq!(out.matches(',').count(), 2, "{out}");
        assert!(out.contains(&format!("{:.1},{:.1}", x_of(200.0, 3_000.0), y_of(0.5))));
        line(&mut out, &[3_000.0], 3_000.0, "");
        assert_eq!(out.matches("polyline").count(), 1);
        assert!((y_of(1.0) - TOP).abs() < 1e-9 && (x_of(9_000.0, 3_000.0) - (WIDTH - RIGHT)).abs() < 1e-9);
    }
}
