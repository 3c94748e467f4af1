//! What the server's role may do: all that it needs, and nothing that would let it change what was written.

use super::{Check, Verdict, store as facts};
use platform::database::Client;
use platform::database::store::ServerFacts;

pub async fn missing(client: &Client, found: &ServerFacts) -> Check {
    let lacking = async {
        let of_identity = identity::admin::lacking_privileges(client).await?;
        let of_ledger = ledger::admin::lacking_privileges(client).await?;
        Ok::<_, tokio_postgres::Error>(of_identity.zip(of_ledger).map(|(one, other)| [one, other].concat()))
    };
    match lacking.await {
        Ok(None) => Check::skipped("rights", "there are no tables yet"),
        Ok(Some(lacking)) if lacking.is_empty() => Check::ok("rights", format!("{} has all that it needs", found.role)),
        Ok(Some(lacking)) => {
            let found = format!("{} lacks {}", found.role, lacking.join(", "));
            Check::broken(
                "rights",
                found,
                "as florin_owner, GRANT that; locks by the SQL of `florin migrate --print-roles`",
            )
        }
        Err(error) => Check::failed("rights", &error),
    }
}

pub async fn too_many(client: &Client, found: &ServerFacts) -> Check {
    let excessive = async {
        let of_ledger = ledger::admin::excessive_privileges(client).await?;
        let of_identity = identity::admin::excessive_privileges(client).await?;
        let powers = (facts::login(client).await?, facts::powers(client).await?);
        let of_tables = of_ledger.zip(of_identity).map(|(of_ledger, of_identity)| [of_ledger, of_identity].concat());
        Ok::<_, tokio_postgres::Error>((of_tables, powers))
    };
    let (of_tables, (login, powers)) = match excessive.await {
        Ok(found) => found,
        Err(error) => return Check::failed("privileges", &error),
    };
    let role = &found.role;
    let advice = "use the role florin_service, as `florin migrate --print-roles` makes it, and revoke the rest";
    // In development the user of DATABASE_URL acts for the server's role, which may have too many rights of its own.
    let is_itself = login == *role;
    let of_role = of_tables.as_ref().is_some_and(|excessive| !excessive.is_empty());
    if !powers.is_empty() && (is_itself || !of_role) {
        let result = if is_itself { Verdict::Broken } else { Verdict::Warning };
        let found = format!("{login} can change what was written: it {}", powers.join(", "));
        return Check::new("privileges", result, found, advice);
    }
    match of_tables {
        None => Check::skipped("privileges", "there are no tables yet"),
        Some(excessive) if excessive.is_empty() => {
            let found = format!("{role} cannot change what was written, and can add neither tenants nor keys");
            Check::ok("privileges", found)
        }
        Some(excessive) => Check::broken(
            "privileges",
            format!("{role} may change {}", excessive.join(", ")),
            format!("revoke that; {advice}"),
        ),
    }
}

/// Anyone else who may write the tables.
pub async fn of_others(client: &Client) -> Check {
    let others = async {
        let (writers, actors) = (facts::other_writers(client).await?, facts::other_actors(client).await?);
        Ok::<_, tokio_postgres::Error>([writers, actors].concat())
    };
    match others.await {
        Ok(others) if others.is_empty() => Check::ok("others", "no other role may write the tables"),
        Ok(others) => {
            Check::new("others", Verdict::Broken, others.join(", "), "revoke that: books are the server's to write")
        }
        Err(error) => Check::failed("others", &error),
    }
}
