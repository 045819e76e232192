//! The name that somebody probably meant.

use strsim::{damerau_levenshtein, jaro_winkler};

/// The candidate most like `name`, if one is so like it that a slip of the hand explains the difference.
///
/// Upper and lower case count as equal; of equally near candidates the first one wins.
pub fn nearest<'c, C: AsRef<str> + ?Sized + 'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c C>,
) -> Option<&'c str> {
    let name = name.to_lowercase();
    let slips = if name.chars().count() <= 3 { 1 } else { 2 };
    candidates
        .into_iter()
        .map(AsRef::as_ref)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = damerau_levenshtein(&name, &lower);
            let likeness = jaro_winkler(&name, &lower);
            let near = distance <= slips && distance < lower.chars().count();
            (near || likeness >= 0.88).then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["gamma", "gae_lambda", "clip_coef", "ent_coef", "vf_coef", "x"];
        assert_eq!(nearest("gama", names), Some("gamma"));
        assert_eq!(nearest("Gamma", names), Some("gamma"));
        assert_eq!(nearest("clip_cofe", names), Some("clip_coef"));
        assert_eq!(nearest("gae_lam", names), Some("gae_lambda"));
        assert_eq!(nearest("learning_rate", names), None);
        assert_eq!(nearest("y", names), None);
        assert_eq!(nearest("gamma", Vec::<&String>::new()), None);
    }
}
