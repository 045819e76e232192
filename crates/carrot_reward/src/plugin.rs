//! Graphs as entities: a root per graph, nodes below it, kinds as components; all a projection of a revision.

use bevy_ecs::prelude::*;
use carrot_sim::{App, Plugin, RawColumns, Shard};

use crate::graph::{Body, Graph};
use crate::kind::{Kind, KindRegistry};
use crate::kinds::Expr;
use crate::revision::Revision;

/// Root of a graph; its children are the nodes, and Bevy's hierarchy is the reward tree.
#[derive(Component, Debug, Clone, PartialEq, Eq)]
pub struct GraphRoot {
    /// Place among the graphs of the run; 0 is trained on.
    pub index: usize,
    /// Name.
    pub name: String,
}

/// A node of a graph.
#[derive(Component, Debug, Clone, PartialEq)]
pub struct Term {
    /// Graph it belongs to.
    pub graph: usize,
    /// Place in evaluation order.
    pub node: usize,
    /// Name.
    pub name: String,
    /// Weight under the revision in force.
    pub weight: f32,
}

/// Number of the revision in force.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce(pub u32);

/// Attaches graphs to a shard.
pub struct RewardPlugin {
    graphs: Vec<Graph>,
    kinds: KindRegistry,
    revision: Revision,
}

impl RewardPlugin {
    /// A plugin for these graphs, the trained one first.
    pub fn new(graphs: &[Graph], kinds: &KindRegistry, revision: &Revision) -> Self {
        Self { graphs: graphs.to_vec(), kinds: kinds.clone(), revision: revision.clone() }
    }
}

impl Plugin for RewardPlugin {
    fn build(&self, app: &mut App) {
        let nodes = self.graphs.iter().flat_map(|graph| &graph.nodes);
        let used: Vec<&str> = nodes
            .filter_map(|node| match &node.body {
                Body::Term(kind, _) => Some(kind.doc().name),
                Body::Combine(..) => None,
            })
            .collect();
        self.kinds.add_systems(app, &used);
        let world = app.world_mut();
        world.insert_resource(InForce(self.revision.number));
        for (index, graph) in self.graphs.iter().enumerate() {
            let root = world.spawn(GraphRoot { index, name: graph.name.clone() }).id();
            let mut entities: Vec<Entity> = Vec::with_capacity(graph.nodes.len());
            for (node, spec) in graph.nodes.iter().enumerate() {
                let state = &self.revision.graphs[index].nodes[node];
                let name = spec.name.clone();
                let mut term = world.spawn(Term { graph: index, node, name, weight: state.weight });
                if let Body::Term(kind, slots) = &spec.body {
                    term.insert(*slots);
                    kind.with_params(&state.params).insert(&mut term);
                }
                entities.push(term.id());
                if let Body::Term(_, slots) = &spec.body {
                    let mut raw = world.resource_mut::<RawColumns>();
                    while raw.count() <= slots.now.max(slots.before.unwrap_or(0)) {
                        raw.add();
                    }
                }
            }
            for (node, spec) in graph.nodes.iter().enumerate() {
                let parent = spec.parent.map_or(root, |p| entities[p]);
                world.entity_mut(entities[node]).insert(ChildOf(parent));
            }
        }
    }
}

/// Projects a revision onto the term entities of a shard.
pub fn project(revision: &Revision, shard: &mut Shard) {
    let world = shard.world_mut();
    world.insert_resource(InForce(revision.number));
    for (mut term, expr) in world.query::<(&mut Term, Option<&mut Expr>)>().iter_mut(world) {
        let state = &revision.graphs[term.graph].nodes[term.node];
        term.weight = state.weight;
        if let Some(mut expr) = expr {
            *expr = expr.with_params(&state.params);
        }
    }
}
