//! Finds the name a user probably meant.

/// The candidate that looks most like `name`, if one is close enough to be a typing error:
/// at most a third of its letters differ, whatever their case.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            let distance = strsim::osa_distance(&wanted, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_a_slip_and_ignores_strangers() {
        let names = ["stg_orders", "stg_customers", "fct_orders"];
        assert_eq!(nearest("stg_order", names), Some("stg_orders"));
        assert_eq!(nearest("STG_ORDRES", names), Some("stg_orders"));
        assert_eq!(nearest("payments", names), None);
    }
}
