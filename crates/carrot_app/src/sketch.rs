//! Frames as small flat pictures, drawn by egui itself: for cards and lists, where a 3D view would be too much.

use egui::{Color32, Painter, Pos2, Rect, Rgba, Shape, Stroke, pos2};

use crate::solid::{Bounds, Form, Solid, turn};

/// How a sketch looks at solids.
#[derive(Debug, Clone, Copy)]
struct Look {
    right: [f32; 3],
    up: [f32; 3],
    toward: [f32; 3],
}

/// From the front, for mechanisms in a plane.
const FRONT: Look = Look { right: [1.0, 0.0, 0.0], up: [0.0, 0.0, 1.0], toward: [0.0, -1.0, 0.0] };
/// From above, for gridworlds.
const ABOVE: Look = Look { right: [1.0, 0.0, 0.0], up: [0.0, 1.0, 0.0], toward: [0.0, 0.0, 1.0] };
/// From a corner, for everything else.
const CORNER: Look = Look { right: [0.83, 0.56, 0.0], up: [-0.26, 0.38, 0.89], toward: [0.50, -0.74, 0.46] };

/// Draws solids into a rectangle.
pub fn sketch(painter: &Painter, rect: Rect, solids: &[Solid], bounds: &Bounds, is_flat: bool) {
    let look = if is_flat {
        ABOVE
    } else if bounds.is_upright() {
        FRONT
    } else {
        CORNER
    };
    let corners = (0..8).map(|corner| {
        let pick = |axis: usize| if corner >> axis & 1 == 0 { bounds.low[axis] } else { bounds.high[axis] };
        let point = [pick(0), pick(1), pick(2)];
        (dot(look.right, point), dot(look.up, point))
    });
    let (mut low, mut high) = ((f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, f32::NEG_INFINITY));
    for (x, y) in corners {
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    let scale =
        (rect.width() / (high.0 - low.0).max(1e-3)).min(rect.height() / (high.1 - low.1).max(1e-3)) * 0.9;
    let (middle_x, middle_y) = (0.5 * (low.0 + high.0), 0.5 * (low.1 + high.1));
    let screen = |point: [f32; 3]| -> Pos2 {
        let (x, y) = (dot(look.right, point) - middle_x, dot(look.up, point) - middle_y);
        pos2(rect.center().x + x * scale, rect.center().y - y * scale)
    };
    let mut ordered: Vec<&Solid> = solids.iter().collect();
    // By what reaches back the furthest, so that a plate comes before the ball on it.
    let back = |solid: &Solid| {
        let half = solid.form.half_extents();
        let reach = (0..3).map(|axis| {
            let mut edge = [0.0; 3];
            edge[axis] = half[axis];
            dot(look.toward, turn(solid.rotation, edge)).abs()
        });
        dot(look.toward, solid.position) - reach.sum::<f32>()
    };
    ordered.sort_by(|a, b| back(a).total_cmp(&back(b)));
    let painter = painter.with_clip_rect(rect);
    for solid in ordered {
        draw(&painter, solid, look, scale, &screen);
    }
}

fn draw(painter: &Painter, solid: &Solid, look: Look, scale: f32, screen: &dyn Fn([f32; 3]) -> Pos2) {
    let color = color(solid.color, 1.0);
    let ends = |half: f32| [screen(solid.place([0.0, 0.0, -half])), screen(solid.place([0.0, 0.0, half]))];
    match &solid.form {
        Form::Sphere(radius) => {
            painter.circle_filled(screen(solid.position), (radius * scale).max(1.0), color);
        }
        Form::Capsule(radius, half) => {
            let width = (2.0 * radius * scale).max(1.5);
            let [from, to] = ends(*half);
            painter.line_segment([from, to], Stroke::new(width, color));
            painter.circle_filled(from, 0.5 * width, color);
            painter.circle_filled(to, 0.5 * width, color);
        }
        Form::Ring(radius, tube) => {
            let stroke = Stroke::new((2.0 * tube * scale).max(1.0), color);
            painter.circle_stroke(screen(solid.position), radius * scale, stroke);
        }
        Form::Line(points, width) => {
            let points: Vec<Pos2> = points.iter().map(|&point| screen(solid.place(point))).collect();
            painter.add(Shape::line(points, Stroke::new((width * scale).max(1.0), color)));
        }
        Form::Cone(radius, half) => {
            let across = turn_into(solid, look);
            let side = |sign: f32| solid.place([across[0] * sign * radius, across[1] * sign * radius, -half]);
            let tip = screen(solid.place([0.0, 0.0, *half]));
            painter.add(Shape::convex_polygon(
                vec![screen(side(1.0)), screen(side(-1.0)), tip],
                color,
                Stroke::NONE,
            ));
        }
        Form::Cuboid(half) => draw_box(painter, solid, *half, look, screen),
        Form::Cylinder(radius, half) => draw_box(painter, solid, [*radius, *radius, *half], look, screen),
    }
}

/// The faces of a box that look this way, shaded by how much they look up.
fn draw_box(painter: &Painter, solid: &Solid, half: [f32; 3], look: Look, screen: &dyn Fn([f32; 3]) -> Pos2) {
    for axis in 0..3 {
        for sign in [-1.0_f32, 1.0] {
            let mut normal = [0.0; 3];
            normal[axis] = sign;
            let world = turn(solid.rotation, normal);
            if dot(world, look.toward) <= 1e-3 {
                continue;
            }
            let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
            let corner = |a: f32, b: f32| {
                let mut point = [0.0; 3];
                (point[axis], point[u], point[v]) = (sign * half[axis], a * half[u], b * half[v]);
                screen(solid.place(point))
            };
            let corners = vec![corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
            let light = 0.72 + 0.28 * world[2].max(0.0) - 0.12 * world[0].max(0.0);
            painter.add(Shape::convex_polygon(corners, color(solid.color, light), Stroke::NONE));
        }
    }
}

/// A direction across a solid's axis that lies flat in the picture, in the solid's own frame.
fn turn_into(solid: &Solid, look: Look) -> [f32; 2] {
    let x = turn(solid.rotation, [1.0, 0.0, 0.0]);
    if dot(x, look.toward).abs() < 0.7 { [1.0, 0.0] } else { [0.0, 1.0] }
}

fn color(linear: [f32; 4], light: f32) -> Color32 {
    let [r, g, b, a] = linear;
    Rgba::from_rgba_unmultiplied(r * light, g * light, b * light, a).into()
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
