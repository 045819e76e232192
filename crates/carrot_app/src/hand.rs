//! Keys as actions: which key does what in a task, and what the held keys mean together.

use carrot_sim::ActionSpace;
use egui::Key;

use crate::session::driver::idle_action;

/// What one key does.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// The key.
    pub key: Key,
    /// What it does, for people.
    pub what: String,
    /// Element of the action.
    element: usize,
    /// Value that it gives to it.
    value: f32,
}

/// The keys of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hand {
    bindings: Vec<Binding>,
    idle: Vec<f32>,
    /// Whether choices are made one at a time, as in a gridworld.
    pub is_turn_based: bool,
}

/// Parts of names of choices, and the key that a hand expects for them.
const EXPECTED: [(&str, Key); 13] = [
    ("left", Key::ArrowLeft),
    ("west", Key::ArrowLeft),
    ("negative", Key::ArrowLeft),
    ("right", Key::ArrowRight),
    ("east", Key::ArrowRight),
    ("positive", Key::ArrowRight),
    ("forward", Key::ArrowUp),
    ("north", Key::ArrowUp),
    ("up", Key::ArrowUp),
    ("south", Key::ArrowDown),
    ("down", Key::ArrowDown),
    ("pickup", Key::P),
    ("drop", Key::D),
];
/// Keys for choices whose names say nothing.
const NUMBERS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];
/// Keys for the two ways of each continuous element, in order.
const PAIRS: [(Key, Key); 6] = [
    (Key::ArrowLeft, Key::ArrowRight),
    (Key::ArrowDown, Key::ArrowUp),
    (Key::PageDown, Key::PageUp),
    (Key::Q, Key::E),
    (Key::Z, Key::X),
    (Key::V, Key::B),
];

impl Hand {
    /// The keys for an action space.
    pub fn new(space: &ActionSpace) -> Self {
        let idle = idle_action(space);
        let mut hand = Self { bindings: Vec::new(), idle, is_turn_based: false };
        match space {
            ActionSpace::Discrete { names } => {
                hand.is_turn_based = names.len() > 3;
                hand.bind_choices(0, names);
            }
            ActionSpace::MultiDiscrete { choices, .. } => {
                (0..choices.len()).for_each(|element| hand.bind_choices(element, &choices[element]));
            }
            ActionSpace::Continuous { names, low, high, .. } => {
                for (element, (name, &(less, more))) in names.iter().zip(&PAIRS).enumerate() {
                    hand.bind(less, format!("{name} -"), element, low[element].max(-1e3));
                    hand.bind(more, format!("{name} +"), element, high[element].min(1e3));
                }
            }
        }
        hand
    }

    fn bind_choices(&mut self, element: usize, names: &[String]) {
        for (choice, name) in names.iter().enumerate() {
            let expected = EXPECTED
                .iter()
                .find(|(part, key)| name.contains(part) && !self.has(*key))
                .map(|(_, key)| *key);
            let free = || NUMBERS.into_iter().find(|key| !self.has(*key));
            if let Some(key) = expected.or_else(free) {
                self.bind(key, name.clone(), element, choice as f32);
            }
        }
    }

    fn bind(&mut self, key: Key, what: String, element: usize, value: f32) {
        self.bindings.push(Binding { key, what, element, value });
    }

    fn has(&self, key: Key) -> bool {
        self.bindings.iter().any(|binding| binding.key == key)
    }

    /// The action without any key.
    pub fn idle(&self) -> &[f32] {
        &self.idle
    }

    /// What each key does.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The action of the keys that are down; `None` when none of them is.
    pub fn action(&self, is_down: impl Fn(Key) -> bool) -> Option<Vec<f32>> {
        let mut action = self.idle.clone();
        let mut any = false;
        for binding in self.bindings.iter().filter(|binding| is_down(binding.key)) {
            action[binding.element] = binding.value;
            any = true;
        }
        any.then_some(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_can_be_driven_by_keys() {
        for name in carrot_tasks::task_names() {
            let Some(task) = carrot_tasks::build_task(name) else { continue };
            let hand = Hand::new(&task.spec().action);
            let mut keys: Vec<Key> = hand.bindings().iter().map(|binding| binding.key).collect();
            let all = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), all, "{name}: a key does one thing");
            if let Some(choices) = task.spec().action.choices(0).filter(|_| task.spec().action.width() == 1) {
                assert_eq!(all, choices, "{name}: every choice has a key");
            }
            for binding in hand.bindings() {
                let action = hand.action(|key| key == binding.key);
                assert_eq!(action.map(|action| action[binding.element]), Some(binding.value), "{name}");
            }
            assert_eq!(hand.action(|_| false), None);
        }
    }
}
