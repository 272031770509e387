//! What a project takes from the process around it: variables of the environment and the working folder.

use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt as _, codes};

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The variables and the working folder that project files may refer to.
pub struct Surroundings {
    variables: Lookup,
    working_folder: PathBuf,
}

/// A text after `${…}` was replaced.
#[derive(Debug, PartialEq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Whether any of it came from the environment, and so may be a secret.
    pub(crate) from_environment: bool,
    /// Whether its first letters came from the environment: a relative path then starts where the
    /// command was typed, not at the project.
    pub(crate) starts_in_environment: bool,
}

impl Surroundings {
    /// Those of this process.
    ///
    /// # Errors
    /// `C0005` if the working folder cannot be told.
    pub fn of_process() -> Result<Self> {
        let working_folder = std::env::current_dir().explain(codes::C0005, || {
            "The working folder cannot be found".to_owned()
        })?;
        Ok(Self::new(working_folder, |name| std::env::var(name).ok()))
    }

    /// Chosen ones.
    pub fn new(
        working_folder: impl Into<PathBuf>,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            variables: Box::new(variables),
            working_folder: working_folder.into(),
        }
    }

    /// The folder the command was typed in.
    #[must_use]
    pub fn working_folder(&self) -> &Path {
        &self.working_folder
    }

    /// `text` with every `${NAME}` and `${NAME:-default}` replaced. As in a shell, the default also
    /// stands in for an empty variable.
    pub(crate) fn expand(&self, text: &str) -> Result<Expanded> {
        let mut expanded = Expanded {
            text: String::with_capacity(text.len()),
            from_environment: false,
            starts_in_environment: false,
        };
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                expanded.text.push_str(before);
                expanded.text.push_str("${");
                rest = &reference[2..];
                continue;
            }
            expanded.text.push_str(before);
            let Some((inside, after)) = reference[2..].split_once('}') else {
                let message = format!("`{reference}` lacks its closing `}}`");
                return Err(Error::new(codes::C0002, message).help("write `$${` for a plain `${`"));
            };
            self.replace(inside, &mut expanded)?;
            rest = after;
        }
        expanded.text.push_str(rest);
        Ok(expanded)
    }

    fn replace(&self, inside: &str, expanded: &mut Expanded) -> Result<()> {
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name.trim(), Some(default)),
            None => (inside.trim(), None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            let message = format!("`${{{inside}}}` is not a reference to a variable");
            return Err(Error::new(codes::C0002, message)
                .help("write `${NAME}` or `${NAME:-default}`, and `$${` for a plain `${`"));
        }
        let value = (self.variables)(name).filter(|value| default.is_none() || !value.is_empty());
        match (value, default) {
            (Some(value), _) => {
                expanded.from_environment = true;
                expanded.starts_in_environment |= expanded.text.is_empty() && !value.is_empty();
                expanded.text.push_str(&value);
            }
            (None, Some(default)) => expanded.text.push_str(default),
            (None, None) => {
                let message = format!("The variable `{name}` is not set");
                let help = format!("set it, or give a default: `${{{name}:-…}}`");
                return Err(Error::new(codes::C0006, message).help(help));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Surroundings;

    #[test]
    fn replaces_variables_and_defaults() {
        let surroundings = Surroundings::new("/", |name| match name {
            "DIR" => Some("/data".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        });
        let text = |text| surroundings.expand(text).map(|e| e.text);
        assert_eq!(text("${DIR}/sales").unwrap(), "/data/sales");
        assert_eq!(text("a ${NO:-b}${EMPTY:-c}${EMPTY} d").unwrap(), "a bc d");
        assert_eq!(text("cost: $${DIR}").unwrap(), "cost: ${DIR}");
        assert!(
            text("${NO}")
                .unwrap_err()
                .message()
                .contains("`NO` is not set")
        );
        assert!(text("${DIR").is_err());
        assert!(text("${a b}").is_err());
        assert!(
            surroundings
                .expand("${DIR}/x")
                .unwrap()
                .starts_in_environment
        );
        assert!(
            !surroundings
                .expand("x/${DIR}")
                .unwrap()
                .starts_in_environment
        );
        assert!(!surroundings.expand("${NO:-x}").unwrap().from_environment);
    }
}
