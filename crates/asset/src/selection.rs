//! [`Selection`]: picks assets with dbt's selector grammar
//! (<https://docs.getdbt.com/reference/node-selection/syntax>), extended to every kind of asset.

use std::collections::BTreeSet;

use diagnostic::{Error, Result, codes};

use crate::graph::Direction;
use crate::{AssetGraph, AssetKey, AssetKind, AssetSpec};

/// What the user asked for: `--select` and `--exclude`, each given any number of times.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Assets in any of these; all assets if there are none.
    pub select: Vec<String>,
    /// Assets in none of these.
    pub exclude: Vec<String>,
}

/// The assets picked, in build order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    keys: Vec<AssetKey>,
}

impl Selected {
    /// The keys, in build order.
    #[must_use]
    pub fn keys(&self) -> &[AssetKey] {
        &self.keys
    }

    /// Whether `key` is among them.
    #[must_use]
    pub fn contains(&self, key: &AssetKey) -> bool {
        self.keys.contains(key)
    }
}

impl AssetGraph {
    /// The assets `selection` picks.
    ///
    /// # Errors
    /// `O1001` for a selector that cannot be read, `O1002` for one that matches nothing.
    pub fn select(&self, selection: &Selection) -> Result<Selected> {
        let mut picked = match words(&selection.select).next() {
            None => (0..self.specs().len()).collect(),
            Some(_) => self.union(&selection.select)?,
        };
        for excluded in self.union(&selection.exclude)? {
            picked.remove(&excluded);
        }
        let keys = picked.into_iter().map(|at| self.specs()[at].key.clone());
        Ok(Selected {
            keys: keys.collect(),
        })
    }

    fn union(&self, arguments: &[String]) -> Result<BTreeSet<usize>> {
        let mut all = BTreeSet::new();
        for word in words(arguments) {
            all.extend(self.intersection(word)?);
        }
        Ok(all)
    }

    fn intersection(&self, word: &str) -> Result<BTreeSet<usize>> {
        let mut common: Option<BTreeSet<usize>> = None;
        for part in word.split(',') {
            let found = self.expand(&Criterion::parse(part)?)?;
            common = Some(match common {
                Some(before) => before.intersection(&found).copied().collect(),
                None => found,
            });
        }
        Ok(common.unwrap_or_default())
    }

    fn expand(&self, criterion: &Criterion<'_>) -> Result<BTreeSet<usize>> {
        let matches = |(_, spec): &(usize, &AssetSpec)| criterion.method.matches(spec);
        let found = self.specs().iter().enumerate().filter(matches);
        let found: BTreeSet<usize> = found.map(|(at, _)| at).collect();
        if found.is_empty() {
            return Err(self.no_match(criterion));
        }
        let mut all = found.clone();
        if let Some(reach) = criterion.ancestors {
            all.extend(self.reach(&found, Direction::Upstream, reach.steps()));
        }
        if let Some(reach) = criterion.descendants {
            all.extend(self.reach(&found, Direction::Downstream, reach.steps()));
        }
        if criterion.whole_family {
            let below = self.reach(&found, Direction::Downstream, None);
            all.extend(self.reach(&below, Direction::Upstream, None));
        }
        Ok(all)
    }

    fn no_match(&self, criterion: &Criterion<'_>) -> Error {
        let error = Error::new(
            codes::O1002,
            format!("`{}` matches no asset", criterion.text),
        );
        let specs = self.specs().iter();
        match &criterion.method {
            Method::Name(name) if name.contains('/') || name.contains('.') => {
                error.suggest(name, specs.map(|spec| spec.key.as_str()))
            }
            Method::Name(name) => error.suggest(name, specs.map(|spec| spec.key.name())),
            Method::Tag(tag) => error.suggest(
                tag,
                specs.flat_map(|spec| spec.tags.iter().map(String::as_str)),
            ),
            Method::Source(source) => {
                let outside =
                    |spec: &&AssetSpec| matches!(spec.kind, AssetKind::Source | AssetKind::Stream);
                error.suggest(
                    source,
                    specs.filter(outside).map(|spec| spec.group.as_str()),
                )
            }
            Method::Group(group) => error.suggest(group, specs.map(|spec| spec.group.as_str())),
            Method::Kind(_) => error,
        }
    }
}

fn words(arguments: &[String]) -> impl Iterator<Item = &str> {
    arguments
        .iter()
        .flat_map(|argument| argument.split_whitespace())
}

/// How far `+` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    All,
    Steps(usize),
}

impl Reach {
    fn steps(self) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Steps(steps) => Some(steps),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Method<'s> {
    Name(&'s str),
    Tag(&'s str),
    Kind(AssetKind),
    Group(&'s str),
    Source(&'s str),
}

/// `@`, `n+`, `method:value`, `+n`.
#[derive(Debug, PartialEq, Eq)]
struct Criterion<'s> {
    text: &'s str,
    whole_family: bool,
    ancestors: Option<Reach>,
    descendants: Option<Reach>,
    method: Method<'s>,
}

impl<'s> Criterion<'s> {
    fn parse(text: &'s str) -> Result<Self> {
        let refuse = |why: &str| Error::new(codes::O1001, format!("The selector `{text}` {why}"));
        let (whole_family, rest) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (ancestors, rest) = leading_plus(rest);
        let (descendants, value) = trailing_plus(rest);
        if whole_family && (ancestors.is_some() || descendants.is_some()) {
            return Err(refuse("mixes `@` and `+`, which say different things"));
        }
        let method = match value.split_once(':') {
            None => Method::Name(value),
            Some(("name" | "fqn", name)) => Method::Name(name),
            Some(("tag", tag)) => Method::Tag(tag),
            Some(("group", group)) => Method::Group(group),
            Some(("source", source)) => Method::Source(source),
            Some(("kind" | "resource_type", kind)) => Method::Kind(kind.parse().map_err(|()| {
                let names = AssetKind::ALL.iter().map(|kind| kind.as_str());
                refuse("names no kind of asset").suggest(kind, names)
            })?),
            Some((method, _)) => {
                let known = [
                    "name",
                    "fqn",
                    "tag",
                    "group",
                    "source",
                    "kind",
                    "resource_type",
                ];
                let error = refuse(&format!(
                    "uses the method `{method}:`, which does not exist"
                ));
                return Err(error
                    .help("use a name, `source:`, `tag:`, `group:` or `kind:`")
                    .suggest(method, known));
            }
        };
        let empty = match method {
            Method::Name(name) | Method::Tag(name) | Method::Group(name) | Method::Source(name) => {
                name.is_empty()
            }
            Method::Kind(_) => false,
        };
        if empty {
            return Err(refuse("names nothing"));
        }
        Ok(Self {
            text,
            whole_family,
            ancestors,
            descendants,
            method,
        })
    }
}

fn leading_plus(text: &str) -> (Option<Reach>, &str) {
    let Some((before, rest)) = text.split_once('+') else {
        return (None, text);
    };
    if before.is_empty() {
        return (Some(Reach::All), rest);
    }
    match before.parse() {
        Ok(steps) => (Some(Reach::Steps(steps)), rest),
        Err(_) => (None, text),
    }
}

fn trailing_plus(text: &str) -> (Option<Reach>, &str) {
    let Some((rest, after)) = text.rsplit_once('+') else {
        return (None, text);
    };
    if after.is_empty() {
        return (Some(Reach::All), rest);
    }
    match after.parse() {
        Ok(steps) => (Some(Reach::Steps(steps)), rest),
        Err(_) => (None, text),
    }
}

impl Method<'_> {
    fn matches(&self, spec: &AssetSpec) -> bool {
        match self {
            Self::Kind(kind) => spec.kind == *kind,
            Self::Tag(pattern) => spec.tags.iter().any(|tag| like(pattern, tag)),
            Self::Group(pattern) => like(pattern, &spec.group),
            Self::Name(pattern) => names(pattern, &spec.key),
            Self::Source(pattern) => {
                let comes_from_outside = matches!(spec.kind, AssetKind::Source | AssetKind::Stream);
                comes_from_outside
                    && (like(pattern, &spec.group)
                        || like(&pattern.replace('.', "/"), spec.key.as_str()))
            }
        }
    }
}

/// A name is the last segment, or the beginning of the key, with or without its first segment, as
/// dbt counts a package as optional. `/` and `.` both separate.
fn names(pattern: &str, key: &AssetKey) -> bool {
    if like(pattern, key.name()) || like(pattern, key.as_str()) {
        return true;
    }
    let wanted: Vec<&str> = pattern.split(['/', '.']).collect();
    let segments: Vec<&str> = key.segments().collect();
    let begins = |segments: &[&str]| {
        let pairs = wanted.iter().zip(segments);
        wanted.len() <= segments.len()
            && pairs.into_iter().all(|(part, segment)| like(part, segment))
    };
    begins(&segments) || begins(segments.get(1..).unwrap_or_default())
}

/// Shell patterns: `*` and `?`. Case does not count, as in SQL.
fn like(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().flat_map(char::to_lowercase).collect();
    let text: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stood, and how much of the text it has swallowed so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, swallowed)) = star else {
                    return false;
                };
                star = Some((at, swallowed + 1));
                p = at + 1;
                t = swallowed + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Selection, like};
    use crate::graph::tests::spec;
    use crate::{AssetGraph, AssetKind};

    #[test]
    fn a_source_is_picked_by_its_name_or_with_one_of_its_streams() {
        let mut orders = spec("shop/orders", &[]);
        orders.kind = AssetKind::Stream;
        orders.group = "shop".to_owned();
        let mut items = spec("shop/items", &[]);
        items.kind = AssetKind::Stream;
        items.group = "shop".to_owned();
        let mut model = spec("shop/marts/sums", &["shop/orders"]);
        model.group = "shop".to_owned();
        let graph = AssetGraph::new(vec![orders, items, model]).unwrap();
        let select = |text: &str| {
            let selection = Selection {
                select: vec![text.to_owned()],
                exclude: Vec::new(),
            };
            let selected = graph
                .select(&selection)
                .map(|selected| selected.keys().len());
            selected.ok()
        };
        assert_eq!(select("source:shop"), Some(2));
        assert_eq!(select("source:shop.orders"), Some(1));
        assert_eq!(select("source:shop.orders+"), Some(2));
        assert_eq!(select("source:shop.nothing"), None);
    }

    /// raw → silver/sales → stg → mart, with stores beside.
    fn graph() -> AssetGraph {
        let mut silver = spec("silver/sales", &["bronze/sales"]);
        silver.kind = AssetKind::Silver;
        let mut mart = spec(
            "retail/marts/fact_sales",
            &["retail/staging/stg_sales", "retail/staging/stg_stores"],
        );
        mart.tags = vec!["nightly".to_owned()];
        AssetGraph::new(vec![
            spec("bronze/sales", &[]),
            silver,
            spec("retail/staging/stg_sales", &["silver/sales"]),
            spec("retail/staging/stg_stores", &[]),
            mart,
            spec("retail/marts/sums", &["retail/marts/fact_sales"]),
        ])
        .unwrap()
    }

    fn select(select: &str, exclude: &str) -> diagnostic::Result<Vec<String>> {
        let list = |text: &str| match text {
            "" => Vec::new(),
            _ => vec![text.to_owned()],
        };
        let selection = Selection {
            select: list(select),
            exclude: list(exclude),
        };
        let selected = graph().select(&selection)?;
        Ok(selected
            .keys()
            .iter()
            .map(|key| key.name().to_owned())
            .collect())
    }

    #[test]
    fn follows_dbts_grammar() {
        for (text, names) in [
            ("fact_sales", "fact_sales"),
            ("silver.sales", "sales"),
            ("SILVER/SALES", "sales"),
            ("staging", "stg_sales stg_stores"),
            ("retail.marts", "fact_sales sums"),
            ("stg_*", "stg_sales stg_stores"),
            ("+stg_sales", "sales sales stg_sales"),
            ("1+stg_sales", "sales stg_sales"),
            ("stg_sales+", "stg_sales fact_sales sums"),
            ("stg_sales+1", "stg_sales fact_sales"),
            ("1+stg_sales+1", "sales stg_sales fact_sales"),
            (
                "@silver/sales",
                "sales sales stg_sales stg_stores fact_sales sums",
            ),
            ("kind:silver", "sales"),
            ("tag:night*", "fact_sales"),
            ("+tag:nightly,staging", "stg_sales stg_stores"),
            ("sums  stg_stores", "stg_stores sums"),
        ] {
            // The order between branches is the graph's; compare as sets.
            let mut found = select(text, "").unwrap();
            let mut wanted: Vec<&str> = names.split(' ').collect();
            found.sort();
            wanted.sort_unstable();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn leaves_out_what_is_excluded() {
        assert_eq!(select("", "marts staging").unwrap(), ["sales", "sales"]);
        assert_eq!(
            select("+fact_sales", "+stg_sales").unwrap(),
            ["stg_stores", "fact_sales"]
        );
    }

    #[test]
    fn refuses_what_means_nothing() {
        assert_eq!(
            select("fact_sale", "").unwrap_err().remedy(),
            Some("a similar name exists: `fact_sales`")
        );
        for text in [
            "",
            "tags:x",
            "kind:table",
            "@a+",
            "+",
            "tag:",
            "sums,,marts",
        ] {
            let error = select(if text.is_empty() { "," } else { text }, "").unwrap_err();
            assert_eq!(error.code(), diagnostic::codes::O1001, "{text}");
        }
        assert_eq!(
            select("", "nothing").unwrap_err().code(),
            diagnostic::codes::O1002
        );
    }

    #[test]
    fn wildcards_backtrack() {
        assert!(like("a*b*c", "aXbXbXc"));
        assert!(like("*", ""));
        assert!(like("F?o*", "foo"));
        assert!(!like("a*b", "abc"));
        assert!(!like("", "a"));
    }
}
