//! The roles that a process may have: their names and meanings. `run_roles` runs them.

/// A part of the server. The same program runs as one process or as several, each with some of the roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Gateway,
    Worker,
}

impl Role {
    pub const ALL: &[Role] = &[Role::Gateway, Role::Worker];

    pub fn name(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Worker => "worker",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Role::Gateway => "answers the HTTP API",
            Role::Worker => "does what is due",
        }
    }

    /// Whether it takes requests at the process's address. Only one role does.
    pub fn listens(self) -> bool {
        self == Role::Gateway
    }
}

/// Reads the names of roles; `all` stands for every role.
pub fn parse(names: &[String]) -> Result<Vec<Role>, String> {
    let mut wanted: Vec<Role> = Vec::new();
    for name in names {
        let named: Vec<Role> = Role::ALL.iter().copied().filter(|role| name == "all" || role.name() == name).collect();
        if named.is_empty() {
            let known: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
            return Err(format!("no role is called {name:?}; there are all, {}", known.join(", ")));
        }
        wanted.extend(named.iter().filter(|role| !wanted.contains(role)).copied().collect::<Vec<_>>());
    }
    if wanted.is_empty() {
        return Err("at least one role is needed".to_owned());
    }
    Ok(wanted)
}

/// The help of `--role`.
pub fn help() -> String {
    let roles: Vec<String> = Role::ALL.iter().map(|role| format!("  {:<10} {}", role.name(), role.about())).collect();
    format!("What this process does, separated by commas; all by default:\n{}", roles.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names() {
        let parsed = |names: &[&str]| parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(parsed(&["worker"]), Ok(vec![Role::Worker]));
        assert_eq!(parsed(&["all"]), Ok(Role::ALL.to_vec()));
        assert_eq!(parsed(&["worker", "all", "worker"]), Ok(vec![Role::Worker, Role::Gateway]));
        assert!(parsed(&["gatewy"]).unwrap_err().contains("gatewy"));
        assert!(parsed(&[]).is_err());
    }
}
