//! The primitives that everything is drawn from, each in a unit box around the origin.

use std::f32::consts::TAU;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};
use glam::Vec3;

/// A corner of a mesh.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Vertex {
    pub(crate) position: [f32; 3],
    pub(crate) normal: [f32; 3],
}

/// A primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mesh {
    /// From -1 to 1 along each axis.
    Cuboid,
    /// Radius 1.
    Sphere,
    /// The upper half of a sphere, open below.
    Dome,
    /// Radius 1, from -1 to 1 along z.
    Cylinder,
    /// A cylinder that is open at its ends.
    Tube,
    /// A flat square that faces up, from -1 to 1 along x and y.
    Square,
    /// A flat disc that faces up, radius 1.
    Disc,
    /// A flat triangle that faces up and points along x, from -1 to 1 along x and y.
    Triangle,
}

impl Mesh {
    pub(crate) const ALL: [Self; 8] = [
        Self::Cuboid,
        Self::Sphere,
        Self::Dome,
        Self::Cylinder,
        Self::Tube,
        Self::Square,
        Self::Disc,
        Self::Triangle,
    ];

    const fn is_round(self) -> bool {
        matches!(self, Self::Sphere | Self::Dome | Self::Cylinder | Self::Tube | Self::Disc)
    }
}

/// How finely what is round is divided. A software renderer spends most of a small picture on corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A circle of 8 segments.
    Low,
    /// A circle of 16 segments.
    Middle,
    /// A circle of 32 segments.
    High,
}

impl Detail {
    pub(crate) const ALL: [Self; 3] = [Self::Low, Self::Middle, Self::High];

    /// The least that leaves a circle of this radius in pixels round: corners stick out by a fifth of a pixel.
    pub(crate) fn of(mesh: Mesh, pixels: f32) -> Self {
        match pixels {
            _ if !mesh.is_round() => Self::Low,
            ..=2.5 => Self::Low,
            ..=10.0 => Self::Middle,
            _ => Self::High,
        }
    }

    const fn segments(self) -> usize {
        8 << self as usize
    }
}

/// All meshes in one buffer of corners and one of indices; every three indices are a triangle.
#[derive(Default)]
pub(crate) struct Meshes {
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) indices: Vec<u16>,
    /// The indices of each mesh, from little detail to much.
    pub(crate) ranges: Vec<[Range<u32>; Detail::ALL.len()]>,
}

impl Meshes {
    pub(crate) fn new() -> Self {
        let mut meshes = Self::default();
        for mesh in Mesh::ALL {
            let ranges = Detail::ALL.map(|detail| meshes.add(mesh, detail.segments()));
            meshes.ranges.push(ranges);
        }
        meshes
    }

    fn add(&mut self, mesh: Mesh, segments: usize) -> Range<u32> {
        let start = self.indices.len() as u32;
        match mesh {
            Mesh::Cuboid => self.cuboid(),
            Mesh::Sphere => self.sphere(segments, segments / 2),
            Mesh::Dome => self.sphere(segments, segments / 4),
            Mesh::Cylinder => {
                self.tube(segments);
                self.face(around(segments).skip(1).map(|at| at.with_z(1.0)), Vec3::Z);
                self.face(around(segments).skip(1).map(|at| Vec3::new(at.x, -at.y, -1.0)), Vec3::NEG_Z);
            }
            Mesh::Tube => self.tube(segments),
            Mesh::Square => self.flat(&[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
            Mesh::Disc => self.face(around(segments).skip(1), Vec3::Z),
            Mesh::Triangle => self.flat(&[[1.0, 0.0], [-1.0, 1.0], [-1.0, -1.0]]),
        }
        start..self.indices.len() as u32
    }

    fn corner(&mut self, position: Vec3, normal: Vec3) -> u16 {
        self.vertices.push(Vertex { position: position.into(), normal: normal.into() });
        (self.vertices.len() - 1) as u16
    }

    /// A flat polygon with corners in the order against the clock, seen from outside.
    fn face(&mut self, corners: impl IntoIterator<Item = Vec3>, normal: Vec3) {
        let corners: Vec<u16> = corners.into_iter().map(|at| self.corner(at, normal)).collect();
        for pair in corners[1..].windows(2) {
            self.indices.extend([corners[0], pair[0], pair[1]]);
        }
    }

    /// Joins two rows of corners, the first seen above the second when both go to the right.
    fn strip(&mut self, upper: &[u16], lower: &[u16]) {
        for (up, low) in upper.windows(2).zip(lower.windows(2)) {
            self.triangle([up[0], low[0], low[1]]);
            self.triangle([up[0], low[1], up[1]]);
        }
    }

    /// Adds a triangle, unless it has no area, as half of those at a pole.
    fn triangle(&mut self, corners: [u16; 3]) {
        let [a, b, c] = corners.map(|index| Vec3::from(self.vertices[usize::from(index)].position));
        if (b - a).cross(c - a).length() > 1e-6 {
            self.indices.extend(corners);
        }
    }

    fn cuboid(&mut self) {
        for axis in 0..3 {
            for sign in [-1.0, 1.0] {
                let (mut out, mut u, mut v) = (Vec3::ZERO, Vec3::ZERO, Vec3::ZERO);
                (out[axis], u[(axis + 1) % 3], v[(axis + 2) % 3]) = (sign, sign, 1.0);
                self.face([out - u - v, out + u - v, out + u + v, out - u + v], out);
            }
        }
    }

    /// So many rows of segments from the upper pole downwards.
    fn sphere(&mut self, segments: usize, rows: usize) {
        let rings: Vec<Vec<u16>> = (0..=rows)
            .map(|j| {
                let (sin, cos) = (TAU * j as f32 / segments as f32).sin_cos();
                let points = around(segments).map(|at| Vec3::new(sin * at.x, sin * at.y, cos));
                points.map(|at| self.corner(at, at.normalize())).collect()
            })
            .collect();
        rings.windows(2).for_each(|pair| self.strip(&pair[0], &pair[1]));
    }

    fn tube(&mut self, segments: usize) {
        let [top, bottom] = [1.0, -1.0]
            .map(|z| around(segments).map(|at| self.corner(at.with_z(z), at)).collect::<Vec<u16>>());
        self.strip(&top, &bottom);
    }

    fn flat(&mut self, corners: &[[f32; 2]]) {
        self.face(corners.iter().map(|&[x, y]| Vec3::new(x, y, 0.0)), Vec3::Z);
    }
}

/// Points of the unit circle against the clock, the first and the last the same.
fn around(segments: usize) -> impl Iterator<Item = Vec3> {
    (0..=segments).map(move |i| {
        let (sin, cos) = (TAU * i as f32 / segments as f32).sin_cos();
        Vec3::new(cos, sin, 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_triangle_faces_out_of_its_mesh() {
        let Meshes { vertices, indices, ranges } = Meshes::new();
        assert_eq!(ranges.last().map(|all| all[2].end as usize), Some(indices.len()));
        for triangle in indices.as_chunks::<3>().0 {
            let triangle = triangle.map(|index| vertices[usize::from(index)]);
            let [a, b, c] = triangle.map(|vertex| Vec3::from(vertex.position));
            let (normal, middle) = ((b - a).cross(c - a), (a + b + c) / 3.0);
            // A dome and what is flat may have the origin in their plane.
            assert!(normal.length() > 1e-6 && normal.dot(middle) > -1e-6, "{triangle:?}");
            for vertex in triangle {
                assert!((Vec3::from(vertex.normal).length() - 1.0).abs() < 1e-5);
                assert!(normal.dot(vertex.normal.into()) > -1e-6, "{triangle:?}");
            }
        }
    }
}
