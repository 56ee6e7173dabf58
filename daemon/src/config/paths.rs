//! Places on disk: the state folder, the configuration file, and the assets (encoder, runtime, bundled experts).

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Error;
use super::environment::Environment;

/// Name of the socket in the state folder.
pub const SOCKET_NAME: &str = "api.sock";
/// For the owner alone.
pub(super) const PRIVATE_MODE: u32 = 0o600;
/// The folder of fetched models, in that of what is kept for good.
pub const MODELS: &str = "models";
/// Bytes of a Unix socket's path: `sun_path` has 108 with its final zero on Linux, 104 on macOS.
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// The version that the encoder was verified with; the file's name carries it.
const RUNTIME_NAME: &str = "libonnxruntime.so.1.24.4";

/// The `models` folder: encoder, ONNX Runtime, codebook and the bundled experts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// The folder.
    pub root: PathBuf,
}

impl Assets {
    /// Looks for the folder: where it was said to be, beside an installed program (`../share/polymath`), then
    /// upwards from the program and from the current folder.
    pub fn find(said: Option<&Path>, environment: &dyn Environment) -> Result<Self, Error> {
        let variable = || environment.variable("POLYMATH_ASSETS").map(PathBuf::from);
        if let Some(root) = said.map(Path::to_owned).or_else(variable) {
            let inside = root.join("models");
            return [root.clone(), inside]
                .into_iter()
                .find(|r| is_assets(r))
                .map(|root| Self { root })
                .ok_or_else(|| Error::NoAssets {
                    tried: format!("{} has no folder `experts`", root.display()),
                });
        }
        let executable = environment.executable();
        let installed = executable.as_deref().and_then(Path::parent).map(|bin| bin.join("../share/polymath"));
        let starts = [executable, environment.current_dir()];
        let upwards =
            starts.iter().flatten().flat_map(|start| start.ancestors()).map(|dir| dir.join("models"));
        installed.into_iter().chain(upwards).find(|r| is_assets(r)).map(|root| Self { root }).ok_or_else(
            || Error::NoAssets {
                tried: "neither beside the program nor above it or the current folder".into(),
            },
        )
    }

    /// The sentence encoder's folder.
    pub fn encoder_dir(&self) -> PathBuf {
        self.root.join(".build/encoder")
    }

    /// ONNX Runtime's shared library.
    pub fn runtime_library(&self) -> PathBuf {
        self.root.join(".build/onnxruntime").join(RUNTIME_NAME)
    }

    /// The codebook of the encoder's space.
    pub fn codebook(&self) -> PathBuf {
        self.root.join("encoder/codebook.bin")
    }

    /// Models to compare the bundled experts with; may be absent.
    pub fn baselines_dir(&self) -> PathBuf {
        self.root.join("baselines")
    }

    /// The experts of one domain that `eval ensemble` lets vote, one folder each.
    pub fn ensembles_dir(&self) -> PathBuf {
        self.root.join("ensembles")
    }

    /// Bundled cases that belong to no single expert.
    pub fn cases_dir(&self) -> PathBuf {
        self.root.join("cases")
    }

    /// Models that others have made, and that can be fetched.
    pub fn catalog(&self) -> PathBuf {
        self.root.join("catalog.toml")
    }

    /// The bundled experts, one folder each.
    pub fn experts_dir(&self) -> PathBuf {
        self.root.join("experts")
    }
}

fn is_assets(root: &Path) -> bool {
    root.join("experts").is_dir()
}

/// The configuration file: said, or the one in the user's configuration folder if there is one.
pub(super) fn config_file(
    said: Option<&Path>,
    environment: &dyn Environment,
) -> Result<Option<PathBuf>, Error> {
    let variable = || environment.variable("POLYMATH_CONFIG").map(PathBuf::from);
    if let Some(path) = said.map(Path::to_owned).or_else(variable) {
        return Ok(Some(path));
    }
    let usual = xdg(environment, "XDG_CONFIG_HOME", ".config").map(|dir| dir.join("polymath/config.toml"));
    Ok(usual.filter(|path| path.is_file()))
}

/// The state folder where none is said: `$XDG_STATE_HOME/polymath`, else `~/.local/state/polymath`.
pub(super) fn state_dir(environment: &dyn Environment) -> Result<PathBuf, Error> {
    let base = xdg(environment, "XDG_STATE_HOME", ".local/state").ok_or(Error::NoHome)?;
    Ok(base.join("polymath"))
}

/// The folder of what is kept for good: `$XDG_DATA_HOME/polymath`, else `~/.local/share/polymath`.
///
/// # Errors
/// [`Error::NoHome`].
pub fn data_dir(environment: &dyn Environment) -> Result<PathBuf, Error> {
    let base = xdg(environment, "XDG_DATA_HOME", ".local/share").ok_or(Error::NoHome)?;
    Ok(base.join("polymath"))
}

/// The XDG base directory specification: relative values are to be ignored.
fn xdg(environment: &dyn Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let set = environment.variable(variable).map(PathBuf::from).filter(|p| p.is_absolute());
    set.or_else(|| Some(PathBuf::from(environment.variable("HOME")?).join(below_home)))
}

/// Writes a file for its owner alone (mode 0600): beside its place first, so that a full disk does not cost what is there. It is on disk
/// when this returns.
///
/// # Errors
/// As the system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(PRIVATE_MODE).open(&draft)?;
    // What a run that was killed has left may have another mode.
    file.set_permissions(Permissions::from_mode(PRIVATE_MODE))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn check_socket(path: &Path) -> Result<(), Error> {
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(Error::SocketPath { path: path.to_owned(), bytes_max: SOCKET_PATH_BYTES_MAX });
    }
    Ok(())
}

/// Makes the folder, for its owner alone, and writes and removes a file in it.
pub(super) fn prepare_state_dir(dir: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    let failed = |source| Error::StateDir { path: dir.to_owned(), source: Arc::new(source) };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let probe = dir.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)).map_err(failed)
}
