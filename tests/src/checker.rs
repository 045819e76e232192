//! The environment checker on every task, at batch sizes around every power that could bite.

use carrot_sim::check::{CheckConfig, check_task};

#[test]
fn every_task_passes_the_checker() {
    for name in carrot_tasks::task_names() {
        let task = carrot_tasks::build_task(name).unwrap();
        let physics = task.spec().family == "manipulation";
        // Physics costs a thousand times more per step, the contract is the same.
        let rows: &[usize] = if physics { &[1, 2, 64] } else { &[1, 2, 255, 256, 257, 4096] };
        for &rows in rows {
            let steps = if physics && rows > 2 { 3 } else { 120 };
            let config = CheckConfig { rows, steps, seed: 7 };
            if let Err(findings) = check_task(&task, config) {
                panic!("{name} at {rows} rows: {findings:#?}");
            }
        }
    }
}
