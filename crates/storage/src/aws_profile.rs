//! Profiles of the AWS command line, from `~/.aws/credentials` and `~/.aws/config`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt, codes};

/// What a profile says.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Profile {
    values: BTreeMap<String, String>,
}

impl Profile {
    /// The profile `name` of the files that the environment (`variable`) names; `None` if no file has it.
    pub(crate) fn find(
        name: &str,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let home = variable("HOME").or_else(|| variable("USERPROFILE"));
        let place = |named: &str, usual: &str| {
            variable(named).map(PathBuf::from).or_else(|| {
                home.as_ref()
                    .map(|home| Path::new(home).join(".aws").join(usual))
            })
        };
        let mut found = None;
        // What stands in both is taken from `credentials`, as the AWS tools do.
        for (file, section) in [
            (place("AWS_CONFIG_FILE", "config"), section_of_config(name)),
            (
                place("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
                name.to_owned(),
            ),
        ] {
            let Some(file) = file.filter(|file| file.is_file()) else {
                continue;
            };
            let text = std::fs::read_to_string(&file).explain(codes::B1003, || {
                format!("The AWS file `{}` cannot be read", file.display())
            })?;
            if let Some(values) = section_values(&text, &section) {
                found
                    .get_or_insert_with(Self::default)
                    .values
                    .extend(values);
            }
        }
        Ok(found)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Refuses a profile whose credentials come from somewhere that is not read.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let beyond = [
            "credential_process",
            "sso_session",
            "sso_start_url",
            "source_profile",
        ];
        let has_keys = self.get("aws_access_key_id").is_some();
        match beyond.iter().find(|key| self.get(key).is_some()) {
            Some(key) if !has_keys => Err(Error::new(
                codes::B1003,
                format!("The AWS profile `{name}` gets its credentials by `{key}`, which is not read"),
            )
            .help(format!(
                "put what it gives into the environment: `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
            ))),
            _ => Ok(()),
        }
    }
}

fn section_of_config(name: &str) -> String {
    match name {
        "default" => name.to_owned(),
        _ => format!("profile {name}"),
    }
}

/// The settings of `[section]`; those nested below another setting are left out.
fn section_values(text: &str, section: &str) -> Option<BTreeMap<String, String>> {
    let mut values: Option<BTreeMap<String, String>> = None;
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map(|(name, _)| name)
        {
            let words: Vec<&str> = name.split_whitespace().collect();
            inside = words.join(" ") == section;
            if inside {
                values.get_or_insert_default();
            }
            continue;
        }
        let nested = line.starts_with(char::is_whitespace);
        if let (true, false, Some((key, value)), Some(values)) =
            (inside, nested, trimmed.split_once('='), &mut values)
        {
            // A comment may follow a value after a blank.
            let value = value.split(" #").next().unwrap_or_default();
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Profile;

    const CONFIG: &str = "[default]\nregion = eu-west-1\n\n[profile  lab]\nregion=eu-north-1 # far\n\
        endpoint_url = http://127.0.0.1:9000\ns3 =\n  region = nested\n[profile sso]\nsso_session = x\n";
    const CREDENTIALS: &str = "# keys\n[default]\naws_access_key_id = AKIA\naws_secret_access_key=abc=\n\
        [lab]\naws_access_key_id = LAB\naws_secret_access_key = def\naws_session_token = t\n";

    fn find(name: &str) -> Option<Profile> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/config"), CONFIG).unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        Profile::find(name, &move |key: &str| {
            (key == "HOME").then(|| home.clone())
        })
        .unwrap()
    }

    #[test]
    fn a_profile_joins_both_files() {
        let lab = find("lab").unwrap();
        assert_eq!(lab.get("aws_access_key_id"), Some("LAB"));
        assert_eq!(lab.get("region"), Some("eu-north-1"));
        assert_eq!(lab.get("endpoint_url"), Some("http://127.0.0.1:9000"));
        let default = find("default").unwrap();
        assert_eq!(default.get("aws_secret_access_key"), Some("abc="));
        assert_eq!(default.get("region"), Some("eu-west-1"));
        assert!(find("other").is_none());
    }

    #[test]
    fn a_profile_that_signs_in_elsewhere_is_refused() {
        let error = find("sso").unwrap().check("sso").unwrap_err();
        assert_eq!(error.code().id, "B1003");
        assert!(error.remedy().unwrap().contains("export-credentials"));
    }
}
