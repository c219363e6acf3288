//! A device that says anything, through a tunnel that hides nothing.

use ::eap::{Broken, Conversation, Identity, Method, Proven, ROUNDS_MAX, Setup, Step, Tunnel};
use zeroize::Zeroizing;

/// Stands after one message, as TLS does after some.
#[derive(Default)]
struct Glass {
    received: usize,
    said: Vec<u8>,
}

impl Tunnel for Glass {
    fn receive(&mut self, records: &[u8]) -> Result<Zeroizing<Vec<u8>>, Broken> {
        self.received += 1;
        match (self.received, records) {
            (1, []) => Err(Broken("no hello".into())),
            (1, _) => {
                self.said = b"hello".to_vec();
                Ok(Zeroizing::default())
            }
            (_, clear) => Ok(Zeroizing::new(clear.to_vec())),
        }
    }

    fn say(&mut self, clear: &[u8]) -> Result<(), Broken> {
        self.said.extend(clear);
        Ok(())
    }

    fn outgoing(&mut self) -> Result<Vec<u8>, Broken> {
        Ok(std::mem::take(&mut self.said))
    }

    fn is_established(&self) -> bool {
        self.received > 0
    }

    fn export(&self, _label: &str, out: &mut [u8]) -> Result<(), Broken> {
        out.fill(7);
        Ok(())
    }
}

/// The first octet says what the client may use and how logins end; then messages, the length of each before it.
/// Identifiers are put right, which a device does without trying.
pub(crate) fn run(input: &[u8]) {
    let Some((choice, mut rest)) = input.split_first() else {
        return;
    };
    let identity = Identity::parse(&[2, 0, 0, 6, 1, b'a']);
    let allowed = Method::ALL.into_iter().enumerate();
    let allowed = allowed.filter(|(place, _)| choice >> place & 1 == 1);
    let setup = Setup {
        tunnel: Glass::default(),
        allowed: allowed.map(|(_, method)| method).collect(),
        challenge: [7; 16],
        nonce: [7; 32],
        mtu: (choice & 0x40 != 0).then_some(200),
    };
    let offer = identity.and_then(|identity| Conversation::offer(&identity, setup));
    let Ok((mut conversation, mut request)) = offer else {
        return;
    };
    let (mut rounds, mut asked, mut granted, mut refused) = (0, false, false, false);
    while let Some((length, behind)) = rest.split_first_chunk() {
        rounds += 1;
        let length = usize::from(u16::from_be_bytes(*length) & 0x7ff).min(behind.len());
        let (message, behind) = behind.split_at(length);
        rest = behind;
        let mut message = message.to_vec();
        if let (Some(slot), Some(identifier)) = (message.get_mut(1), request.get(1)) {
            *slot = *identifier;
        }
        let mut step = conversation.receive(&message);
        if let Ok(Step::Judge(login)) = &step {
            assert!(!granted && !refused, "a login after its verdict");
            assert!(Method::ALL.contains(&login.method));
            match conversation_asks(&mut conversation, choice & 0x80 != 0 && !asked) {
                Some(question) => {
                    asked = true;
                    step = Ok(Step::Send(question));
                }
                None if choice & 0x20 != 0 => {
                    refused = true;
                    let said = conversation.refused();
                    step = said.map(|failure| failure.map_or(Step::Failed, Step::Send));
                }
                None => {
                    granted = true;
                    let proven = Proven {
                        message: b"\x07S=0123456789ABCDEF0123456789ABCDEF01234567",
                        keys: [&[7; 16], &[8; 16]],
                    };
                    let by_response = matches!(login.credentials, ::eap::Credentials::MsChapV2(_));
                    step = conversation.granted(by_response.then_some(&proven));
                }
            }
        }
        match step {
            Ok(Step::Send(sent)) => {
                assert!(sent.len() <= ::eap::FRAGMENT_MAX + 10, "{}", sent.len());
                assert_eq!(sent.first(), Some(&1), "no request");
                request = sent;
            }
            Ok(Step::Done(done)) => {
                assert!(granted, "let in without a record");
                assert_eq!(done.packet.first(), Some(&3));
                return;
            }
            Ok(Step::Judge(_)) => {}
            Ok(Step::Failed) => {
                assert!(refused, "refused without a verdict");
                return;
            }
            Err(_) => {
                assert!(rounds <= ROUNDS_MAX + 1);
                return;
            }
        }
    }
}

fn conversation_asks(conversation: &mut Conversation<Glass>, is_wanted: bool) -> Option<Vec<u8>> {
    is_wanted.then(|| conversation.ask("code").ok()).flatten()
}
