//! Hugging Face's hub, or a mirror: `/api/models/{repo}/revision/{revision}?blobs=true` says what a repository holds,
//! `/{repo}/resolve/{commit}/{file}` gives it, from any byte on (RFC 9110, range requests).

use super::{Error, Expected, Fetched, Place, Progress, is_file_name};
use futures::StreamExt as _;
use polymath_swarm::identity::Sha256Hash;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

/// How long a connection may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(15);
/// How long nothing may come.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Times that a transfer is taken up without a byte having come.
const ATTEMPTS_MAX: u32 = 5;
/// Before the second attempt; twice as long each further time.
const PAUSE: Duration = Duration::from_millis(500);
/// Bytes of what is said of a repository: a thousand files with their hashes.
const ABOUT_BYTES_MAX: usize = 4 << 20;
/// Quantisations in the order in which they are wanted: four and a half bits a weight lose little and take a third of the room.
const PREFERRED: [&str; 8] = ["q4_k_m", "q5_k_m", "q4_k_s", "q4_0", "q6_k", "q8_0", "q3_k_m", "f16"];

/// A way to the hub.
#[derive(Clone, Debug)]
pub struct Hub {
    client: Client,
    endpoint: String,
    token: Option<String>,
}

/// What a repository holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// `owner/name`.
    pub repo: String,
    /// The commit.
    pub commit: String,
    /// Its licence, as it says.
    pub licence: Option<String>,
    /// Its GGUF files, but for parts of larger ones.
    pub files: Vec<GgufFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufFile {
    /// Its path.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash, where the hub says it.
    pub sha256: Option<Sha256Hash>,
}

#[derive(Deserialize)]
struct Model {
    sha: String,
    #[serde(default, rename = "cardData")]
    card: Option<CardData>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct CardData {
    #[serde(default)]
    license: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Hub {
    /// The hub at `endpoint`; `token` opens what is not public, and goes nowhere else.
    ///
    /// # Errors
    /// [`Error::Hub`] if there is no TLS to be had.
    pub fn new(endpoint: &str, token: Option<String>) -> Result<Self, Error> {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let client = Client::builder().connect_timeout(CONNECT_TIME_MAX).read_timeout(SILENCE_MAX).build();
        let client =
            client.map_err(|error| Error::Hub { url: endpoint.clone(), reason: error.to_string() })?;
        Ok(Self { client, endpoint, token })
    }

    async fn get(&self, url: &str, from: u64) -> Result<Response, Error> {
        let mut request = self.client.get(url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        request.send().await.map_err(|error| failed(url, deepest(&error)))
    }

    /// What a repository holds at a revision (`main`, a tag, a commit).
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotPublic`]; [`Error::Hub`]: the hub does not answer as it should.
    pub async fn about(&self, repo: &str, revision: &str) -> Result<About, Error> {
        let url = format!("{}/api/models/{repo}/revision/{revision}?blobs=true", self.endpoint);
        let response = checked(&url, self.get(&url, 0).await?)?;
        let mut bytes = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| failed(&url, deepest(&error)))?);
            if bytes.len() > ABOUT_BYTES_MAX {
                return Err(failed(&url, "says more than a repository can have to say"));
            }
        }
        let model: Model = serde_json::from_slice(&bytes)
            .map_err(|error| failed(&url, format!("does not answer as the hub does: {error}")))?;
        if model.sha.len() > 64 || !model.sha.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(failed(&url, "names no commit"));
        }
        let licence = model.card.and_then(|card| card.license).and_then(|licence| match licence {
            serde_json::Value::String(one) => Some(one),
            serde_json::Value::Array(several) => several.first().and_then(|l| l.as_str()).map(str::to_owned),
            _ => None,
        });
        let tagged = || model.tags.iter().find_map(|tag| tag.strip_prefix("license:")).map(str::to_owned);
        let files = model.siblings.into_iter().filter(|file| is_model(&file.rfilename)).filter_map(|file| {
            let sha256 = file.lfs.as_ref().and_then(|lfs| Sha256Hash::from_hex(&lfs.sha256));
            let bytes = file.lfs.map(|lfs| lfs.size).or(file.size)?;
            Some(GgufFile { name: file.rfilename, bytes, sha256 })
        });
        let licence = licence.or_else(tagged);
        Ok(About { repo: repo.to_owned(), commit: model.sha, licence, files: files.collect() })
    }

    /// Fetches a file into `folder`, from where an earlier attempt ended; `asked` is the hash that it was asked for by.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NotPublic`] or [`Error::Hub`] if it does not come, [`Error::Mismatch`] if it is another, [`Error::NotGguf`],
    /// [`Error::Another`] if its place is taken, [`Error::NoRoom`], [`Error::Io`].
    pub async fn fetch(
        &self,
        about: &About,
        file: &GgufFile,
        asked: Option<Sha256Hash>,
        folder: &Path,
        progress: Progress<'_>,
    ) -> Result<Fetched, Error> {
        let name = file.name.rsplit('/').next().unwrap_or(&file.name);
        let expected = Expected { stated: file.sha256, asked };
        let version = expected.sha256().map_or_else(|| about.commit.clone(), |hash| hash.to_string());
        let place = Place::prepare(folder, name, &version.chars().take(16).collect::<String>())?;
        if let Some(wanted) = expected.sha256() {
            let there = place.clone();
            if let Some(there) = blocking(move || there.if_right(wanted)).await? {
                return Ok(there);
            }
            // Said now, and not once gigabytes have come.
            place.spare(wanted, expected)?;
        }
        place.check_room(file.bytes)?;
        let url = format!("{}/{}/resolve/{}/{}", self.endpoint, about.repo, about.commit, file.name);
        let (mut attempt, mut pause) = (0, PAUSE);
        // A server that knows no ranges begins each time anew: only what it never came to before is progress.
        let mut farthest = length(&place.part);
        // Of more than was said the hash tells that it is something else.
        while length(&place.part) < file.bytes {
            let outcome = self.go_on(&url, &place.part, file.bytes, progress).await;
            if let Err(error @ (Error::Io { .. } | Error::Missing { .. } | Error::NotPublic { .. })) = outcome
            {
                return Err(error);
            }
            if length(&place.part) > farthest {
                (attempt, pause, farthest) = (0, PAUSE, length(&place.part));
            } else {
                attempt += 1;
                if attempt >= ATTEMPTS_MAX {
                    return Err(outcome
                        .err()
                        .unwrap_or_else(|| failed(&url, "gives nothing more of the file")));
                }
            }
            if let Err(error) = outcome {
                tracing::info!(%error, "the transfer broke off; it is taken up again");
            }
            if length(&place.part) < file.bytes {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        }
        blocking(move || place.take(expected)).await
    }

    /// Appends what is missing of the file to `part`.
    async fn go_on(&self, url: &str, part: &Path, bytes: u64, progress: Progress<'_>) -> Result<(), Error> {
        let from = length(part);
        let response = checked(url, self.get(url, from).await?)?;
        let goes_on = response.status() == StatusCode::PARTIAL_CONTENT && starts_at(&response, from);
        let mut options = OpenOptions::new();
        // A server that knows no ranges sends all of it.
        options.create(true).write(true).append(goes_on).truncate(!goes_on);
        let mut file = options.open(part).map_err(Error::io(part))?;
        let mut there = if goes_on { from } else { 0 };
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| failed(url, deepest(&error)))?;
            there += chunk.len() as u64;
            if there > bytes {
                return Err(failed(url, format!("sends more than the {bytes} bytes that it has said")));
            }
            file.write_all(&chunk).map_err(Error::io(part))?;
            progress(there, bytes);
        }
        Ok(())
    }
}

impl About {
    /// The file of this name; without one that which suits a machine with so much memory free.
    ///
    /// # Errors
    /// [`Error::NoFile`] says what there is; [`Error::TooLarge`].
    pub fn choose(&self, name: Option<&str>, memory: Option<u64>) -> Result<&GgufFile, Error> {
        let names = || self.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ");
        let none = |reason: String| Error::NoFile { repo: self.repo.clone(), reason };
        if self.files.is_empty() {
            return Err(none("it holds none, or only parts of larger ones".to_owned()));
        }
        if let Some(name) = name {
            let of_name = self.files.iter().find(|file| file.name == name);
            return of_name.ok_or_else(|| none(format!("there are {}", names())));
        }
        // A model takes a quarter more than its file: caches and buffers.
        let fits = |file: &&GgufFile| memory.is_none_or(|memory| file.bytes.saturating_mul(5) / 4 <= memory);
        let preference = |file: &&GgufFile| {
            let name = file.name.to_lowercase();
            PREFERRED.iter().position(|kind| name.contains(kind)).unwrap_or(PREFERRED.len())
        };
        self.files.iter().filter(fits).min_by_key(preference).ok_or_else(|| {
            let bytes = self.files.iter().map(|file| file.bytes).min().unwrap_or_default();
            Error::TooLarge { repo: self.repo.clone(), bytes }
        })
    }
}

/// Whether a file is a model by itself.
fn is_model(name: &str) -> bool {
    let lower = name.to_lowercase();
    is_file_name(name) && !lower.contains("-of-0") && !lower.contains("mmproj")
}

/// Hashing gigabytes blocks; Ctrl-C must still get through.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(failed("the file", error.to_string())))
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

fn starts_at(response: &Response, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok()) == Some(from)
}

fn checked(url: &str, response: Response) -> Result<Response, Error> {
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::NotPublic { url: url.to_owned() }),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(Error::Missing { url: url.to_owned() }),
        status => Err(failed(url, format!("answers {status}"))),
    }
}

fn failed(url: &str, reason: impl Into<String>) -> Error {
    Error::Hub { url: url.to_owned(), reason: reason.into() }
}

/// What is at the bottom of an error: reqwest's own words tell of requests.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
