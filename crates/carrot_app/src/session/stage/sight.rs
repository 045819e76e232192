//! What an image-text model sees of the shown step, and what it says of it.

use carrot_lab::LabError;
use carrot_reward::graph::Body;
use carrot_reward::{Asked, Picture};

use super::Session;

/// A step as a model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The picture.
    pub picture: Picture,
    /// The answer to the term's question.
    pub answer: f32,
}

impl Session {
    /// What a term asks about pictures, if it does.
    pub fn asked(&self, graph: usize, node: usize) -> Option<&Asked> {
        match &self.setup.graphs.get(graph)?.nodes.get(node)?.body {
            Body::Term(kind, _) => kind.asked(),
            Body::Combine(..) => None,
        }
    }

    /// Every term that asks about pictures, by graph and node.
    pub fn asking(&self) -> Vec<(usize, usize)> {
        let graphs = self.setup.graphs.iter().enumerate();
        let all = graphs.flat_map(|(graph, spec)| (0..spec.nodes.len()).map(move |node| (graph, node)));
        all.filter(|&(graph, node)| self.asked(graph, node).is_some()).collect()
    }

    /// Shows the shown step of the chosen row to a term's model, whether or not the term looks at it.
    ///
    /// # Errors
    /// When the term asks nothing, or its model cannot draw or see.
    pub fn look(&mut self, graph: usize, node: usize) -> Result<Sight, LabError> {
        let nothing = || LabError::Refused("this term asks nothing about pictures".into());
        let asked = self.asked(graph, node).cloned().ok_or_else(nothing)?;
        let (env, tick, lane) = (self.env, self.tick(), self.lane);
        let place = self.drawn_rows().iter().position(|&row| row == env);
        let frame = match place {
            Some(place) => self.frames()?.swap_remove(place),
            None => self.mirror.frame(lane, self.lanes[lane].live.history(), env, tick)?,
        };
        self.lanes[lane].live.look(&frame, &asked)
    }
}
