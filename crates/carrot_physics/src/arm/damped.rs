//! Damped least squares: joint speeds that move the tool as asked, and stay small where that is impossible.

/// Joints of the arm.
pub(super) const JOINTS: usize = 6;
/// Rows of a task: three of translation, three of rotation.
const ROWS: usize = 6;

/// Velocity of the tool per joint speed: row by row, column by joint.
pub(super) type Jacobian = [[f32; JOINTS]; ROWS];

/// Lower triangle `L` with `L L^T` equal to the matrix, whose diagonal entries below `least` are taken for zero.
fn cholesky(matrix: &[[f32; ROWS]; ROWS], least: f32) -> Option<[[f32; ROWS]; ROWS]> {
    let mut lower = [[0.0; ROWS]; ROWS];
    for row in 0..ROWS {
        for column in 0..=row {
            let mut sum = matrix[row][column];
            for at in 0..column {
                sum -= lower[row][at] * lower[column][at];
            }
            if row == column {
                if sum <= least {
                    return None;
                }
                lower[row][row] = sum.sqrt();
            } else {
                lower[row][column] = sum / lower[column][column];
            }
        }
    }
    Some(lower)
}

/// `J J^T`, with `damping` added to the diagonal.
fn gram(jacobian: &Jacobian, damping: f32) -> [[f32; ROWS]; ROWS] {
    let mut gram = [[0.0; ROWS]; ROWS];
    for row in 0..ROWS {
        for column in 0..=row {
            let mut sum = 0.0;
            for joint in 0..JOINTS {
                sum += jacobian[row][joint] * jacobian[column][joint];
            }
            gram[row][column] = sum;
        }
        gram[row][row] += damping;
    }
    gram
}

/// Yoshikawa's measure of manipulability, `sqrt(det(J J^T))`: 0 where a direction is lost.
pub(super) fn manipulability(jacobian: &Jacobian) -> f32 {
    cholesky(&gram(jacobian, 0.0), 1e-9).map_or(0.0, |lower| (0..ROWS).map(|at| lower[at][at]).product())
}

/// `J^T (J J^T + damping I)^-1 v`: the least joint speeds that come nearest to the velocity `v`.
pub(super) fn solve(jacobian: &Jacobian, velocity: &[f32; ROWS], damping: f32) -> [f32; JOINTS] {
    // A damping that rounding swallows is as good as none; nothing moves rather than everything at once.
    let Some(lower) = cholesky(&gram(jacobian, damping), 0.0) else { return [0.0; JOINTS] };
    let mut x = *velocity;
    for row in 0..ROWS {
        for at in 0..row {
            x[row] -= lower[row][at] * x[at];
        }
        x[row] /= lower[row][row];
    }
    for row in (0..ROWS).rev() {
        for at in row + 1..ROWS {
            x[row] -= lower[at][row] * x[at];
        }
        x[row] /= lower[row][row];
    }
    std::array::from_fn(|joint| (0..ROWS).map(|row| jacobian[row][joint] * x[row]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jacobian() -> Jacobian {
        std::array::from_fn(|row| {
            std::array::from_fn(|joint| {
                let unit = if row == joint { 1.0 } else { 0.0 };
                unit + 0.1 * (row as f32 - 0.7 * joint as f32)
            })
        })
    }

    fn times(jacobian: &Jacobian, speeds: &[f32; JOINTS]) -> [f32; ROWS] {
        std::array::from_fn(|row| (0..JOINTS).map(|joint| jacobian[row][joint] * speeds[joint]).sum())
    }

    #[test]
    fn without_damping_the_velocity_is_met() {
        let velocity = [0.3, -0.2, 0.1, 0.05, -0.4, 0.2];
        let met = times(&jacobian(), &solve(&jacobian(), &velocity, 0.0));
        assert!(met.iter().zip(velocity).all(|(met, asked)| (met - asked).abs() < 1e-5), "{met:?}");
    }

    #[test]
    fn a_lost_direction_costs_no_endless_speed() {
        let mut flat = jacobian();
        flat[2] = flat[1];
        assert!(manipulability(&jacobian()) > 0.1 && manipulability(&flat) == 0.0);
        let speeds = solve(&flat, &[0.0, 0.5, -0.5, 0.0, 0.0, 0.0], 0.01);
        // The bound is that of Wampler: at most |v| / (2 sqrt(damping)).
        let norm = speeds.iter().map(|speed| speed * speed).sum::<f32>().sqrt();
        assert!(norm <= 0.708 / 0.2, "{speeds:?}");
    }
}
