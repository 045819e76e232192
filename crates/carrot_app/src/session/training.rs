//! A training on a thread of its own: it is told what to do and tells how far it is, and never waits for the window.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::JoinHandle;

use carrot_lab::{LabError, Run, RunOptions, Setup};
use carrot_record::MetricsRow;

/// Rows that wait for the window; more are left out, for the run's own file holds all.
const WAITING: usize = 256;

/// How far a training is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Stand {
    /// None was started.
    #[default]
    Absent,
    /// Under way.
    Running,
    /// Stopped between two updates.
    Paused,
    /// It took all its steps, or was stopped.
    Ended,
    /// It broke off, and why.
    Failed(String),
}

/// What a training is told.
enum Order {
    Pause,
    GoOn,
    Checkpoint,
    Stop,
    Turn(Turn),
}

/// A number of a reward that is turned while it trains. Graphs and terms go by name: those of the window may have
/// changed since the training began.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Name of the graph.
    pub graph: String,
    /// What is turned.
    pub knob: Knob,
    /// What to.
    pub value: f32,
}

/// What can be turned while it trains.
#[derive(Debug, Clone, PartialEq)]
pub enum Knob {
    /// The weight of a term.
    Weight(String),
    /// A parameter that a text declares.
    Param(String),
}

/// What a training tells.
enum News {
    Began(PathBuf),
    Update(Box<MetricsRow>),
    Stands(Stand),
    Refused(String),
}

/// A training under way, seen from the window.
pub struct Training {
    orders: Sender<Order>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
    stand: Stand,
    folder: Option<PathBuf>,
    rows: Vec<MetricsRow>,
    refused: Vec<String>,
}

impl Training {
    /// Starts a run below a folder.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(setup: Setup, runs: &Path) -> Result<Self, LabError> {
        let (orders, inbox) = channel();
        let (outbox, news) = sync_channel(WAITING);
        let mut options = RunOptions::below(runs);
        options.command = "carrot-app".into();
        let work = move || {
            let end = match train(setup, &options, &inbox, &outbox) {
                Ok(()) => Stand::Ended,
                Err(error) => Stand::Failed(error.to_string()),
            };
            // Nobody listens any more when the window is gone; the run's folder holds everything.
            outbox.send(News::Stands(end)).ok();
        };
        let thread = std::thread::Builder::new().name("training".into()).spawn(work);
        let thread = thread.map_err(LabError::file("cannot start a thread for the training", runs))?;
        let (rows, refused) = (Vec::new(), Vec::new());
        Ok(Self { orders, news, thread: Some(thread), stand: Stand::Running, folder: None, rows, refused })
    }

    /// How far it is.
    pub fn stand(&self) -> &Stand {
        &self.stand
    }

    /// The run's folder, once it is made.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Every update heard of.
    pub fn rows(&self) -> &[MetricsRow] {
        &self.rows
    }

    /// Turns that it could not make, and why.
    pub fn take_refused(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refused)
    }

    /// Hears what the training told since.
    pub fn listen(&mut self) {
        loop {
            match self.news.try_recv() {
                Ok(News::Began(folder)) => self.folder = Some(folder),
                Ok(News::Update(row)) => self.rows.push(*row),
                Ok(News::Stands(stand)) => self.stand = stand,
                Ok(News::Refused(why)) => self.refused.push(why),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    // Its last word is how it ended; a thread that panicked has none.
                    if matches!(self.stand, Stand::Running | Stand::Paused) {
                        self.stand = Stand::Failed("its thread ended without a word".into());
                    }
                    return;
                }
            }
        }
    }

    /// Stops between two updates, or goes on.
    pub fn pause(&self, pause: bool) {
        self.order(if pause { Order::Pause } else { Order::GoOn });
    }

    /// Asks for a checkpoint.
    pub fn checkpoint(&self) {
        self.order(Order::Checkpoint);
    }

    /// Puts a number in force at the next rollout.
    pub fn turn(&self, turn: Turn) {
        self.order(Order::Turn(turn));
    }

    /// Ends it with a checkpoint.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// A training that ended has no inbox; what it is told then is moot.
    fn order(&self, order: Order) {
        self.orders.send(order).ok();
    }
}

impl Drop for Training {
    /// Leaves a valid checkpoint behind, so that the run can be resumed.
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there is reported by the thread itself.
            while !thread.is_finished() {
                while self.news.try_recv().is_ok() {}
                std::thread::yield_now();
            }
            thread.join().ok();
        }
    }
}

fn train(
    setup: Setup,
    options: &RunOptions,
    inbox: &Receiver<Order>,
    outbox: &SyncSender<News>,
) -> Result<(), LabError> {
    let mut run = Run::start(setup, options)?;
    outbox.send(News::Began(run.path().to_path_buf())).ok();
    while !run.trainer().is_complete() {
        loop {
            match inbox.try_recv() {
                Ok(Order::Pause) => {
                    run.checkpoint()?;
                    outbox.try_send(News::Stands(Stand::Paused)).ok();
                    if !wait(&mut run, inbox, outbox)? {
                        return Ok(());
                    }
                    outbox.try_send(News::Stands(Stand::Running)).ok();
                }
                Ok(Order::Checkpoint) => run.checkpoint()?,
                Ok(Order::Turn(turn)) => make(&mut run, &turn, outbox)?,
                Ok(Order::Stop) => {
                    run.checkpoint()?;
                    return Ok(());
                }
                Ok(Order::GoOn) => {}
                // The window is gone without a word: the run goes on to its end.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let row = run.advance()?;
        outbox.try_send(News::Update(Box::new(row))).ok();
    }
    run.checkpoint()?;
    Ok(())
}

/// Waits for an order that ends the pause; false when it ends the training.
fn wait(run: &mut Run, inbox: &Receiver<Order>, outbox: &SyncSender<News>) -> Result<bool, LabError> {
    while let Ok(order) = inbox.recv() {
        match order {
            Order::GoOn => return Ok(true),
            Order::Stop => return Ok(false),
            Order::Checkpoint => run.checkpoint()?,
            Order::Turn(turn) => make(run, &turn, outbox)?,
            Order::Pause => {}
        }
    }
    Ok(true)
}

/// Makes a turn; one that does not fit the reward that the run began with is told, and the training goes on.
fn make(run: &mut Run, turn: &Turn, outbox: &SyncSender<News>) -> Result<(), LabError> {
    let graphs = &run.trainer().setup().graphs;
    let graph = graphs.iter().position(|graph| graph.name == turn.graph);
    let made = match (&turn.knob, graph) {
        (_, None) => Err(LabError::Refused(format!("it has no reward `{}`", turn.graph))),
        (Knob::Param(name), Some(graph)) => run.set_param(graph, name, turn.value),
        (Knob::Weight(term), Some(graph)) => {
            match graphs[graph].nodes.iter().position(|node| node.name == *term) {
                Some(node) => run.set_weight(graph, node, turn.value),
                None => Err(LabError::Refused(format!("it has no term `{term}`"))),
            }
        }
    };
    match made {
        Err(why @ (LabError::Refused(_) | LabError::Reward(_))) => {
            let told = format!("The training under way goes on as it was: {why}");
            outbox.try_send(News::Refused(told)).ok();
            Ok(())
        }
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_without_a_word_has_failed() {
        let (orders, _) = channel();
        let (outbox, news) = sync_channel(4);
        let (stand, rows, refused) = (Stand::Running, Vec::new(), Vec::new());
        let mut training = Training { orders, news, thread: None, stand, folder: None, rows, refused };
        training.listen();
        assert_eq!(*training.stand(), Stand::Running, "it only has nothing new to tell");
        drop(outbox);
        training.listen();
        assert!(matches!(training.stand(), Stand::Failed(why) if why.contains("without a word")));
    }
}
