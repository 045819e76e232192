//! What `train` and `resume` share: train to the end or a signal, evaluate, say what to do next.

use carrot_lab::Run;
use carrot_lab::demo::evaluate_run;
use carrot_lab::evaluate::Evaluation;
use indicatif::HumanCount;
use serde_json::{Value, json};

use crate::failure::{Failure, chain};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::Progress;

/// Trains a run to its end, evaluates its policy as its scene says, and gives the answer of the verb.
pub(crate) fn train_to_the_end(mut run: Run, quiet: bool, output: &Output) -> Result<(), Failure> {
    let interrupt = Interrupt::listen()?;
    let folder = run.path().to_path_buf();
    output.note(&format!("run {}", folder.display()));
    warn(&mut run, output);
    let mut progress = Progress::new(*output, quiet, run.trainer().env_steps(), run.trainer().total_steps());
    let trained = run.train(interrupt.flag(), |row| progress.show(row));
    progress.finish();
    warn(&mut run, output);
    let complete = trained.inspect_err(|_| {
        output
            .note(&format!("the last checkpoint is intact, go on with: carrot resume {}", folder.display()));
    })?;
    let steps = run.trainer().env_steps();
    if !complete {
        interrupt.check(|| {
            let steps = HumanCount(steps);
            format!("stopped at {steps} env steps, saved; go on with: carrot resume {}", folder.display())
        })?;
    }
    interrupt.exit_at_once();
    let evaluation = evaluate_run(&run)?;
    run.append_metrics(evaluation.tags())?;
    let document = json!({
        "run": folder,
        "env_steps": steps,
        "faults": run.trainer().faults(),
        "evaluation": summary(&evaluation),
    });
    output.answer(&document, || {
        let run = folder.display();
        format!(
            "{}\n\nrun   {run}\nnext  carrot report {run}   curves and terms as a page\n      \
             carrot rescore {run}  recorded episodes, scored again\n      \
             carrot check {run}    checkpoints and recorded rewards, bit for bit",
            evaluation_text(&evaluation)
        )
    })
}

/// An evaluation without its episodes.
pub(crate) fn summary(evaluation: &Evaluation) -> Value {
    json!({
        "episodes": evaluation.episodes.len(),
        "mean_return": evaluation.mean_return,
        "sd_return": evaluation.sd_return,
        "mean_length": evaluation.mean_length,
        "success_rate": evaluation.success_rate,
        "mean_score": evaluation.mean_score,
    })
}

/// An evaluation in words, the truth beside the return.
pub(crate) fn evaluation_text(evaluation: &Evaluation) -> String {
    format!(
        "{} evaluation episodes\n  return   {:.3} ± {:.3}\n  success  {:.1}%  (truth)\n  score    {:.3}  (truth)\n  \
         length   {:.1} steps",
        evaluation.episodes.len(),
        evaluation.mean_return,
        evaluation.sd_return,
        100.0 * evaluation.success_rate,
        evaluation.mean_score,
        evaluation.mean_length
    )
}

fn warn(run: &mut Run, output: &Output) {
    for warning in run.take_warnings() {
        output.note(&format!("warning: {}", chain(&warning)));
    }
}
