//! The verbs, one file each.

mod app;
mod audit;
mod bench;
mod check;
mod demo;
mod doctor;
mod eval;
mod fit_reward;
mod kinds;
mod map;
mod mdp;
mod prefer;
mod report;
mod rescore;
mod resume;
mod reward;
mod robot;
mod tasks;
mod test;
mod train;
mod vlm;

use clap::Subcommand;

use crate::failure::Failure;
use crate::output::Output;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List tasks, or show one: spaces, signals, rewards, scripts
    #[command(subcommand)]
    Tasks(tasks::Tasks),
    /// List kinds, stages and combinators of rewards, or show the page of one
    #[command(subcommand)]
    Kinds(kinds::Kinds),
    /// Look at the language that rewards are written in
    #[command(subcommand)]
    Reward(reward::Reward),
    /// Play a task's scripts under its rewards: which one pays a failure more than the expert?
    Audit(audit::Audit),
    /// Run scenarios: do rewards pay what is expected of them?
    Test(test::Test),
    /// Train an agent as a scene says
    Train(train::Train),
    /// Go on with a run that was stopped or killed
    Resume(resume::Resume),
    /// Evaluate the policy of a run, or a script, on the run's task
    Eval(eval::Eval),
    /// Score the recorded episodes of a run again, under its own reward or another
    Rescore(rescore::Rescore),
    /// Put runs into one self-contained page: return beside truth, term by term
    Report(report::Report),
    /// Show where and when terms paid: their share in the reward over two signals, early to late in a run
    Map(map::Map),
    /// Check a scene, a run folder or a task
    Check(check::Check),
    /// Check a robot's file
    #[command(subcommand)]
    Robot(robot::Robot),
    /// Fit a reward model to the truth of scripted episodes
    FitReward(fit_reward::FitReward),
    /// Compare pairs of a run's segments, while it trains: left, right, equal or skip
    Prefer(prefer::Prefer),
    /// Teach an image-text model what can be said of pictures
    #[command(subcommand)]
    Vlm(vlm::Vlm),
    /// Solve a task exactly: what the best policy of each reward earns, and how often it succeeds
    Mdp(mdp::Mdp),
    /// Open the window: see what a reward does, live
    App(app::App),
    /// Look at this machine: libtorch, CUDA, processor
    Doctor(doctor::Doctor),
    /// Measure speed
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Train three tasks under four rewards each, and report which reward fooled the agent
    Demo(demo::Demo),
}

impl Verb {
    /// Does it.
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Tasks(verb) => verb.run(output),
            Self::Kinds(verb) => verb.run(output),
            Self::Reward(verb) => verb.run(output),
            Self::Audit(verb) => verb.run(output),
            Self::Test(verb) => verb.run(output),
            Self::Train(verb) => verb.run(output),
            Self::Resume(verb) => verb.run(output),
            Self::Eval(verb) => verb.run(output),
            Self::Rescore(verb) => verb.run(output),
            Self::Report(verb) => verb.run(output),
            Self::Map(verb) => verb.run(output),
            Self::Check(verb) => verb.run(output),
            Self::Robot(verb) => verb.run(output),
            Self::FitReward(verb) => verb.run(output),
            Self::Prefer(verb) => verb.run(output),
            Self::Vlm(verb) => verb.run(output),
            Self::Mdp(verb) => verb.run(output),
            Self::App(verb) => verb.run(),
            Self::Doctor(verb) => verb.run(output),
            Self::Bench(verb) => verb.run(output),
            Self::Demo(verb) => verb.run(output),
        }
    }
}
