//! Geometry on the sphere: edges are arcs of great circles, measures are in metres on a sphere with
//! the radius Snowflake uses. Knows shapes, not how they are written.
//!
//! Places are unit vectors (`vector`); `edge` and `ring` hold what lines and loops are made of, `figure`
//! a whole shape made ready, and the other files one kind of question each.

mod bounds;
mod centroid;
mod cover;
mod distance;
mod edge;
mod extent;
mod figure;
mod overlay;
mod ring;
mod simplify;
mod vector;

pub(crate) use bounds::Bounds;
pub(crate) use centroid::centroid;
pub(crate) use cover::{contains, covers, intersects};
pub(crate) use distance::{azimuth, between_points, distance, hausdorff, is_within, length};
pub(crate) use extent::Extent;
pub(crate) use figure::Figure;
pub(crate) use overlay::{Keep, circle, clipped, overlay};
pub(crate) use ring::crosses_itself;
pub(crate) use simplify::simplify;
pub(crate) use vector::Vector;

/// Metres: `ST_DISTANCE` of one degree on the equator is documented as 111195.101177484.
pub(crate) const RADIUS: f64 = 6_371_010.0;

/// Angles up to this are none: 64 nanometres on the ground, some hundred times the error of a place.
const TOLERANCE: f64 = 1e-14;
