//! The frontier as SVG: recall@3 against the share of adverts examined, a panel a kind of text.

use std::fmt::Write as _;

use polymath_swarm::evaluation::finding::FindingReport;

/// Pixels of a panel, its axes' labels included.
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 360.0;
/// Pixels around the axes.
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 44.0;
/// Powers of ten of the share examined, least and most.
const DECADES: (f64, f64) = (-4.0, 0.0);
/// Families of methods by the beginning of their names, with their colours (told apart by the colour-blind too).
const FAMILIES: [(&str, &str); 4] = [
    ("cells, nothing capped", "#999999"),
    ("cells", "#0072b2"),
    ("random hyperplanes", "#d55e00"),
    ("PCA hyperplanes", "#009e73"),
];

/// One panel for each of `series`: the text's name and its methods.
pub(super) fn svg(series: &[(&str, &[FindingReport])], experts: u32) -> String {
    let (width, height) = (WIDTH * series.len() as f64, HEIGHT + 26.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (place, (name, methods)) in series.iter().enumerate() {
        panel(&mut out, WIDTH * place as f64, &format!("{name}, {experts} experts"), methods);
    }
    let mut x = LEFT;
    for (family, colour) in FAMILIES {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/><text x=\"{tx}\" y=\"{ty}\">{family}</text>",
            y = HEIGHT + 8.0,
            tx = x + 8.0,
            ty = HEIGHT + 12.0,
        );
        x += 24.0 + 6.5 * family.len() as f64;
    }
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, left: f64, title: &str, methods: &[FindingReport]) {
    let (inner_width, inner_height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let x_of = |share: f64| {
        let log = share.log10().clamp(DECADES.0, DECADES.1);
        left + LEFT + (log - DECADES.0) / (DECADES.1 - DECADES.0) * inner_width
    };
    let y_of = |recall: f64| TOP + (1.0 - recall) * inner_height;
    let _ = writeln!(out, "<text x=\"{}\" y=\"20\" font-size=\"13\">{title}</text>", left + LEFT);
    for (share, label) in [(1e-4, "0.01%"), (1e-3, "0.1%"), (1e-2, "1%"), (1e-1, "10%"), (1.0, "100%")] {
        let (x, bottom) = (x_of(share), TOP + inner_height);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            bottom + 15.0
        );
    }
    for tenth in 0..=5 {
        let recall = f64::from(tenth) / 5.0;
        let (y, right) = (y_of(recall), left + WIDTH - RIGHT);
        let _ = writeln!(
            out,
            "<line x1=\"{}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{recall:.1}</text>",
            left + LEFT,
            left + LEFT - 6.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">adverts examined</text>\
         <text x=\"{}\" y=\"{}\">recall@3</text>",
        left + LEFT + inner_width / 2.0,
        HEIGHT - 12.0,
        left + 2.0,
        TOP - 4.0
    );
    for method in methods {
        let known = FAMILIES.iter().find(|(family, _)| method.method.starts_with(family));
        let colour = known.map_or("black", |(_, colour)| colour);
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"><title>{}: {:.3} at {:.2}%</title></circle>",
            x_of(method.examined_share.max(1e-9)),
            y_of(method.recall_at_3),
            method.method,
            method.recall_at_3,
            method.examined_share * 100.0
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::evaluation::finding::Crowd;

    #[test]
    fn every_method_is_a_point_inside_the_axes() {
        let report = |method: &str, examined_share: f64| FindingReport {
            method: method.to_owned(),
            recall_at_1: 1.0,
            recall_at_3: 0.5,
            score_ratio: 1.0,
            lookups: 8.0,
            examined: 10.0,
            examined_share,
            returned: 10.0,
            announced: 3.0,
            providers: Crowd::default(),
            overflowing: 0.0,
        };
        let methods = [report("cells", 0.02), report("random hyperplanes 8 x 4", 0.0)];
        let svg = svg(&[("own", &methods), ("other", &methods)], 1_000);
        assert_eq!(svg.matches("<title>").count(), 4);
        assert!(svg.contains("#0072b2\"><title>cells: 0.500 at 2.00%") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
