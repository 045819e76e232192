//! What can be wrong with a robot's file: one name for each fault, and its place.

use std::fmt;

use carrot_scene::{Diagnostic, Diagnostics, Location, Span};

/// After this many mistakes nobody reads on.
const ENOUGH: usize = 100;

/// One fault of a robot's file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum UrdfError {
    /// The file is not there, is no regular file, or is not text.
    #[error("cannot read the file: {why}")]
    Unreadable { why: String },
    /// More of something than a robot needs.
    #[error("{what}: more than {limit}")]
    TooMuch { what: &'static str, limit: usize },
    /// A document type definition, with which entities could grow without end or name other files.
    #[error("a document type definition is refused")]
    Doctype,
    /// Not well-formed XML.
    #[error("not well-formed XML: {why}")]
    Xml { why: String },
    /// The outermost element is another one.
    #[error("the file holds <{name}>, not <robot>")]
    NotARobot { name: String },
    /// An element that has no place there.
    #[error("<{name}> is unknown in <{parent}>")]
    UnknownElement { name: String, parent: String },
    /// An attribute that the element does not have.
    #[error("<{element}> has no attribute `{name}`")]
    UnknownAttribute { name: String, element: String },
    /// Text where only elements may be.
    #[error("text inside <{parent}>")]
    StrayText { parent: String },
    /// An element is not there.
    #[error("<{parent}> lacks <{name}>")]
    MissingElement { name: &'static str, parent: String },
    /// An element that may be there once.
    #[error("<{parent}> has more than one <{name}>")]
    RepeatedElement { name: String, parent: String },
    /// An attribute is not there.
    #[error("<{element}> lacks `{name}`")]
    MissingAttribute { name: &'static str, element: String },
    /// Text that is not the numbers it should be.
    #[error("`{name}` is {text:?}, expected {expected}")]
    BadNumber { name: &'static str, text: String, expected: &'static str },
    /// A number that physics cannot work with.
    #[error("`{name}` is {value}, expected {expected}")]
    OutOfRange { name: &'static str, value: f64, expected: &'static str },
    /// A name that is empty, too long, or holds control characters.
    #[error("{name:?} is no name")]
    BadName { name: String },
    /// Two parts of one kind have one name.
    #[error("two {kind}s are named {name:?}; the first is on line {first_line}")]
    DuplicateName { kind: &'static str, name: String, first_line: usize },
    /// A joint speaks of a link that there is not.
    #[error("unknown link {name:?}")]
    UnknownLink { name: String },
    /// A joint of a type that is not simulated.
    #[error("joints of type {kind:?} are not simulated")]
    UnsupportedJoint { kind: String },
    /// An element that changes what the robot is, and is not simulated.
    #[error("<{name}> is not simulated")]
    UnsupportedElement { name: String },
    /// An axis without direction.
    #[error("the axis of joint {joint:?} is zero")]
    ZeroAxis { joint: String },
    /// Limits that leave no room.
    #[error("the limits of joint {joint:?} are reversed or equal: {lower} to {upper}")]
    ReversedLimits { joint: String, lower: f64, upper: f64 },
    /// Masses that no body has.
    #[error("the inertia of link {link:?} is impossible: {why}")]
    BadInertia { link: String, why: &'static str },
    /// A link that moves or collides, without a mass.
    #[error("link {link:?} has no <inertial>, but {why}")]
    MissingInertia { link: String, why: &'static str },
    /// The file has no link.
    #[error("the robot has no links")]
    NoLinks,
    /// A link hangs on two joints.
    #[error("link {link:?} is the child of two joints; the first is on line {first_line}")]
    SeveralParents { link: String, first_line: usize },
    /// More than one link hangs on no joint.
    #[error("link {link:?} hangs on no joint, and neither does {first:?}")]
    SeveralRoots { link: String, first: String },
    /// Joints that lead back to where they came from.
    #[error("joint {joint:?} closes a cycle")]
    Cycle { joint: String },
    /// A path that leaves the robot's folder, or could.
    #[error("the path {path:?} is refused: {why}")]
    PathEscape { path: String, why: &'static str },
    /// A mesh that is not there.
    #[error("there is no file {path:?} beside the robot")]
    MissingMesh { path: String },
    /// A mesh that cannot be used.
    #[error("the mesh {path:?} cannot be used: {why}")]
    BadMesh { path: String, why: String },
    /// The loader did not give what the file declares.
    #[error("the loader gave {loaded} of {declared} {what}")]
    Lost { what: &'static str, loaded: usize, declared: usize },
}

impl UrdfError {
    /// A short fixed word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::TooMuch { .. } => "too_much",
            Self::Doctype => "doctype",
            Self::Xml { .. } => "xml",
            Self::NotARobot { .. } => "not_a_robot",
            Self::UnknownElement { .. } => "unknown_element",
            Self::UnknownAttribute { .. } => "unknown_attribute",
            Self::StrayText { .. } => "stray_text",
            Self::MissingElement { .. } => "missing_element",
            Self::RepeatedElement { .. } => "repeated_element",
            Self::MissingAttribute { .. } => "missing_attribute",
            Self::BadNumber { .. } => "bad_number",
            Self::OutOfRange { .. } => "out_of_range",
            Self::BadName { .. } => "bad_name",
            Self::DuplicateName { .. } => "duplicate_name",
            Self::UnknownLink { .. } => "unknown_link",
            Self::UnsupportedJoint { .. } => "unsupported_joint",
            Self::UnsupportedElement { .. } => "unsupported_element",
            Self::ZeroAxis { .. } => "zero_axis",
            Self::ReversedLimits { .. } => "reversed_limits",
            Self::BadInertia { .. } => "bad_inertia",
            Self::MissingInertia { .. } => "missing_inertia",
            Self::NoLinks => "no_links",
            Self::SeveralParents { .. } => "several_parents",
            Self::SeveralRoots { .. } => "several_roots",
            Self::Cycle { .. } => "cycle",
            Self::PathEscape { .. } => "path_escape",
            Self::MissingMesh { .. } => "missing_mesh",
            Self::BadMesh { .. } => "bad_mesh",
            Self::Lost { .. } => "lost",
        }
    }

    /// How to put it right, where that is not plain.
    fn help(&self) -> Option<&'static str> {
        match self {
            Self::Doctype => Some("write entities out"),
            Self::UnsupportedJoint { .. } => Some("simulated: fixed, revolute, continuous, prismatic"),
            Self::UnsupportedElement { name } if name.starts_with("xacro") => {
                Some("nothing is executed: expand the file with xacro beforehand")
            }
            Self::PathEscape { .. } => Some("write a path relative to the robot's folder, inside of it"),
            Self::BadInertia { .. } => {
                Some("moments of a real body are positive, and none exceeds the sum of the other two")
            }
            _ => None,
        }
    }
}

/// One fault and its place.
#[derive(Debug, Clone)]
pub struct UrdfMistake {
    /// What is wrong.
    pub error: UrdfError,
    /// The marked text.
    pub span: Span,
    /// The valid name nearest to the one given.
    pub nearest: Option<String>,
}

impl UrdfMistake {
    /// File, line and column.
    pub fn location(&self) -> Location {
        self.span.location()
    }

    fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::new(self.error.code(), &self.span, self.error.to_string());
        diagnostic.nearest.clone_from(&self.nearest);
        let meant = self.nearest.as_ref().map(|near| format!("did you mean {near:?}?"));
        diagnostic.help = meant.or_else(|| self.error.help().map(str::to_owned));
        diagnostic
    }
}

/// All faults of a robot's file, in the order of their places. Displays one per line.
#[derive(Debug, Clone, Default)]
pub struct UrdfMistakes(Vec<UrdfMistake>);

impl UrdfMistakes {
    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, UrdfMistake> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a fault.
    pub(super) fn add(&mut self, span: &Span, error: UrdfError) {
        self.add_named(span, error, None);
    }

    /// Adds a fault that is a slip for a valid name.
    pub(super) fn add_named(&mut self, span: &Span, error: UrdfError, nearest: Option<&str>) {
        if self.0.len() < ENOUGH {
            self.0.push(UrdfMistake { error, span: span.clone(), nearest: nearest.map(str::to_owned) });
        }
    }

    /// The value, if nothing went wrong.
    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(value);
        }
        self.0.sort_by_key(|mistake| mistake.span.range().start);
        Err(self)
    }
}

impl From<UrdfMistakes> for Diagnostics {
    fn from(mistakes: UrdfMistakes) -> Self {
        let mut diagnostics = Self::new();
        mistakes.iter().for_each(|mistake| diagnostics.push(mistake.diagnostic()));
        diagnostics
    }
}

impl fmt::Display for UrdfMistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Diagnostics::from(self.clone()).fmt(f)
    }
}

impl std::error::Error for UrdfMistakes {}
