//! Everything that a person can ask for; panels and keys make these, [`crate::desk::Desk`] does them.

use std::path::PathBuf;

use carrot_lab::preference::Says;

use crate::session::RewardEdit;
use crate::session::scenario::Spot;

/// What the lower part of the window shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// Contributions per term over time.
    #[default]
    Contributions,
    /// Signals over time.
    Signals,
    /// Return against score, one point an episode.
    Episodes,
    /// The batch at one step.
    Batch,
    /// Learning curves of runs.
    Learning,
    /// What image-text models see and say, where a term asks them.
    Words,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Contributions, Self::Signals, Self::Episodes, Self::Batch, Self::Learning, Self::Words];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contributions => "Contributions",
            Self::Signals => "Signals",
            Self::Episodes => "Return and truth",
            Self::Batch => "Batch",
            Self::Learning => "Learning curves",
            Self::Words => "Words and pictures",
        }
    }
}

/// What the right side of the window shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Side {
    /// The reward tree.
    #[default]
    Reward,
    /// Training.
    Training,
    /// Driving by hand.
    Hand,
    /// The scenario that is watched, where there is one.
    Scenario,
    /// Pairs of clips to compare, where a run asks people.
    Labels,
}

impl Side {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Reward, Self::Training, Self::Hand, Self::Scenario, Self::Labels];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reward => "Reward",
            Self::Training => "Training",
            Self::Hand => "By hand",
            Self::Scenario => "Scenario",
            Self::Labels => "Labels",
        }
    }
}

/// Something a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The start page.
    GoHome,
    /// A scene file.
    OpenScene(PathBuf),
    /// A scenario file: its rollouts are played and checked.
    OpenScenario(PathBuf),
    /// The scenario on its way is no longer wanted.
    CancelOpening,
    /// Another rollout of the scenario is watched.
    WatchRollout(usize),
    /// A place of the scenario is looked at.
    LookAt(Spot),
    /// A run's folder: its scene, its newest policy, its curves.
    OpenRun(PathBuf),
    /// Time goes on, or stops.
    TogglePlay,
    /// One step.
    StepOnce,
    /// One step back.
    StepBack,
    /// The newest step.
    GoLive,
    /// A kept step.
    Seek(u64),
    /// The beginning of an ended episode of a row, played from there.
    Replay {
        /// Row.
        env: usize,
        /// Tick of its last step.
        tick: u64,
    },
    /// Speed against real time.
    SetSpeed(f32),
    /// Everything after the shown step is forgotten.
    Rewind,
    /// A second future from the shown step, under a driver.
    Branch(String),
    /// Another future is looked at.
    SelectLane(usize),
    /// The second future is let go.
    CloseBranch,
    /// A condition at which playing stops.
    AddBreakpoint(String),
    /// One less.
    RemoveBreakpoint(usize),
    /// Off ones are kept.
    EnableBreakpoint(usize, bool),
    /// Who acts.
    SetDriver(String),
    /// Another row is looked at.
    SelectEnv(usize),
    /// So many rows are drawn.
    SetWall(usize),
    /// The hand takes the wheel of the chosen row, or lets go.
    TakeWheel(bool),
    /// The action that the hand gives.
    Steer(Vec<f32>),
    /// The last whole episode of the chosen row is written into a run folder.
    KeepEpisode,
    /// A reward is changed; edits of one gesture are undone together.
    Edit(RewardEdit, Option<u64>),
    /// A term is turned off, or on again with the weight that it had.
    Switch {
        /// Graph.
        graph: usize,
        /// Path of the term.
        path: String,
        /// On or off.
        on: bool,
    },
    /// The last edit is taken back.
    Undo,
    /// The last edit taken back is made again.
    Redo,
    /// The scene is written to its file.
    Save,
    /// A training begins with the scene as it stands.
    StartTraining,
    /// The training stops between two updates, or goes on.
    PauseTraining(bool),
    /// The training ends with a checkpoint.
    StopTraining,
    /// A checkpoint now.
    CheckpointTraining,
    /// The newest checkpoint of the training drives the watched rows.
    UseCheckpoint,
    /// The pair that is seen is answered.
    Label(Says),
    /// The last answer is taken back.
    UndoLabel,
    /// The lower part shows something else.
    ShowTab(Tab),
    /// The right side shows something else.
    ShowSide(Side),
    /// Dark or light.
    SetDark(bool),
    /// The page of keys is shown, or put away.
    ShowKeys(bool),
    /// The camera goes home.
    ResetCamera,
    /// The camera follows what moves.
    Follow(bool),
    /// The panels are put away, or come back.
    HidePanels(bool),
    /// The reward is laid out as a field on the floor, or no longer.
    ShowField(bool),
    /// A picture of the window.
    SavePicture,
    /// A film of the chosen row's episode.
    SaveAnimation,
    /// A notice was read.
    Dismiss(usize),
}
