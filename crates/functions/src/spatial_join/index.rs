//! [`Index`]: boxes by where they are, so that those which meet another are found without looking at
//! all of them.

use crate::sphere::Extent;

/// Boxes that are kept together unsorted.
const LEAF: usize = 8;

/// A binary tree of boxes, divided in the middle of their longest axis.
#[derive(Debug, Default)]
pub(super) struct Index(Option<Node>);

#[derive(Debug)]
struct Node {
    extent: Extent,
    below: Below,
}

#[derive(Debug)]
enum Below {
    Boxes(Vec<(Extent, u64)>),
    Nodes(Box<[Node; 2]>),
}

impl Index {
    /// The index of boxes with the rows they belong to.
    pub(super) fn new(mut boxes: Vec<(Extent, u64)>) -> Self {
        Self(Node::new(&mut boxes))
    }

    /// Adds the rows whose boxes meet `extent` to `found`.
    pub(super) fn find(&self, extent: &Extent, found: &mut Vec<u64>) {
        let mut open: Vec<&Node> = self.0.iter().collect();
        while let Some(node) = open.pop() {
            if !node.extent.meets(extent) {
                continue;
            }
            match &node.below {
                Below::Nodes(nodes) => open.extend(nodes.iter()),
                Below::Boxes(boxes) => {
                    let met = boxes.iter().filter(|(own, _)| own.meets(extent));
                    found.extend(met.map(|(_, row)| *row));
                }
            }
        }
    }
}

impl Node {
    fn new(boxes: &mut [(Extent, u64)]) -> Option<Self> {
        let extent = boxes
            .iter()
            .map(|(extent, _)| *extent)
            .reduce(|all, extent| all.with(&extent))?;
        let leaf = |boxes: &[(Extent, u64)]| {
            Some(Self {
                extent,
                below: Below::Boxes(boxes.to_vec()),
            })
        };
        if boxes.len() <= LEAF {
            return leaf(boxes);
        }
        let axis = longest_axis(boxes);
        let key = |(extent, _): &(Extent, u64)| extent.middle().into_iter().nth(axis);
        let half = boxes.len() / 2;
        boxes.select_nth_unstable_by(half, |a, b| {
            let (a, b) = (key(a).unwrap_or_default(), key(b).unwrap_or_default());
            a.total_cmp(&b)
        });
        let (before, after) = boxes.split_at_mut(half);
        match (Self::new(before), Self::new(after)) {
            (Some(before), Some(after)) => Some(Self {
                extent,
                below: Below::Nodes(Box::new([before, after])),
            }),
            _ => leaf(boxes),
        }
    }
}

/// The axis along which the boxes' middles differ most.
fn longest_axis(boxes: &[(Extent, u64)]) -> usize {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for (extent, _) in boxes {
        let middle = extent.middle();
        for ((low, high), at) in low.iter_mut().zip(&mut high).zip(middle) {
            *low = low.min(at);
            *high = high.max(at);
        }
    }
    let spans = low.iter().zip(&high).map(|(low, high)| high - low);
    spans
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(axis, _)| axis)
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::geography::Coord;
    use crate::sphere::Extent;

    #[test]
    fn finds_what_a_look_at_all_boxes_finds() {
        let boxes: Vec<(Extent, u64)> = (0..500_u64)
            .map(|row| {
                let lng = (row * 77 % 360) as f64 - 180.0;
                let lat = (row * 31 % 180) as f64 - 90.0;
                (Extent::of_point(Coord { lng, lat }), row)
            })
            .collect();
        let index = Index::new(boxes.clone());
        for (extent, _) in &boxes {
            let wide = extent.widened(1_500_000.0);
            let mut found = Vec::new();
            index.find(&wide, &mut found);
            found.sort_unstable();
            let all: Vec<u64> = boxes
                .iter()
                .filter(|(own, _)| own.meets(&wide))
                .map(|(_, row)| *row)
                .collect();
            assert_eq!(found, all);
        }
        let mut found = Vec::new();
        Index::new(Vec::new()).find(&Extent::WORLD, &mut found);
        assert_eq!(found, [0; 0]);
    }
}
