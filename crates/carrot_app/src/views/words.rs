//! What image-text models see and say.

use carrot_lab::vlm::agreement::Agreement;
use carrot_reward::graph::Body;
use carrot_reward::{Asked, Frames};

use super::window;
use crate::desk::Desk;
use crate::panels::words::WordsView;
use crate::session::{Session, StepRecord};

/// The term about pictures that is looked at; none where there is none.
pub fn words(desk: &Desk, session: &Session) -> Option<WordsView> {
    let (graph, node) = desk.asking(session)?;
    let asked = session.asked(graph, node)?;
    let name = session.setup().graphs[graph].nodes[node].name.clone();
    let (from, to) = window(session);
    let env = session.env();
    let mut view = WordsView {
        question: format!("asks for {}", asked.question),
        asked: whom(asked),
        tick: session.tick(),
        sight: desk.sight.as_ref().map(|(_, sight)| sight.clone()),
        ..WordsView::default()
    };
    let (mut all, mut score, mut success) = (Vec::new(), Vec::new(), Vec::new());
    for (tick, record) in session.history().range(from, to) {
        // An earlier revision may not have asked.
        let Some(column) = column(record, graph, &name) else { continue };
        let rows = record.rows();
        let answer = |row: usize| record.raw[column * rows + row];
        view.ticks.push(tick);
        view.answers.push(answer(env));
        view.score.push(record.score[env]);
        view.success.push(record.success[env]);
        for row in (0..rows).filter(|&row| answer(row).is_finite()) {
            all.push(answer(row));
            score.push(record.score[row]);
            success.push(record.success[row]);
        }
    }
    let Agreement { auc, rank } = Agreement::of(&all, &success, &score);
    (view.auc, view.rank, view.pictures, view.term) = (auc, rank, all.len(), name);
    Some(view)
}

/// The raw column of a term in the reward that a step was paid under.
fn column(record: &StepRecord, graph: usize, name: &str) -> Option<usize> {
    let node = record.epoch.graphs.get(graph)?.nodes.iter().find(|node| node.name == name)?;
    match &node.body {
        Body::Term(kind, slots) => kind.asked().map(|_| slots.now),
        Body::Combine(..) => None,
    }
}

fn whom(asked: &Asked) -> String {
    let frames = match asked.frames {
        Frames::Every(1) => "every picture".into(),
        Frames::Every(k) => format!("every {k} steps and the last"),
        Frames::Last => "the last picture of an episode".into(),
        Frames::Best(k) => format!("the best of every {k} steps, paid at the end"),
    };
    format!("model {}, {frames}", asked.model)
}
