//! What a Python model's process finds around it: which environment variables.

use dbt::context::ProjectContext;

/// Names further variables that models may read, with commas between them.
const ALLOWED: &str = "SLUICE_PYTHON_ENV";

/// Variables that programs need to run at all, or to run as the machine wants them to. None holds a secret.
const KEPT: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONUSERBASE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OMP_NUM_THREADS",
    "POLARS_MAX_THREADS",
];

/// The variables that `project`'s models see.
pub(super) fn environment(project: &ProjectContext) -> Vec<(String, String)> {
    let all = &project.flags.environment;
    let allowed = all.get(ALLOWED).map(String::as_str).unwrap_or_default();
    let allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
    let kept =
        |name: &str| KEPT.contains(&name) || name.starts_with("LC_") || allowed.contains(&name);
    all.iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain([
            // Text files are UTF-8 wherever the model runs.
            ("PYTHONUTF8".to_owned(), "1".to_owned()),
            ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ])
        .collect()
}
