//! [`Vector`]: places on the unit sphere.

use std::ops::{Add, Mul, Neg, Sub};

use crate::geography::Coord;

/// A vector in space; a place if its length is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vector {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
}

impl Vector {
    pub(super) const ZERO: Self = Self {
        x: 0.0,
        y: 0.0,
        z: 0.0,
    };

    /// The place that `coord` names.
    pub(crate) fn of(coord: Coord) -> Self {
        let (sin_lat, cos_lat) = coord.lat.to_radians().sin_cos();
        let (sin_lng, cos_lng) = coord.lng.to_radians().sin_cos();
        Self {
            x: cos_lat * cos_lng,
            y: cos_lat * sin_lng,
            z: sin_lat,
        }
    }

    /// The direction in degrees.
    pub(crate) fn coord(self) -> Coord {
        Coord {
            lng: self.y.atan2(self.x).to_degrees(),
            lat: self.z.atan2(self.x.hypot(self.y)).to_degrees(),
        }
    }

    pub(super) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn cross(self, other: Self) -> Self {
        Self {
            x: self.y * other.z - self.z * other.y,
            y: self.z * other.x - self.x * other.z,
            z: self.x * other.y - self.y * other.x,
        }
    }

    pub(super) fn norm(self) -> f64 {
        self.dot(self).sqrt()
    }

    /// In the same direction with length one; zero stays zero.
    pub(super) fn unit(self) -> Self {
        let norm = self.norm();
        if norm == 0.0 {
            self
        } else {
            self * (1.0 / norm)
        }
    }

    /// The angle between two directions.
    pub(super) fn angle(self, other: Self) -> f64 {
        self.cross(other).norm().atan2(self.dot(other))
    }

    /// Whether two places are the same.
    pub(super) fn is_at(self, other: Self) -> bool {
        (self - other).dot(self - other) <= super::TOLERANCE * super::TOLERANCE
    }

    /// A direction that is perpendicular to this one.
    pub(super) fn perpendicular(self) -> Self {
        let axis = if self.z.abs() < 0.9 {
            Self {
                z: 1.0,
                ..Self::ZERO
            }
        } else {
            Self {
                x: 1.0,
                ..Self::ZERO
            }
        };
        self.cross(axis).unit()
    }
}

impl Add for Vector {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            x: self.x + other.x,
            y: self.y + other.y,
            z: self.z + other.z,
        }
    }
}

impl Sub for Vector {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Neg for Vector {
    type Output = Self;

    fn neg(self) -> Self {
        self * -1.0
    }
}

impl Mul<f64> for Vector {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self {
            x: self.x * factor,
            y: self.y * factor,
            z: self.z * factor,
        }
    }
}
