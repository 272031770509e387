//! What is wrong with a call of a function, in the words of the catalogue of functions.

use diagnostic::{Error, codes};

/// The error for a message of the planner about a call, if that is what it is about.
pub(crate) fn explain(message: &str) -> Option<Error> {
    if message.starts_with("Invalid function") {
        return message.split('\'').nth(1).map(unknown);
    }
    if let Some((_, call)) = message.split_once("given name and argument types '") {
        let (name, types) = call.split_once('(')?;
        let (types, _) = types.split_once(")'")?;
        return Some(mismatched(name, types));
    }
    let (_, call) = message.split_once("to satisfy a call to '")?;
    let (name, rest) = call.split_once('\'')?;
    let given = rest
        .split_once("coercion from ")
        .and_then(|(_, types)| types.split_once(" to the signature"))
        .map_or("", |(types, _)| types);
    Some(mismatched(name, given))
}

fn unknown(name: &str) -> Error {
    let shown = name.to_uppercase();
    if functions::is_missing(name) {
        return Error::new(
            codes::E2001,
            format!("Function `{shown}` is Snowflake's, and not supported here yet"),
        )
        .help("`show functions` lists those that are");
    }
    let names = functions::names();
    Error::new(codes::E1103, format!("Function `{shown}` does not exist"))
        .suggest(&name.to_lowercase(), names.iter().copied())
}

fn mismatched(name: &str, given: &str) -> Error {
    let shown = name.to_uppercase();
    let error = Error::new(
        codes::E1104,
        format!("Function `{shown}` does not take these arguments"),
    )
    .with("given", types(given));
    match functions::entry(name) {
        Some(entry) => error.help(format!("it is written `{}`", entry.syntax)),
        None => error,
    }
}

/// The warehouse's names of the engine's types.
fn types(given: &str) -> String {
    const NAMES: [(&str, &str); 10] = [
        ("Boolean", "BOOLEAN"),
        ("LargeUtf8", "VARIANT"),
        ("LargeBinary", "GEOGRAPHY"),
        ("Utf8", "VARCHAR"),
        ("Int64", "NUMBER(38,0)"),
        ("Decimal128", "NUMBER"),
        ("Float64", "FLOAT"),
        ("Date32", "DATE"),
        ("Time64(ns)", "TIME"),
        ("Timestamp(µs)", "TIMESTAMP_NTZ"),
    ];
    NAMES.iter().fold(given.to_owned(), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_function_has_a_neighbour() {
        let error = explain("Invalid function 'datedif'.").unwrap();
        assert_eq!(error.code(), codes::E1103);
        assert!(format!("{error:?}").contains("datediff"));
    }

    #[test]
    fn a_missing_function_is_not_supported() {
        let error = explain("Invalid function 'encrypt'.").unwrap();
        assert_eq!(error.code(), codes::E2001);
    }

    #[test]
    fn a_wrong_number_of_arguments_points_to_the_signature() {
        let message = "Execution error: Function 'iff' user-defined coercion failed with: IFF takes \
                       three values. No function matches the given name and argument types \
                       'iff(Boolean, Int64)'. You might need to add explicit type casts.";
        let error = explain(message).unwrap();
        assert_eq!(error.code(), codes::E1104);
        assert!(format!("{error:?}").contains("BOOLEAN"));
    }

    #[test]
    fn wrong_arguments_point_to_the_signature() {
        let message = "Failed to coerce arguments to satisfy a call to 'iff' function: \
                       coercion from Boolean, Int64 to the signature UserDefined failed.";
        let error = explain(message).unwrap();
        assert_eq!(error.code(), codes::E1104);
        assert!(format!("{error:?}").contains("iff(condition, then, else)"));
    }
}
