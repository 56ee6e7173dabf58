//! Measures the structural planner on a file of cases, one `{"prompt", "tasks", "edges"}` a line, and prints
//! what `daemon eval plan` prints, without building the daemon:
//!
//! `cargo run -p polymath-swarm --example eval_plan -- FILE.jsonl [dev|reported|all] [--faults]`
//!
//! `dev` and `reported` take half of the file, to tune on one and report the other; `--faults` prints each
//! prompt that was cut into the wrong number of tasks or linked where it should not be.

use polymath_swarm::evaluation::{Half, PlanCase, PlanPrediction, PlanReport};
use polymath_swarm::plan::structural;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("which file?")?;
    let mut cases: Vec<PlanCase> = std::fs::read_to_string(path)?
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    match arguments.get(1).map(String::as_str) {
        Some("dev") => cases.retain(|case| Half::of(&case.prompt) == Half::Dev),
        Some("reported") => cases.retain(|case| Half::of(&case.prompt) == Half::Reported),
        _ => {}
    }
    for case in cases.iter_mut().filter(|case| case.tasks.is_empty()) {
        case.tasks.push(case.prompt.clone());
    }
    let start = std::time::Instant::now();
    let plans: Vec<_> = cases.iter().map(|case| structural(&case.prompt)).collect();
    let micros = start.elapsed().as_secs_f64() * 1e6 / cases.len().max(1) as f64;
    let predictions: Vec<PlanPrediction> = plans.iter().map(PlanPrediction::from).collect();
    if arguments.iter().any(|a| a == "--faults") {
        for (case, predicted) in cases
            .iter()
            .zip(&predictions)
            .filter(|(c, p)| c.tasks.len() != p.tasks.len() || c.edges != p.edges)
        {
            println!("--- {} tasks, {} predicted\n{}", case.tasks.len(), predicted.tasks.len(), case.prompt);
            predicted.tasks.iter().for_each(|task| println!("   > {task}"));
        }
    }
    println!("{}", serde_json::to_string_pretty(&PlanReport::of(cases.iter().zip(&predictions)))?);
    println!("{micros:.0} µs a prompt");
    Ok(())
}
