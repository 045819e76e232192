//! Triangle meshes in the STL format, binary or text, as the convex hulls that collide.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rapier3d::math::Vector;
use rapier3d::prelude::SharedShape;

/// The longest mesh that is read, in bytes.
pub(super) const MAX_BYTES: usize = 8 << 20;
/// The most triangles of a mesh.
const MAX_TRIANGLES: usize = 65_536;
/// No corner is farther away than this (m).
const MAX_COORDINATE: f32 = 100.0;

/// The convex hull of a mesh.
#[derive(Clone)]
pub struct Hull {
    pub(crate) shape: SharedShape,
}

impl fmt::Debug for Hull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hull({:?})", self.bounds())
    }
}

impl Hull {
    /// Least and greatest corner of the box around it (m).
    pub fn bounds(&self) -> [[f32; 3]; 2] {
        let bounds = self.shape.compute_local_aabb();
        [bounds.mins, bounds.maxs].map(crate::convert::array)
    }

    /// Reads a mesh and multiplies it with `scale`.
    pub(super) fn read(bytes: &[u8], scale: [f64; 3]) -> Result<Self, String> {
        let corners = corners(bytes)?;
        let points: Vec<_> = corners
            .iter()
            .map(|corner| std::array::from_fn(|axis| (f64::from(corner[axis]) * scale[axis]) as f32))
            .collect();
        let within = |point: &[f32; 3]| point.iter().all(|v| v.is_finite() && v.abs() <= MAX_COORDINATE);
        if !points.iter().all(within) {
            return Err(format!("a corner is not finite or farther away than {MAX_COORDINATE} m"));
        }
        let points: Vec<_> = points.into_iter().map(|[x, y, z]| Vector::new(x, y, z)).collect();
        // Points that all but lie in a plane can trip assertions inside of the hull's construction.
        let hull = catch_unwind(AssertUnwindSafe(|| SharedShape::convex_hull(&points)));
        let shape = hull.ok().flatten().ok_or("it has no convex hull: its points lie in a plane")?;
        let hull = Self { shape };
        // What is not a number is not solid either.
        let solid = hull.bounds()[0].iter().zip(hull.bounds()[1]).all(|(low, high)| high - low > 1e-5);
        if solid { Ok(hull) } else { Err("it is thinner than 10 um".into()) }
    }
}

fn corners(bytes: &[u8]) -> Result<Vec<[f32; 3]>, String> {
    if let Some(&count) = bytes.get(80..84).and_then(|count| count.first_chunk::<4>()) {
        let count = u32::from_le_bytes(count) as usize;
        if count <= MAX_TRIANGLES && bytes.len() == 84 + 50 * count {
            return Ok(binary_corners(&bytes[84..]));
        }
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is neither binary nor text STL")?;
    if !text.trim_start().starts_with("solid") {
        return Err("it is neither binary nor text STL, or is cut off".into());
    }
    text_corners(text)
}

/// Twelve numbers and two bytes a triangle; the first three numbers are its normal.
fn binary_corners(triangles: &[u8]) -> Vec<[f32; 3]> {
    let mut corners = Vec::with_capacity(triangles.len() / 50 * 3);
    for triangle in triangles.chunks_exact(50) {
        for corner in triangle[12..48].chunks_exact(12) {
            corners.push(std::array::from_fn(|axis| {
                let bytes = [0, 1, 2, 3].map(|byte| corner[4 * axis + byte]);
                f32::from_le_bytes(bytes)
            }));
        }
    }
    corners
}

fn text_corners(text: &str) -> Result<Vec<[f32; 3]>, String> {
    let mut corners = Vec::new();
    let mut is_closed = false;
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("vertex") => {
                let numbers: Vec<f32> = words.map(|word| word.parse().unwrap_or(f32::NAN)).collect();
                let corner = <[f32; 3]>::try_from(numbers);
                corners.push(corner.map_err(|_| format!("line {} is no vertex", index + 1))?);
            }
            Some("endsolid") => is_closed = true,
            Some("solid" | "facet" | "outer" | "endloop" | "endfacet") | None => {}
            Some(word) => return Err(format!("line {} begins with {word:?}", index + 1)),
        }
        if corners.len() > 3 * MAX_TRIANGLES {
            return Err(format!("it has more than {MAX_TRIANGLES} triangles"));
        }
    }
    if !is_closed || corners.is_empty() || corners.len() % 3 != 0 {
        return Err("it is cut off".into());
    }
    Ok(corners)
}
