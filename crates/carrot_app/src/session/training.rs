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
    Weight { graph: usize, node: usize, weight: f32 },
}

/// What a training tells.
enum News {
    Began(PathBuf),
    Update(Box<MetricsRow>),
    Stands(Stand),
}

/// A training under way, seen from the window.
pub struct Training {
    orders: Sender<Order>,
    news: Receiver<News>,
    thread: Option<JoinHandle<()>>,
    stand: Stand,
    folder: Option<PathBuf>,
    rows: Vec<MetricsRow>,
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
        Ok(Self { orders, news, thread: Some(thread), stand: Stand::Running, folder: None, rows: Vec::new() })
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

    /// Hears what the training told since.
    pub fn listen(&mut self) {
        loop {
            match self.news.try_recv() {
                Ok(News::Began(folder)) => self.folder = Some(folder),
                Ok(News::Update(row)) => self.rows.push(*row),
                Ok(News::Stands(stand)) => self.stand = stand,
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

    /// Puts a weight in force at the next rollout.
    pub fn set_weight(&self, graph: usize, node: usize, weight: f32) {
        self.order(Order::Weight { graph, node, weight });
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
                    if !wait(&mut run, inbox)? {
                        return Ok(());
                    }
                    outbox.try_send(News::Stands(Stand::Running)).ok();
                }
                Ok(Order::Checkpoint) => run.checkpoint()?,
                Ok(Order::Weight { graph, node, weight }) => run.set_weight(graph, node, weight)?,
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
fn wait(run: &mut Run, inbox: &Receiver<Order>) -> Result<bool, LabError> {
    while let Ok(order) = inbox.recv() {
        match order {
            Order::GoOn => return Ok(true),
            Order::Stop => return Ok(false),
            Order::Checkpoint => run.checkpoint()?,
            Order::Weight { graph, node, weight } => run.set_weight(graph, node, weight)?,
            Order::Pause => {}
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_without_a_word_has_failed() {
        let (orders, _) = channel();
        let (outbox, news) = sync_channel(4);
        let (stand, rows) = (Stand::Running, Vec::new());
        let mut training = Training { orders, news, thread: None, stand, folder: None, rows };
        training.listen();
        assert_eq!(*training.stand(), Stand::Running, "it only has nothing new to tell");
        drop(outbox);
        training.listen();
        assert!(matches!(training.stand(), Stand::Failed(why) if why.contains("without a word")));
    }
}
