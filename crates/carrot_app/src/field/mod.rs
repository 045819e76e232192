//! The reward as a field on the floor: what the shown step would have paid elsewhere, under the reward as it stands.

mod place;
mod tiles;

use crate::session::Session;
use crate::theme::number;

/// Pay over a rectangle of the floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Lowest x and y, metres.
    pub low: [f32; 2],
    /// Highest x and y, metres.
    pub high: [f32; 2],
    /// Points along x.
    pub columns: usize,
    /// What each point pays, `[y][x]` from the lowest on; NaN where nothing can be.
    pub pay: Vec<f32>,
    /// What it shows, and from where to where it goes.
    pub caption: String,
}

impl Field {
    /// Least and most pay.
    pub fn span(&self) -> (f32, f32) {
        let paid = self.pay.iter().copied().filter(|pay| pay.is_finite());
        paid.fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), pay| (least.min(pay), most.max(pay)))
    }
}

/// Makes fields, and keeps what they are made with while the reward stays as it is.
#[derive(Default)]
pub struct Fields {
    board: Option<tiles::Board>,
}

impl Fields {
    /// The field of a graph for the row and the step that are looked at. Goal tasks and gridworlds have one, other tasks
    /// and a state before its first step have none.
    pub fn field(&mut self, session: &Session, graph: usize) -> Option<Field> {
        let mut found = place::field(session, graph).or_else(|| self.of_tiles(session, graph))?;
        let (least, most) = found.span();
        found.caption =
            format!("floor: {}; {} (dark) to {} (bright)", found.caption, number(least), number(most));
        Some(found)
    }

    fn of_tiles(&mut self, session: &Session, graph: usize) -> Option<Field> {
        if !self.board.as_ref().is_some_and(|board| board.suits(session)) {
            self.board = tiles::Board::new(session);
        }
        self.board.as_mut()?.field(session, graph)
    }
}
