//! Every task passes the checker of the batch, at batch sizes around its blocks.

use carrot_sim::{CheckConfig, check_task};
use carrot_tasks::{build_task, task_names};

#[test]
fn every_task_passes_the_check_at_every_batch_size() {
    let full = std::env::var_os("CARROT_FULL").is_some();
    for name in task_names() {
        let task = build_task(name).unwrap();
        // A physics world costs a thousand times a scalar state, so thousands of them are for the long run.
        let physics = task.spec().decimation > 1;
        for (rows, steps) in [(1, 400), (2, 400), (255, 64), (256, 64), (257, 64), (4096, 32)] {
            if physics && rows > 2 && !full && rows != 257 {
                continue;
            }
            let steps = if physics { steps / 16 } else { steps };
            let checked = check_task(&task, CheckConfig { rows, steps, seed: 11 });
            let report = checked.unwrap_or_else(|findings| panic!("{name} with {rows} rows: {findings:#?}"));
            assert!(report.signals.iter().all(|(_, low, high)| low <= high));
        }
    }
}
