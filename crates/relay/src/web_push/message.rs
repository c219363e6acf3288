//! A message that one browser alone can read: RFC 8291, in the one record of RFC 8188 (`aes128gcm`).

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;
use softtoken::push::Subscription;

/// What push services take at least (RFC 8030 section 7.2), and what RFC 8291 section 4 demands as `rs`.
const RECORD_MAX: u32 = 4_096;
/// Closes the last record (RFC 8188 section 2); zeros behind it are padding.
const LAST_RECORD: u8 = 2;
/// All messages have one length, whatever they say.
const PADDED_TO: usize = 512;
const SALT_LEN: usize = 16;

/// What is drawn for one message and never used again.
pub(super) struct Fresh {
    key: PrivateKey,
    salt: [u8; SALT_LEN],
}

impl Fresh {
    pub(super) fn draw() -> Result<Self, Unspecified> {
        let mut salt = [0; SALT_LEN];
        rand::fill(&mut salt)?;
        let key = PrivateKey::generate(&ECDH_P256)?;
        Ok(Self { key, salt })
    }
}

/// The body for a push service.
pub(super) fn encrypt(
    text: &str,
    subscription: &Subscription,
    fresh: &Fresh,
) -> Result<Vec<u8>, Unspecified> {
    let mut record = text.as_bytes().to_vec();
    record.push(LAST_RECORD);
    if record.len() > PADDED_TO {
        return Err(Unspecified);
    }
    record.resize(PADDED_TO, 0);
    encrypt_record(record, subscription, fresh)
}

fn encrypt_record(
    mut record: Vec<u8>,
    subscription: &Subscription,
    Fresh { key, salt }: &Fresh,
) -> Result<Vec<u8>, Unspecified> {
    let own = key.compute_public_key()?;
    let own = own.as_ref();
    let theirs = subscription.user_agent.as_bytes();
    let auth = Salt::new(HKDF_SHA256, subscription.auth.as_bytes());
    let peer = UnparsedPublicKey::new(&ECDH_P256, theirs);
    let shared = agreement::agree(key, peer, Unspecified, |secret| Ok(auth.extract(secret)))?;
    let input: [u8; 32] = expand(&shared, &[b"WebPush: info\0", theirs, own])?;

    let prk = Salt::new(HKDF_SHA256, salt).extract(&input);
    let cek: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"])?;
    let cek = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &cek)?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    cek.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)?;

    let key_len = u8::try_from(own.len()).map_err(|_| Unspecified)?;
    let header: [&[u8]; 4] = [salt, &RECORD_MAX.to_be_bytes(), &[key_len], own];
    Ok([header.concat(), record].concat())
}

struct Octets(usize);

impl KeyType for Octets {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut octets = [0; N];
    prk.expand(info, Octets(N))?.fill(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
pub(super) mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use softtoken::push::{AuthSecret, Endpoint, UserAgentKey};

    use super::*;

    const SECRET: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";

    fn octets(text: &str) -> Vec<u8> {
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    }

    /// The browser of RFC 8291 section 5, at a push service of ours.
    pub(in crate::web_push) fn subscription(endpoint: &str) -> Subscription {
        Subscription {
            endpoint: Endpoint::parse(endpoint).unwrap(),
            user_agent: UserAgentKey::parse(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            )
            .unwrap(),
            auth: AuthSecret::parse("BTBZMqHH6r4Tts7J_aSIgg").unwrap(),
        }
    }

    /// What that browser makes of a body; none if it was not meant for it.
    pub(in crate::web_push) fn decrypt(body: &[u8]) -> Option<String> {
        let browser = PrivateKey::from_private_key(&ECDH_P256, &octets(SECRET)).unwrap();
        let own = browser.compute_public_key().unwrap();
        let (salt, rest) = body.split_at(SALT_LEN);
        let (key, record) = rest[5..].split_at(usize::from(rest[4]));
        let auth = Salt::new(HKDF_SHA256, &octets("BTBZMqHH6r4Tts7J_aSIgg"));
        let sender = UnparsedPublicKey::new(&ECDH_P256, key);
        let shared = agreement::agree(&browser, sender, Unspecified, |it| Ok(auth.extract(it)));
        let input: [u8; 32] =
            expand(&shared.ok()?, &[b"WebPush: info\0", own.as_ref(), key]).unwrap();
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input);
        let cek: [u8; 16] = expand(&prk, &[b"Content-Encoding: aes128gcm\0"]).unwrap();
        let nonce: [u8; 12] = expand(&prk, &[b"Content-Encoding: nonce\0"]).unwrap();
        let cek = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &cek).unwrap());
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = cek.open_in_place(nonce, Aad::empty(), &mut record).ok()?;
        let end = opened.iter().rposition(|&octet| octet != 0)?;
        assert_eq!(opened[end], LAST_RECORD);
        String::from_utf8(opened[..end].to_vec()).ok()
    }

    #[test]
    fn the_example_of_rfc_8291() {
        let fresh = Fresh {
            key: PrivateKey::from_private_key(
                &ECDH_P256,
                &octets("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
            )
            .unwrap(),
            salt: octets("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap(),
        };
        let text = "When I grow up, I want to be a watermelon";
        let mut record = text.as_bytes().to_vec();
        record.push(LAST_RECORD);
        let subscription =
            subscription("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV");
        let body = encrypt_record(record, &subscription, &fresh).unwrap();
        assert_eq!(
            BASE64URL_NOPAD.encode(&body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
             AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
        assert_eq!(decrypt(&body).as_deref(), Some(text));
    }

    #[test]
    fn messages_have_one_length_and_one_reader() {
        let here = subscription("https://push.example.net/1");
        let sealed = |text: &str| encrypt(text, &here, &Fresh::draw().unwrap());
        let (short, long) = (
            sealed("a").unwrap(),
            sealed(&"b".repeat(PADDED_TO - 1)).unwrap(),
        );
        assert_eq!(short.len(), long.len());
        assert_eq!(decrypt(&short).as_deref(), Some("a"));
        assert!(sealed(&"b".repeat(PADDED_TO)).is_err());
        let mut changed = short;
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(decrypt(&changed), None);
    }
}
