//! Deep links: `polymath://join?invitation=...`, also with `#`. Any website can open one, so that nothing in it is believed:
//! it is short, it is an invitation as `polymath_swarm` reads it, and nothing happens until the user has agreed.

use polymath_swarm::private::{INVITATION_CHARS_MAX, Invitation, InvitationError};
use url::Url;
use zeroize::Zeroizing;

/// What a link begins with.
pub(crate) const SCHEME: &str = "polymath";
/// The only thing that a link can ask for.
const JOIN: &str = "join";
/// The parameter's name.
const PARAMETER: &str = "invitation";
/// Bytes of a link that are looked at: an invitation whose every character is escaped, and the rest.
const LINK_BYTES_MAX: usize = 3 * INVITATION_CHARS_MAX + 64;
/// Parameters that are looked at: one is ours, and a messenger may add its own.
const PARAMETERS_MAX: usize = 8;

/// Why a link leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// Longer than any invitation.
    #[error("the link is too long")]
    Length,
    /// Another scheme, or something else than joining.
    #[error("the link is none that Polymath knows")]
    Unknown,
    /// There is none in it, or more than one.
    #[error("the link has no invitation in it")]
    Empty,
    /// It is damaged, or of a later version.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
}

/// What a link offers.
pub(crate) struct Offer {
    /// What it says.
    pub(crate) invitation: Invitation,
    /// As it came: whoever has it is a member.
    pub(crate) text: Zeroizing<String>,
}

/// Reads a link.
pub(crate) fn read(url: &Url) -> Result<Offer, LinkError> {
    if url.as_str().len() > LINK_BYTES_MAX {
        return Err(LinkError::Length);
    }
    let joins = url.scheme() == SCHEME && url.host_str() == Some(JOIN) && matches!(url.path(), "" | "/");
    let bare = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    if !joins || !bare {
        return Err(LinkError::Unknown);
    }
    let parts = [url.query(), url.fragment()];
    let mut found = parts.into_iter().flatten().flat_map(|part| {
        // A fragment of the console's kind begins with a slash or a question mark.
        let part = part.trim_start_matches(['/', '?']);
        url::form_urlencoded::parse(part.as_bytes()).take(PARAMETERS_MAX)
    });
    let mut found = found.by_ref().filter(|(name, _)| name == PARAMETER).map(|(_, value)| value);
    // Two would leave open which of them was shown.
    let (Some(text), None) = (found.next(), found.next()) else { return Err(LinkError::Empty) };
    let text = Zeroizing::new(text.trim().to_owned());
    if text.is_empty() {
        return Err(LinkError::Empty);
    }
    Ok(Offer { invitation: Invitation::decode(&text)?, text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use polymath_swarm::private::SwarmSecret;

    fn invitation() -> String {
        let secret = SwarmSecret::new([7; 32]);
        let addresses = vec!["/ip4/192.0.2.1/udp/4820/quic-v1".to_owned()];
        Invitation { name: "family".into(), secret, addresses }.encode().to_string()
    }

    fn read_text(text: &str) -> Result<String, LinkError> {
        let url = Url::parse(text).map_err(|_| LinkError::Unknown)?;
        read(&url).map(|offer| {
            assert_eq!(*offer.text, invitation());
            offer.invitation.name
        })
    }

    #[test]
    fn an_invitation_is_found_wherever_it_stands() {
        let text = invitation();
        let escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        for link in [
            format!("polymath://join?invitation={text}"),
            format!("polymath://join/?invitation={escaped}"),
            format!("polymath://join#invitation={text}"),
            format!("polymath://join#/?invitation={text}"),
            format!("POLYMATH://join?invitation={text}&utm_source=mail"),
            format!("polymath://join?invitation=%20{text}%0A"),
        ] {
            assert_eq!(read_text(&link).unwrap(), "family", "{link}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_the_reason() {
        let text = invitation();
        let mut damaged = text.clone();
        damaged.replace_range(20..21, if &text[20..21] == "z" { "y" } else { "z" });
        for (link, error) in [
            ("polymath://join".to_owned(), LinkError::Empty),
            ("polymath://join?invitation=".to_owned(), LinkError::Empty),
            (format!("polymath://join?Invitation={text}"), LinkError::Empty),
            (format!("polymath://join?invitation={text}&invitation={text}"), LinkError::Empty),
            (format!("polymath://join?invitation={text}#invitation={text}"), LinkError::Empty),
            ("polymath://join?invitation=hello".to_owned(), InvitationError::Form.into()),
            ("polymath://join?invitation=polymath1:$(reboot)".to_owned(), InvitationError::Form.into()),
            (format!("polymath://join?invitation={damaged}"), InvitationError::Damaged.into()),
            (format!("polymath://leave?invitation={text}"), LinkError::Unknown),
            (format!("polymath://join/now?invitation={text}"), LinkError::Unknown),
            (format!("polymath://me@join?invitation={text}"), LinkError::Unknown),
            (format!("polymath://join:80?invitation={text}"), LinkError::Unknown),
            (format!("polymath:join?invitation={text}"), LinkError::Unknown),
            (format!("https://join?invitation={text}"), LinkError::Unknown),
            (format!("polymath://join?invitation={}", "1".repeat(LINK_BYTES_MAX)), LinkError::Length),
        ] {
            assert_eq!(read_text(&link), Err(error), "{}", &link[..link.len().min(200)]);
        }
    }

    #[test]
    fn bytes_of_any_kind_are_refused_and_do_no_harm() {
        // A deterministic walk: every byte in every place of a short link, escaped and not.
        let text = format!("polymath://join?invitation={}", invitation());
        for place in 0..text.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = text.clone().into_bytes();
                bytes[place] = byte;
                if let Ok(url) = Url::parse(&String::from_utf8_lossy(&bytes)) {
                    let _ = read(&url);
                }
                let escaped = format!("{}%{byte:02X}{}", &text[..place], &text[place + 1..]);
                if let Ok(url) = Url::parse(&escaped) {
                    let _ = read(&url);
                }
            }
        }
    }
}
