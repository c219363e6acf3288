//! Groups within groups: `set search-type recursive`.

use std::collections::{HashSet, VecDeque};

use domain::backend::Membership;
use ldap3_proto::proto::{
    LdapFilter, LdapMatchingRuleAssertion, LdapResult, LdapResultCode as Code,
};

use super::super::debug::Steps;
use super::connection::{Connection, Entry, Scope};
use super::{Fault, found, is, unclear};

/// `LDAP_MATCHING_RULE_IN_CHAIN` of Active Directory (MS-ADTS, 3.1.1.3.4.4.3): it walks the chain itself. Other
/// directories do not know the rule, to which nothing is equal then (RFC 4511, 4.5.1.7.7).
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";
/// What Active Directory and AD LDS call themselves among `supportedCapabilities` (MS-ADTS, 3.1.1.3.4.3): both know
/// the rule, so their no is one.
const ACTIVE_DIRECTORY: [&str; 2] = ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"];
/// Groups that are looked at for one user at most: more than anybody is in by way of others, and some hundred
/// milliseconds of a directory on the same network.
const GROUPS_MAX: usize = 64;

/// What was found of groups around a person.
pub(super) struct Around<'a> {
    /// Those that a group is within that the person is in.
    pub(super) groups: Vec<&'a str>,
    /// Why others may be around that were not looked at, if so.
    pub(super) unread: Option<String>,
}

/// Which of these groups, none of which a person is in directly, a group is within that the person is in, however deep.
pub(super) async fn around<'a>(
    connection: &mut Connection,
    membership: &Membership,
    person: &str,
    groups: Vec<&'a str>,
    steps: &Steps<'_>,
) -> Result<Around<'a>, Fault> {
    let mut around = Around {
        groups: Vec::new(),
        unread: None,
    };
    let mut left = Vec::new();
    for group in groups {
        if in_chain(connection, membership, person, group).await? {
            around.groups.push(group);
        } else {
            left.push(group);
        }
    }
    let climbs = match membership {
        Membership::OfPerson(_) => !left.is_empty() && !walks_chains(connection).await?,
        Membership::Found { .. } => !left.is_empty(),
        Membership::OfGroup | Membership::OfPosixGroup => false,
    };
    if climbs {
        let climbed = climb(connection, membership, person, left, steps).await?;
        around.groups.extend(climbed.groups);
        around.unread = climbed.unread;
    }
    Ok(around)
}

async fn in_chain(
    connection: &mut Connection,
    membership: &Membership,
    person: &str,
    group: &str,
) -> Result<bool, Fault> {
    let (entry, attribute, value) = match membership {
        Membership::OfPerson(attribute) => (person, &**attribute, group),
        Membership::OfGroup => (group, "member", person),
        // Whoever wants the rule has it in the filter.
        Membership::OfPosixGroup | Membership::Found { .. } => return Ok(false),
    };
    let rule = LdapFilter::Extensible(LdapMatchingRuleAssertion {
        matching_rule: Some(IN_CHAIN.to_owned()),
        type_: Some(attribute.to_owned()),
        match_value: value.to_owned(),
        dn_attributes: false,
    });
    matches(connection, entry, rule).await
}

/// Whether the directory knows [`IN_CHAIN`]. One whose root tells nobody what it is may not.
async fn walks_chains(connection: &mut Connection) -> Result<bool, Fault> {
    let capabilities = values(connection, "", "supportedCapabilities").await?;
    Ok(ACTIVE_DIRECTORY
        .iter()
        .any(|known| capabilities.iter().any(|told| told == known)))
}

/// The groups that a person is in, the nearest first. What was reached is not looked at again, so a circle ends.
#[derive(Default)]
struct Reached {
    names: HashSet<String>,
    waiting: VecDeque<String>,
    /// Whether there was no room for some.
    is_full: bool,
    /// Of which entries the directory told some alone, by a limit of its own.
    cut: Option<String>,
}

/// The groups that an entry is in directly, as far as the directory told them.
struct Direct {
    names: Vec<String>,
    is_whole: bool,
}

impl Reached {
    /// Keeps those of an entry that are new, as far as there is room.
    fn add(&mut self, entry: &str, groups: Direct) {
        if !groups.is_whole && self.cut.is_none() {
            self.cut = Some(entry.to_owned());
        }
        for group in groups.names {
            let name = group.to_lowercase();
            if self.names.contains(&name) {
                continue;
            }
            if self.names.len() == GROUPS_MAX {
                self.is_full = true;
                continue;
            }
            self.names.insert(name);
            self.waiting.push_back(group);
        }
    }

    /// Why there may be groups that were not looked at.
    fn unread(&self, person: &str) -> Option<String> {
        let beyond = self.is_full.then(|| {
            format!(
                "{person} is in more than {GROUPS_MAX} groups within groups: those beyond are not looked at"
            )
        });
        let cut = self.cut.as_ref().map(|entry| {
            format!(
                "the directory's own size limit is below {GROUPS_MAX}: not all groups of {entry} are looked at"
            )
        });
        let unread: Vec<String> = beyond.into_iter().chain(cut).collect();
        (!unread.is_empty()).then(|| unread.join("; "))
    }
}

/// Goes from group to group that each is in. A person is in none by way of a group that is beyond the limit, or beyond
/// the directory's.
async fn climb<'a>(
    connection: &mut Connection,
    membership: &Membership,
    person: &str,
    mut left: Vec<&'a str>,
    steps: &Steps<'_>,
) -> Result<Around<'a>, Fault> {
    let mut reached = Reached::default();
    let mut groups = Vec::new();
    let direct = groups_of(connection, membership, person).await?;
    reached.add(person, direct);
    while let Some(group) = reached.waiting.pop_front() {
        let named = named(connection, membership, &group, &left).await?;
        left.retain(|group| !named.contains(group));
        groups.extend(named);
        if left.is_empty() {
            return Ok(Around {
                groups,
                unread: None,
            });
        }
        let direct = groups_of(connection, membership, &group).await?;
        reached.add(&group, direct);
    }
    let unread = reached.unread(person);
    if let Some(unread) = &unread {
        steps.say("__fnbamd_ldap_read", format_args!("{unread}"));
    }
    Ok(Around { groups, unread })
}

/// The groups that an entry is in directly.
async fn groups_of(
    connection: &mut Connection,
    membership: &Membership,
    entry: &str,
) -> Result<Direct, Fault> {
    let whole = |names| Direct {
        names,
        is_whole: true,
    };
    match membership {
        Membership::OfPerson(attribute) => Ok(whole(values(connection, entry, attribute).await?)),
        Membership::Found { by, below } => {
            let filter = found::filter(by, entry);
            // One more, to see that there are more.
            let scope = Scope::AllBelow(GROUPS_MAX + 1);
            let (found, result) = connection
                .search(&Entry::named(below), scope, filter)
                .await?;
            let is_cut = result.code == Code::SizeLimitExceeded;
            if !is_cut {
                is_decided(&result)?;
            }
            // By this unit's own limit there is one more than is looked at.
            let is_whole = !is_cut || found.len() > GROUPS_MAX;
            Ok(Direct {
                names: found.into_iter().map(|entry| entry.name).collect(),
                is_whole,
            })
        }
        Membership::OfGroup | Membership::OfPosixGroup => Ok(whole(Vec::new())),
    }
}

/// Which of these groups an entry is in directly. The directory compares: it knows which spellings are one name. Most
/// entries name none, which one question tells.
async fn named<'a>(
    connection: &mut Connection,
    membership: &Membership,
    entry: &str,
    groups: &[&'a str],
) -> Result<Vec<&'a str>, Fault> {
    let mut named = Vec::new();
    if let Membership::OfPerson(attribute) = membership {
        let any = groups.iter().map(|group| is(attribute, group)).collect();
        if !matches(connection, entry, LdapFilter::Or(any)).await? {
            return Ok(named);
        }
    }
    for group in groups {
        let is_in = match membership {
            Membership::OfPerson(attribute) => {
                matches(connection, entry, is(attribute, group)).await?
            }
            Membership::Found { by, .. } => {
                matches(connection, group, found::filter(by, entry)).await?
            }
            Membership::OfGroup | Membership::OfPosixGroup => false,
        };
        if is_in {
            named.push(*group);
        }
    }
    Ok(named)
}

/// The values of an attribute of an entry; none of one that is not there.
async fn values(
    connection: &mut Connection,
    entry: &str,
    attribute: &str,
) -> Result<Vec<String>, Fault> {
    let attributes = [attribute.to_owned()];
    let entry = Entry::with(entry, &attributes);
    let all = LdapFilter::Present("objectClass".to_owned());
    let (found, result) = connection.search(&entry, Scope::Entry, all).await?;
    is_decided(&result)?;
    Ok(found.into_iter().flat_map(|it| it.values).collect())
}

async fn matches(
    connection: &mut Connection,
    entry: &str,
    filter: LdapFilter,
) -> Result<bool, Fault> {
    let (found, result) = connection
        .search(&Entry::named(entry), Scope::Entry, filter)
        .await?;
    is_decided(&result)?;
    Ok(!found.is_empty())
}

/// Whether what was found is an answer: also where there is no such entry, or none that can be, and where the
/// directory does not know the rule and says so. One that is busy has said nothing.
fn is_decided(result: &LdapResult) -> Result<(), Fault> {
    match result.code {
        Code::Success
        | Code::NoSuchObject
        | Code::InvalidDNSyntax
        | Code::InappropriateMatching
        | Code::UndefinedAttributeType => Ok(()),
        _ => Err(unclear("groups within groups are not told", result)),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use domain::backend::{BackendName, GroupFilter, Kind};
    use domain::vdom::Vdom;
    use ldap3_proto::LdapCodec;
    use ldap3_proto::proto::{
        LdapMsg, LdapOp, LdapPartialAttribute, LdapSearchRequest, LdapSearchResultEntry,
        LdapSearchScope,
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;
    use crate::debug_log::DebugLog;

    const PERSON: &str = "uid=alice";
    const MEMBER_OF: &str = "memberOf";

    /// A directory with these groups of entries. It brings so many entries at most.
    #[derive(Clone, Copy)]
    struct Served {
        entries_max: usize,
        capabilities: &'static [&'static str],
        groups_of: fn(&str) -> Vec<String>,
        /// How it ends a question for the chain.
        chain: fn() -> Code,
    }

    impl Served {
        fn answer(&self, asked: &LdapSearchRequest) -> (Vec<String>, bool, Code) {
            let groups = (self.groups_of)(&asked.base);
            let names = |filter: &LdapFilter| matches!(filter, LdapFilter::Equality(_, group) if groups.contains(group));
            match &asked.filter {
                LdapFilter::Extensible(_) => (Vec::new(), false, (self.chain)()),
                LdapFilter::Or(any) => (Vec::new(), any.iter().any(names), Code::Success),
                LdapFilter::Present(_) if asked.base.is_empty() => {
                    let told = self.capabilities.iter().map(|it| String::from(*it));
                    (told.collect(), true, Code::Success)
                }
                LdapFilter::Present(_) => (groups, true, Code::Success),
                filter => (Vec::new(), names(filter), Code::Success),
            }
        }

        async fn serve(self, mut stream: DuplexStream) -> usize {
            let mut codec = LdapCodec::new(None, None);
            let (mut inbox, mut outbox) = (BytesMut::new(), BytesMut::new());
            let mut questions = 0;
            loop {
                while let Some(message) = codec.decode(&mut inbox).unwrap() {
                    let LdapOp::SearchRequest(asked) = message.op else {
                        panic!("no search");
                    };
                    questions += 1;
                    for op in self.reply(&asked) {
                        let msgid = message.msgid;
                        let ctrl = Vec::new();
                        codec
                            .encode(LdapMsg { msgid, op, ctrl }, &mut outbox)
                            .unwrap();
                    }
                    stream.write_all(&outbox.split()).await.unwrap();
                }
                if stream.read_buf(&mut inbox).await.unwrap() == 0 {
                    return questions;
                }
            }
        }

        fn reply(&self, asked: &LdapSearchRequest) -> Vec<LdapOp> {
            if asked.scope == LdapSearchScope::Subtree {
                return self.found(asked);
            }
            let (values, is_found, code) = self.answer(asked);
            let values = values.into_iter().map(String::into_bytes).collect();
            let attribute = LdapPartialAttribute {
                atype: MEMBER_OF.to_owned(),
                vals: values,
            };
            let entry = LdapOp::SearchResultEntry(LdapSearchResultEntry {
                dn: asked.base.clone(),
                attributes: vec![attribute],
            });
            is_found
                .then_some(entry)
                .into_iter()
                .chain([done(code)])
                .collect()
        }

        /// The groups of the entry that a filter names, as far as the directory or its client wants them.
        fn found(&self, asked: &LdapSearchRequest) -> Vec<LdapOp> {
            let LdapFilter::Equality(_, member) = &asked.filter else {
                panic!("{:?}", asked.filter);
            };
            let mut groups = (self.groups_of)(member);
            let most = usize::try_from(asked.sizelimit).unwrap();
            let most = most.min(self.entries_max);
            let code = if groups.len() > most {
                Code::SizeLimitExceeded
            } else {
                Code::Success
            };
            groups.truncate(most);
            let entries = groups.into_iter().map(|dn| {
                LdapOp::SearchResultEntry(LdapSearchResultEntry {
                    dn,
                    attributes: Vec::new(),
                })
            });
            entries.chain([done(code)]).collect()
        }
    }

    fn done(code: Code) -> LdapOp {
        LdapOp::SearchResultDone(LdapResult {
            code,
            matcheddn: String::new(),
            message: String::new(),
            referral: Vec::new(),
        })
    }

    /// Which of these groups are around alice, and how many questions that took.
    async fn asked<'a>(served: Served, groups: &[&'a str]) -> (Result<Vec<&'a str>, Fault>, usize) {
        let (around, questions) = by(Membership::OfPerson(MEMBER_OF.into()), served, groups).await;
        (around.map(|around| around.groups), questions)
    }

    async fn by<'a>(
        membership: Membership,
        served: Served,
        groups: &[&'a str],
    ) -> (Result<Around<'a>, Fault>, usize) {
        let (here, there) = tokio::io::duplex(64 * 1_024);
        let serving = tokio::spawn(served.serve(there));
        let log = DebugLog::default();
        let backend = BackendName {
            vdom: Vdom::ROOT,
            kind: Kind::Ldap,
            name: "corp".into(),
        };
        let steps = Steps::new(&log, &backend);
        let mut connection = Connection::new(here);
        let around = around(
            &mut connection,
            &membership,
            PERSON,
            groups.to_vec(),
            &steps,
        )
        .await;
        drop(connection);
        (around, serving.await.unwrap())
    }

    /// Alice is in many groups; the first is in `near`, the last in `far`.
    fn many(entry: &str) -> Vec<String> {
        match entry {
            PERSON => (0..10 * GROUPS_MAX)
                .map(|number| format!("cn={number},ou=groups,dc=example,dc=org"))
                .collect(),
            "cn=0,ou=groups,dc=example,dc=org" => vec!["cn=near".to_owned()],
            "cn=639,ou=groups,dc=example,dc=org" => vec!["cn=far".to_owned()],
            _ => Vec::new(),
        }
    }

    const OTHER: Served = Served {
        entries_max: usize::MAX,
        capabilities: &[],
        groups_of: many,
        chain: || Code::Success,
    };

    #[tokio::test]
    async fn who_is_in_many_groups_is_in_those_that_are_reached_and_not_locked_out() {
        let (around, questions) = asked(OTHER, &["cn=near", "cn=far", "cn=none"]).await;
        assert_eq!(around.unwrap(), ["cn=near"]);
        // Each chain, the root, the person; then two of each group, and which of the three the first names.
        assert_eq!(questions, 3 + 1 + 1 + 2 * GROUPS_MAX + 3);
    }

    #[tokio::test]
    async fn the_no_of_a_directory_that_walks_the_chain_is_one() {
        for capability in &ACTIVE_DIRECTORY {
            let capabilities = std::slice::from_ref(capability);
            let served = Served {
                capabilities,
                ..OTHER
            };
            let (around, questions) = asked(served, &["cn=near", "cn=far"]).await;
            assert_eq!(around.unwrap(), [""; 0]);
            assert_eq!(questions, 3);
        }
    }

    #[tokio::test]
    async fn only_a_directory_that_answers_says_no() {
        for chain in [
            (|| Code::Busy) as fn() -> Code,
            || Code::TimeLimitExceeded,
            || Code::Unavailable,
        ] {
            let (around, _) = asked(Served { chain, ..OTHER }, &["cn=near"]).await;
            assert!(matches!(around, Err(Fault::Unclear(_))), "{chain:?}");
        }
        for chain in [(|| Code::InappropriateMatching) as fn() -> Code, || {
            Code::NoSuchObject
        }] {
            let (around, _) = asked(Served { chain, ..OTHER }, &["cn=near"]).await;
            assert_eq!(around.unwrap(), ["cn=near"]);
        }
    }

    #[tokio::test]
    async fn groups_that_a_directory_keeps_to_itself_are_told_of() {
        let found = || Membership::Found {
            by: GroupFilter::parse("(member=%u)").unwrap(),
            below: "ou=groups".into(),
        };
        let few = |entry: &str| match entry {
            PERSON => (0..10).map(|number| format!("cn={number}")).collect(),
            _ => Vec::new(),
        };
        for (entries_max, groups_of, expected) in [
            (usize::MAX, few as fn(&str) -> Vec<String>, None),
            (
                9,
                few,
                Some(
                    "the directory's own size limit is below 64: not all groups of uid=alice are looked at",
                ),
            ),
            (
                usize::MAX,
                many,
                Some(
                    "uid=alice is in more than 64 groups within groups: those beyond are not looked at",
                ),
            ),
        ] {
            let served = Served {
                entries_max,
                groups_of,
                ..OTHER
            };
            let (around, _) = by(found(), served, &["cn=far"]).await;
            let around = around.unwrap();
            assert_eq!(around.groups, [""; 0]);
            assert_eq!(around.unread.as_deref(), expected);
        }
    }
}
