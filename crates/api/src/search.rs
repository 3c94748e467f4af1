//! Search by Stripe's query language: `status:'succeeded' AND metadata['order']:'7'`.

use crate::call::Call;
use crate::error::{ApiError, Failure, Result};
use crate::list;
use crate::reply::Reply;
use crate::resource::{Resource, decode, show};
use crate::{object, params};
use contracts::{FieldFilter, ListQuery, Operator};
use domain::Object;
use types::{Kind, ObjectId, Timestamp};

params! {
    pub struct SearchParams {
        pub query: String,
        pub limit: Option<i64>,
        /// The `next_page` of the page before.
        pub page: Option<String>,
    }
}

/// An attribute that can be searched for.
#[derive(Clone, Copy, Debug)]
pub struct SearchField {
    pub name: &'static str,
    pub kind: FieldKind,
    /// Where it is in the state.
    pub path: &'static [&'static str],
    /// Whether the whole text is among the terms that objects of this kind are indexed by.
    pub indexed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Matched whole, or with `~` in part.
    Text,
    /// A word of a fixed set, matched whole.
    Token,
    Number,
    /// Seconds; the state counts milliseconds.
    Time,
    /// Named in brackets: `metadata['order']`.
    Metadata,
}

/// Shorthand for the tables of fields.
pub const fn field(name: &'static str, kind: FieldKind, path: &'static [&'static str]) -> SearchField {
    SearchField { name, kind, path, indexed: matches!(kind, FieldKind::Metadata) }
}

/// The same for one that is indexed by its whole text, as metadata always is.
pub const fn indexed(name: &'static str, path: &'static [&'static str]) -> SearchField {
    SearchField { name, kind: FieldKind::Text, path, indexed: true }
}

/// The answer to a search.
pub async fn reply<R: Resource>(call: &Call, params: SearchParams, fields: &[SearchField]) -> Result<Reply> {
    let (filters, any) = parse(&params.query, fields)?;
    let mut query = list::all(R::Object::KIND);
    query.paging.limit = list::limit(params.limit)?;
    query.paging.starting_after = match &params.page {
        Some(page) => Some(
            ObjectId::parse(R::Object::KIND, page)
                .ok_or_else(|| ApiError::invalid("page must be a next_page that was returned before.").param("page"))?,
        ),
        None => None,
    };
    query.status = R::LISTED.map(str::to_owned);
    query.fields = filters;
    query.any_field = any;
    narrow(&mut query);
    let page = call.services.ledger.list(call.tenant_id(), &query).await.map_err(Failure::of_query)?;
    let audience = call.audience();
    let objects = page.items.iter().map(|stored| decode::<R::Object>(&stored.state)).collect::<Result<Vec<_>, _>>()?;
    let data: Vec<_> = objects.iter().map(|object| show::<R>(object, &audience)).collect();
    let next_page = page.items.last().filter(|_| page.has_more).map(|last| last.id);
    Ok(Reply::page(object! {
        "object": "search_result",
        "data": data,
        "has_more": page.has_more,
        "next_page": next_page,
        "url": &*call.path,
    })?)
}

/// Conditions that lists filter by quickly become conditions of the list, if all results must fulfil them.
fn narrow(query: &mut ListQuery) {
    if query.any_field {
        return;
    }
    for field in query.fields.iter().filter(|field| !field.negated) {
        let [name] = field.path.as_slice() else { continue };
        let millis = || field.value.parse().ok().map(Timestamp::from_millis);
        match (name.as_str(), field.operator) {
            ("customer", Operator::Equal) => query.customer = ObjectId::parse(Kind::Customer, &field.value),
            ("created", Operator::Greater | Operator::GreaterOrEqual) => query.created_from = millis(),
            ("created", Operator::Less | Operator::LessOrEqual) => query.created_until = millis(),
            _ => {}
        }
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::invalid(message).param("query")
}

/// The conditions of a query, and whether one of them is enough.
fn parse(query: &str, fields: &[SearchField]) -> Result<(Vec<FieldFilter>, bool), ApiError> {
    const CLAUSES_MAX: usize = 10;
    let mut rest = query.trim();
    let mut filters = Vec::new();
    let mut any: Option<bool> = None;
    for clause in 1.. {
        if clause > CLAUSES_MAX {
            return Err(invalid(format!("A query can have up to {CLAUSES_MAX} conditions.")));
        }
        rest = parse_clause(rest, fields, any == Some(true), &mut filters)?.trim_start();
        let (or, after) = match (strip_word(rest, "AND"), strip_word(rest, "OR")) {
            (Some(after), _) => (false, after),
            (_, Some(after)) => (true, after),
            _ if rest.is_empty() => return Ok((filters, any == Some(true))),
            // A space alone means AND.
            _ => (false, rest),
        };
        if any.is_some_and(|before| before != or) {
            return Err(invalid("AND and OR cannot be used in one query."));
        }
        any = Some(or);
        rest = after.trim_start();
    }
    Ok((filters, any == Some(true)))
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    let tail = text.get(word.len()..)?;
    (head.eq_ignore_ascii_case(word) && tail.starts_with(char::is_whitespace)).then_some(tail)
}

fn parse_clause<'a>(
    text: &'a str,
    fields: &[SearchField],
    any: bool,
    filters: &mut Vec<FieldFilter>,
) -> Result<&'a str, ApiError> {
    let (negated, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
        .ok_or_else(|| invalid("Each condition is a field, an operator and a value, such as status:'succeeded'."))?;
    let (name, mut rest) = text.split_at(end);
    let known = || fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
    let field = fields
        .iter()
        .find(|field| field.name == name)
        .ok_or_else(|| invalid(format!("'{name}' cannot be searched for; the fields are {}.", known())))?;
    let mut path: Vec<String> = field.path.iter().map(|part| (*part).to_owned()).collect();
    if field.kind == FieldKind::Metadata {
        let inner =
            rest.strip_prefix('[').ok_or_else(|| invalid("Metadata is searched as metadata['key']:'value'."))?;
        let (key, after) = quoted(inner)?;
        rest = after.strip_prefix(']').ok_or_else(|| invalid("A ']' is missing after the metadata key."))?;
        path.push(key);
    }
    let symbols = [">=", "<=", ">", "<", ":", "~"];
    let symbol = symbols.into_iter().find(|symbol| rest.starts_with(symbol));
    let symbol = symbol.ok_or_else(|| invalid(format!("After '{name}' one of :, ~, >, <, >=, <= is expected.")))?;
    rest = rest.get(symbol.len()..).unwrap_or_default();
    let (value, rest) = if rest.starts_with(['\'', '"']) {
        quoted(rest)?
    } else {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        (rest[..end].to_owned(), &rest[end..])
    };
    let mut add = |operator, value: String| {
        filters.push(FieldFilter { path: path.clone(), operator, value, negated, indexed: field.indexed });
    };
    let number = || value.parse::<i64>().map_err(|_| invalid(format!("'{name}' takes a whole number, not '{value}'.")));
    match (field.kind, symbol) {
        (FieldKind::Metadata, ":") if value == "null" => filters.push(FieldFilter {
            path: path.clone(),
            operator: Operator::Exists,
            value: String::new(),
            negated: !negated,
            indexed: false,
        }),
        (FieldKind::Text | FieldKind::Token | FieldKind::Metadata, ":") => add(Operator::Equal, value),
        (FieldKind::Text | FieldKind::Metadata, "~") if value.chars().count() >= 3 => add(Operator::Contains, value),
        (FieldKind::Text | FieldKind::Metadata, "~") => return Err(invalid("~ takes at least three characters.")),
        (FieldKind::Number, symbol) if symbol != "~" => add(comparison(symbol), number()?.to_string()),
        (FieldKind::Time, symbol) if symbol != "~" => {
            let first = number()?.checked_mul(1000).ok_or_else(|| invalid("The time is out of range."))?;
            let last = first.saturating_add(999);
            match symbol {
                ">" => add(Operator::Greater, last.to_string()),
                ">=" => add(Operator::GreaterOrEqual, first.to_string()),
                "<" => add(Operator::Less, first.to_string()),
                "<=" => add(Operator::LessOrEqual, last.to_string()),
                _ if any || negated => return Err(invalid(format!("'{name}' takes <, <=, > or >= here."))),
                _ => {
                    add(Operator::GreaterOrEqual, first.to_string());
                    add(Operator::LessOrEqual, last.to_string());
                }
            }
        }
        _ => return Err(invalid(format!("'{symbol}' cannot be used on '{name}'."))),
    }
    Ok(rest)
}

fn comparison(symbol: &str) -> Operator {
    match symbol {
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        _ => Operator::Equal,
    }
}

/// A text in single or double quotes, with `\` before a quote inside it.
fn quoted(text: &str) -> Result<(String, &str), ApiError> {
    let mut chars = text.char_indices();
    let Some((_, quote @ ('\'' | '"'))) = chars.next() else { return Err(invalid("A quoted text is expected.")) };
    let mut plain = String::new();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|(_, escaped)| escaped)),
            c if c == quote => return Ok((plain, &text[at + c.len_utf8()..])),
            c => plain.push(c),
        }
    }
    Err(invalid("A closing quote is missing."))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[SearchField] = &[
        field("status", FieldKind::Token, &["status"]),
        field("email", FieldKind::Text, &["email"]),
        field("amount", FieldKind::Number, &["amount"]),
        field("created", FieldKind::Time, &["created"]),
        field("metadata", FieldKind::Metadata, &["metadata"]),
    ];

    fn filter(path: &[&str], operator: Operator, value: &str, negated: bool) -> FieldFilter {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let indexed = path.first().is_some_and(|name| name == "metadata") && operator != Operator::Exists;
        FieldFilter { path, operator, value: value.to_owned(), negated, indexed }
    }

    #[test]
    fn reads_queries() {
        let (filters, any) = parse(r#"status:'succeeded' AND -metadata["k'1"]:"a\"b" amount>=100"#, FIELDS).unwrap();
        assert!(!any);
        assert_eq!(
            filters,
            [
                filter(&["status"], Operator::Equal, "succeeded", false),
                filter(&["metadata", "k'1"], Operator::Equal, "a\"b", true),
                filter(&["amount"], Operator::GreaterOrEqual, "100", false),
            ]
        );
        let (filters, any) = parse("email~'ann' OR created<10 OR metadata['x']:null", FIELDS).unwrap();
        assert!(any);
        assert_eq!(filters[1], filter(&["created"], Operator::Less, "10000", false));
        assert_eq!(filters[2], filter(&["metadata", "x"], Operator::Exists, "", true));
    }

    #[test]
    fn refuses_with_a_reason() {
        for wrong in [
            "",
            "status",
            "colour:'red'",
            "status:'a' AND amount:1 OR amount:2",
            "status:'a",
            "status~'abc'",
            "amount:'x'",
            "email~'ab'",
            "metadata:'x'",
        ] {
            assert_eq!(parse(wrong, FIELDS).unwrap_err().param.as_deref(), Some("query"), "{wrong}");
        }
    }
}
