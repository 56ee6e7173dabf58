//! The process's surroundings as a trait, so that layering is tested with tables and not with `set_var`.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Environment variables and the two places that the search for assets starts from.
pub trait Environment {
    /// The variable's value; an empty one counts as unset.
    fn variable(&self, name: &str) -> Option<String>;
    /// Names of all variables that begin with `POLYMATH_`.
    fn polymath_names(&self) -> Vec<String>;
    /// The running program.
    fn executable(&self) -> Option<PathBuf>;
    /// The current folder.
    fn current_dir(&self) -> Option<PathBuf>;
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        let value = std::env::var_os(name)?.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    }

    fn polymath_names(&self) -> Vec<String> {
        let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        names.filter(|n| n.starts_with("POLYMATH_")).collect()
    }

    fn executable(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }

    fn current_dir(&self) -> Option<PathBuf> {
        std::env::current_dir().ok()
    }
}

/// A made-up one, for tests.
#[derive(Clone, Debug, Default)]
pub struct FixedEnvironment {
    /// Variables.
    pub variables: BTreeMap<String, String>,
    /// See [`Environment::executable`].
    pub executable: Option<PathBuf>,
    /// See [`Environment::current_dir`].
    pub current_dir: Option<PathBuf>,
}

impl FixedEnvironment {
    /// With these variables and no places.
    pub fn new(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { variables, executable: None, current_dir: None }
    }
}

impl Environment for FixedEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|v| !v.is_empty()).cloned()
    }

    fn polymath_names(&self) -> Vec<String> {
        self.variables.keys().filter(|n| n.starts_with("POLYMATH_")).cloned().collect()
    }

    fn executable(&self) -> Option<PathBuf> {
        self.executable.clone()
    }

    fn current_dir(&self) -> Option<PathBuf> {
        self.current_dir.clone()
    }
}
