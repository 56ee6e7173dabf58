//! ROC curves as SVG: detections of a single audit's distance against its false alarms, a panel an expert.

use std::fmt::Write as _;

use super::Outcome;

/// Pixels of a panel, its axes' labels included.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 300.0;
/// Pixels around the axes.
const LEFT: f64 = 46.0;
const TOP: f64 = 30.0;
const RIGHT: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Pixels of a line of the legend.
const LINE: f64 = 16.0;
/// The least share of false alarms that is shown; no alarm at all stands there.
const LEAST: f64 = 1e-4;
/// Colours that are told apart by the colour-blind too (Okabe and Ito).
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000"];

/// One panel for each expert.
pub(super) fn svg(outcomes: &[Outcome]) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for cheat in outcomes.iter().flat_map(|outcome| &outcome.cheats) {
        if !kinds.contains(&cheat.name.as_str()) {
            kinds.push(&cheat.name);
        }
    }
    let width = WIDTH * outcomes.len() as f64;
    let height = HEIGHT + LINE * (kinds.len() as f64 + 0.5);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (place, outcome) in outcomes.iter().enumerate() {
        panel(&mut out, WIDTH * place as f64, outcome, &kinds);
    }
    for (place, kind) in kinds.iter().enumerate() {
        let (y, colour) = (HEIGHT + LINE * place as f64, COLOURS[place % COLOURS.len()]);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\"/>\
             <text x=\"{}\" y=\"{}\">{kind}</text>",
            LEFT + 24.0,
            LEFT + 32.0,
            y + 4.0
        );
    }
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, left: f64, outcome: &Outcome, kinds: &[&str]) {
    let (inner_width, inner_height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let x_of = |share: f64| left + LEFT + (1.0 - share.max(LEAST).log10() / LEAST.log10()) * inner_width;
    let y_of = |share: f64| TOP + (1.0 - share) * inner_height;
    let _ = writeln!(out, "<text x=\"{}\" y=\"18\" font-size=\"13\">{}</text>", left + LEFT, outcome.id);
    for (share, label) in [(LEAST, "0"), (1e-3, "0.1%"), (1e-2, "1%"), (1e-1, "10%"), (1.0, "100%")] {
        let (x, bottom) = (x_of(share), TOP + inner_height);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 14.0
        );
    }
    for fifth in 0..=5 {
        let (y, right) = (y_of(f64::from(fifth) / 5.0), left + WIDTH - RIGHT);
        let _ = writeln!(
            out,
            "<line x1=\"{}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}%</text>",
            left + LEFT,
            left + LEFT - 5.0,
            y + 4.0,
            fifth * 20
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">false alarms</text>\
         <text x=\"{}\" y=\"{}\">detected</text>",
        left + LEFT + inner_width / 2.0,
        HEIGHT - 14.0,
        left + 2.0,
        TOP - 6.0
    );
    for (place, kind) in kinds.iter().enumerate() {
        let Some(cheat) = outcome.cheats.iter().find(|cheat| cheat.name == *kind) else { continue };
        let points: Vec<String> =
            cheat.roc.iter().map(|(x, y)| format!("{:.1},{:.1}", x_of(*x), y_of(*y))).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            points.join(" "),
            COLOURS[place % COLOURS.len()]
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cheat;
    use super::*;

    #[test]
    fn every_cheat_is_a_line_inside_the_axes() {
        let cheat = |name: &str| Cheat {
            name: name.to_owned(),
            audits: 3,
            median: 1.0,
            smallest: 0.0,
            within: [1.0; 3],
            alarms: 1.0,
            roc: vec![(0.0, 0.0), (0.0, 0.5), (1.0, 1.0)],
        };
        let outcome = |id: &str| Outcome {
            id: id.to_owned(),
            honest: vec![],
            cheats: vec![cheat("q8_0"), cheat("q4_0")],
            compute_share: 0.4,
            commit_share: 0.1,
        };
        let svg = svg(&[outcome("a"), outcome("b")]);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert!(svg.contains("q8_0") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
