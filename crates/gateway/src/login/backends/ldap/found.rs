//! `set group-filter`, as a directory is asked it.

use domain::backend::{Comparison, Filter, FilterValue, GroupFilter};
use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion, LdapSubstringFilter};

/// The filter for a person, or for a group that a person is in. Names travel apart from the syntax, so none needs to be
/// escaped.
pub(super) fn filter(by: &GroupFilter, member: &str) -> LdapFilter {
    asked(by.filter(), member)
}

fn asked(filter: &Filter, member: &str) -> LdapFilter {
    let all = |filters: &[Filter]| filters.iter().map(|it| asked(it, member)).collect();
    let of = |value: &Option<FilterValue>| value.as_ref().map(|value| value.of(member));
    let text = |name: &Option<Box<str>>| name.as_deref().map(str::to_owned);
    match filter {
        Filter::And(filters) => LdapFilter::And(all(filters)),
        Filter::Or(filters) => LdapFilter::Or(all(filters)),
        Filter::Not(other) => LdapFilter::Not(Box::new(asked(other, member))),
        Filter::Present(attribute) => LdapFilter::Present(attribute.to_string()),
        Filter::Compare(attribute, comparison, value) => {
            let compared = match comparison {
                Comparison::Equal => LdapFilter::Equality,
                Comparison::AtLeast => LdapFilter::GreaterOrEqual,
                Comparison::AtMost => LdapFilter::LessOrEqual,
                Comparison::About => LdapFilter::Approx,
            };
            compared(attribute.to_string(), value.of(member))
        }
        Filter::Substrings {
            attribute,
            initial,
            any,
            last,
        } => {
            let parts = LdapSubstringFilter {
                initial: of(initial),
                any: any.iter().map(|part| part.of(member)).collect(),
                final_: of(last),
            };
            LdapFilter::Substring(attribute.to_string(), parts)
        }
        Filter::Extensible {
            attribute,
            rule,
            in_name,
            value,
        } => LdapFilter::Extensible(LdapMatchingRuleAssertion {
            matching_rule: text(rule),
            type_: text(attribute),
            match_value: value.of(member),
            dn_attributes: *in_name,
        }),
    }
}
