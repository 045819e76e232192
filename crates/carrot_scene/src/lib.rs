//! What a scene file says: RON with spans, validation, lossless edits and error pages.
//!
//! A scene is read once into a [`Syntax`] tree that keeps the text, so that every answer and every
//! complaint can point at the place it came from, and every change is a small edit of that text.
//! This crate reads the parts that belong to no one else ([`SceneSpec`]); the rest stays open, as a
//! [`NodeRef`] which its owner takes apart with a [`Reader`]:
//!
//! ```
//! use carrot_scene::{Diagnostics, Reader, Source, Syntax};
//!
//! let source = Source::new("pole.ron", r#"Tolerance(signal: "pole_angle", bounds: (-0.2, 0.2))"#);
//! let node = Syntax::parse(&source)?.root();
//! let mut diagnostics = Diagnostics::new();
//!
//! let mut reader = Reader::open(&node, &mut diagnostics).expect("a struct");
//! let signal = reader.required::<String>("signal");
//! let bounds = reader.required::<(f32, f32)>("bounds");
//! let margin = reader.optional("margin", 0.0_f32);
//! reader.finish();
//!
//! assert!(diagnostics.is_empty());
//! assert_eq!((signal.as_deref(), bounds, margin), (Some("pole_angle"), Some((-0.2, 0.2)), 0.0));
//! # Ok::<(), Diagnostics>(())
//! ```
//!
//! The tree is our own, and small: the published RON trees that keep comments are either without a
//! nesting limit or single first releases. Leaves are still parsed by `ron` itself.

mod diagnostic;
mod edit;
mod leaf;
mod nearest;
mod overrides;
mod parse;
mod reader;
mod render;
mod scan;
mod scene;
mod source;
mod syntax;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use nearest::nearest;
pub use overrides::{apply_overrides, edit};
pub use reader::Reader;
pub use scene::{BatchSpec, EvaluationSpec, RecordingSpec, SceneSpec, TaskSpec};
pub use source::{Location, Source, Span, Spanned};
pub use syntax::{NodeRef, Shape, Syntax};
