//! Every task passes the checker of the batch, at batch sizes around its blocks.

use carrot_sim::{CheckConfig, check_task};
use carrot_tasks::{build_task, task_names};

#[test]
fn every_task_passes_the_check_at_every_batch_size() {
    const SIZES: [(usize, usize); 6] = [(1, 400), (2, 400), (255, 64), (256, 64), (257, 64), (4096, 32)];
    let full = std::env::var_os("CARROT_FULL").is_some();
    for name in task_names() {
        let task = build_task(name).unwrap();
        // A physics world costs a thousand times a scalar state: short checks, and of every size in the long run.
        let physics = task.spec().decimation > 1;
        let sizes = SIZES.iter().filter(|(rows, _)| !physics || full || [1, 2, 257].contains(rows));
        for &(rows, steps) in sizes {
            let steps = if physics { steps / 16 } else { steps };
            let checked = check_task(&task, CheckConfig { rows, steps, seed: 11 });
            let report = checked.unwrap_or_else(|findings| panic!("{name} with {rows} rows: {findings:#?}"));
            assert!(report.signals.iter().all(|(_, low, high)| low <= high));
        }
    }
}
