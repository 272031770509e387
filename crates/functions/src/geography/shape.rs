//! [`Shape`]: what a GEOGRAPHY value is made of.

/// A place in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coord {
    pub(crate) lng: f64,
    pub(crate) lat: f64,
}

/// A GEOGRAPHY value. Rings end where they begin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Point(Coord),
    Line(Vec<Coord>),
    Polygon(Vec<Vec<Coord>>),
    Points(Vec<Coord>),
    Lines(Vec<Vec<Coord>>),
    Polygons(Vec<Vec<Vec<Coord>>>),
    Collection(Vec<Shape>),
}

impl Shape {
    /// OGC's number of the kind, as WKB has it.
    pub(crate) fn code(&self) -> u32 {
        match self {
            Self::Point(_) => 1,
            Self::Line(_) => 2,
            Self::Polygon(_) => 3,
            Self::Points(_) => 4,
            Self::Lines(_) => 5,
            Self::Polygons(_) => 6,
            Self::Collection(_) => 7,
        }
    }

    /// The kind as GeoJSON spells it; WKT has it in upper case.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Point(_) => "Point",
            Self::Line(_) => "LineString",
            Self::Polygon(_) => "Polygon",
            Self::Points(_) => "MultiPoint",
            Self::Lines(_) => "MultiLineString",
            Self::Polygons(_) => "MultiPolygon",
            Self::Collection(_) => "GeometryCollection",
        }
    }

    /// 0 for points, 1 for lines, 2 for polygons, and the highest of a collection.
    pub(crate) fn dimension(&self) -> i64 {
        match self {
            Self::Point(_) | Self::Points(_) => 0,
            Self::Line(_) | Self::Lines(_) => 1,
            Self::Polygon(_) | Self::Polygons(_) => 2,
            Self::Collection(members) => members.iter().map(Self::dimension).max().unwrap_or(0),
        }
    }

    /// Calls `visit` with every chain of coordinates: single points, lines and rings.
    pub(crate) fn chains<'a>(&'a self, visit: &mut dyn FnMut(&'a [Coord])) {
        match self {
            Self::Point(coord) => visit(std::slice::from_ref(coord)),
            Self::Line(coords) | Self::Points(coords) => visit(coords),
            Self::Polygon(chains) | Self::Lines(chains) => {
                chains.iter().for_each(|chain| visit(chain));
            }
            Self::Polygons(polygons) => {
                polygons.iter().flatten().for_each(|ring| visit(ring));
            }
            Self::Collection(members) => members.iter().for_each(|member| member.chains(visit)),
        }
    }

    /// Calls `visit` with every coordinate, so that it may be changed.
    pub(crate) fn for_each_mut(&mut self, visit: &mut dyn FnMut(&mut Coord)) {
        match self {
            Self::Point(coord) => visit(coord),
            Self::Line(coords) | Self::Points(coords) => coords.iter_mut().for_each(visit),
            Self::Polygon(chains) | Self::Lines(chains) => {
                chains.iter_mut().flatten().for_each(visit);
            }
            Self::Polygons(polygons) => polygons.iter_mut().flatten().flatten().for_each(visit),
            Self::Collection(members) => members
                .iter_mut()
                .for_each(|member| member.for_each_mut(visit)),
        }
    }

    /// Several values as one: a multi-point of points, and so on; otherwise a collection.
    pub(crate) fn collect(members: Vec<Self>) -> Self {
        if let Some(points) = each(&members, |member| match member {
            Self::Point(point) => Some(*point),
            _ => None,
        }) {
            return Self::Points(points);
        }
        if let Some(lines) = each(&members, |member| match member {
            Self::Line(line) => Some(line.clone()),
            _ => None,
        }) {
            return Self::Lines(lines);
        }
        if let Some(polygons) = each(&members, |member| match member {
            Self::Polygon(rings) => Some(rings.clone()),
            _ => None,
        }) {
            return Self::Polygons(polygons);
        }
        Self::Collection(members)
    }
}

fn each<T>(members: &[Shape], part: impl Fn(&Shape) -> Option<T>) -> Option<Vec<T>> {
    members.iter().map(part).collect()
}
