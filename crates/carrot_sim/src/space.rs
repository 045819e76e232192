//! Spaces: what an agent sees and what it may do.

use serde::{Deserialize, Serialize};

/// Element type of an observation part; grids and pixels stay bytes until the policy reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Element {
    /// 32-bit floats.
    F32,
    /// Bytes.
    U8,
}

/// One named part of an observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObsPart {
    /// Name, unique within the observation.
    pub name: String,
    /// Shape of one row's part; the batch adds a leading `N`.
    pub shape: Vec<usize>,
    /// Element type.
    pub element: Element,
    /// Lowest value per element, or one value for all.
    pub low: Vec<f32>,
    /// Highest value per element, or one value for all.
    pub high: Vec<f32>,
}

impl ObsPart {
    /// A flat vector of floats with one bound per element.
    pub fn vector(name: &str, low: &[f32], high: &[f32]) -> Self {
        Self {
            name: name.into(),
            shape: vec![low.len()],
            element: Element::F32,
            low: low.to_vec(),
            high: high.to_vec(),
        }
    }

    /// Bytes of a shape, from 0 to `high`.
    pub fn bytes(name: &str, shape: &[usize], high: u8) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            element: Element::U8,
            low: vec![0.0],
            high: vec![high.into()],
        }
    }

    /// Elements per row.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes per row.
    pub fn byte_size(&self) -> usize {
        self.size()
            * match self.element {
                Element::F32 => size_of::<f32>(),
                Element::U8 => 1,
            }
    }
}

/// What an agent may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ActionSpace {
    /// One of `names.len()` choices.
    Discrete {
        /// Name of each choice, in order.
        names: Vec<String>,
    },
    /// One choice for each of several elements.
    MultiDiscrete {
        /// Name of each element.
        names: Vec<String>,
        /// Names of the choices of each element, in order.
        choices: Vec<Vec<String>>,
    },
    /// A vector of floats within bounds.
    Continuous {
        /// Name of each element.
        names: Vec<String>,
        /// Unit of each element.
        units: Vec<String>,
        /// Lowest value of each element.
        low: Vec<f32>,
        /// Highest value of each element.
        high: Vec<f32>,
    },
}

impl ActionSpace {
    /// Discrete space from names.
    pub fn discrete(names: &[&str]) -> Self {
        Self::Discrete { names: names.iter().map(|n| n.to_string()).collect() }
    }

    /// Multi-discrete space from the name and choices of each element.
    pub fn multi_discrete(elements: &[(&str, &[&str])]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
        Self::MultiDiscrete {
            names: elements.iter().map(|(name, _)| name.to_string()).collect(),
            choices: elements.iter().map(|(_, choices)| owned(choices)).collect(),
        }
    }

    /// Numbers per row that hold one action: 1 when discrete.
    pub fn width(&self) -> usize {
        match self {
            Self::Discrete { .. } => 1,
            Self::MultiDiscrete { names, .. } | Self::Continuous { names, .. } => names.len(),
        }
    }

    /// Number of choices of element `i`; `None` when it is a float.
    pub fn choices(&self, i: usize) -> Option<usize> {
        match self {
            Self::Discrete { names } => Some(names.len()),
            Self::MultiDiscrete { choices, .. } => Some(choices[i].len()),
            Self::Continuous { .. } => None,
        }
    }

    /// Bounds of element `i`; choices count from 0.
    pub fn bounds(&self, i: usize) -> (f32, f32) {
        match self {
            Self::Discrete { names } => (0.0, names.len() as f32 - 1.0),
            Self::MultiDiscrete { choices, .. } => (0.0, choices[i].len() as f32 - 1.0),
            Self::Continuous { low, high, .. } => (low[i], high[i]),
        }
    }

    /// Names of the elements: `action` alone when discrete.
    pub fn element_names(&self) -> Vec<String> {
        match self {
            Self::Discrete { .. } => vec!["action".into()],
            Self::MultiDiscrete { names, .. } | Self::Continuous { names, .. } => names.clone(),
        }
    }
}
