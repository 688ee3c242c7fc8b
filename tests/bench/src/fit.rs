//! A straight line through measurements.

/// How much `y` grows with each `x`, by least squares over `(x, y)`.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    covariance / variance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_line_is_found_and_an_even_error_does_not_move_it() {
        assert!((slope(&[(0.0, 3.0), (1.0, 5.0), (4.0, 11.0)]) - 2.0).abs() < 1e-9);
        assert!((slope(&[(0.0, 4.0), (1.0, 2.0), (2.0, 6.0), (3.0, 4.0)]) - 0.4).abs() < 1e-9);
    }
}
