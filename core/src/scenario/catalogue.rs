//! Where policies come from: the file, then the catalogue, then overrides.

use std::sync::{Arc, LazyLock};

use super::document::{Node, Place, Problem, Section, Source, Table};
use super::fields::unfit;
use super::overlay::{Overlay, Override};
use super::policy::{Policy, policy};
use crate::value::{nearest, suggest};

/// Policies that one run compares; more are the cells of a sweep.
const MOST_COMPARED: usize = 1_000;

/// How far a policy may lie from what it extends in the end.
const DEEPEST: usize = 32;

const CATALOGUE: &str = include_str!("catalogue.toml");

/// What the name of a policy ends with where the actions of the scenario are not taken.
pub const NO_ACTION: &str = ", no action";

/// The policies of a scenario: those of its file, or else the `default` ones.
pub(super) fn policies(
    own: Option<&Node>,
    compare: Option<&Node>,
    default: &[&str],
    overlay: &Overlay,
) -> Result<Vec<(String, Policy)>, Problem> {
    let known = Policies::new(own, overlay)?;
    let compared = known.compared(compare, default, &[])?;
    Ok(known.resolve(&compared, &[])?.0)
}

/// A policy's name, and whether it is another than the catalogue's of that name: how long
/// callers wait is theirs to choose, and makes it no other.
pub fn label(name: &str, policy: &Policy) -> String {
    if let Some(acting) = name.strip_suffix(NO_ACTION) {
        return label(acting, policy) + NO_ACTION;
    }
    let known = Policies::new(None, &Overlay::default())
        .and_then(|known| known.tables(&[(name.to_string(), None)], true));
    let original = known.ok().and_then(|mut known| known.pop());
    let is_altered = original.is_some_and(|(_, original)| {
        original
            != Policy {
                timeout: original.timeout,
                deadline: original.deadline,
                acts: original.acts,
                ..policy.clone()
            }
    });
    match is_altered {
        true => format!("{name}, altered"),
        false => name.to_string(),
    }
}

/// The catalogue as its file has it.
struct Catalogue {
    policies: Table,
    about: Table,
}

/// The catalogue, read once.
fn read() -> Result<&'static Catalogue, Problem> {
    static READ: LazyLock<Result<Catalogue, Problem>> = LazyLock::new(|| {
        let source = Arc::new(Source::new("catalogue".to_string(), CATALOGUE.to_string()));
        let table = Table::parse(&source)?;
        let part = |key| match table.get(key) {
            Some(entry) => entry.node.table().cloned(),
            None => Ok(Table::default()),
        };
        Ok(Catalogue {
            policies: part("policy")?,
            about: part("about")?,
        })
    });
    READ.as_ref().map_err(Clone::clone)
}

/// A named policy and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub policy: Policy,
    /// The shelf it stands on, such as `aws`.
    pub group: String,
    /// Its delays as a formula.
    pub delays: String,
    /// Which failures the real client retries.
    pub retries: String,
    /// Where that was read.
    pub source: String,
    pub sure: Sure,
}

/// How sure a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// Read in the client's own source.
    Read,
    /// In its documentation, an issue, or somebody else's text.
    Second,
    /// Defined by this project.
    Own,
}

/// Every policy of the catalogue, in its order.
///
/// # Errors
/// Only if the catalogue itself is broken, which a test looks for.
pub fn entries() -> Result<Vec<Entry>, Problem> {
    let overlay = Overlay::default();
    let (known, about) = (Policies::new(None, &overlay)?, &read()?.about);
    let mut entries = Vec::new();
    for e in &known.catalogue.entries {
        let name = e.key.as_str();
        let nothing = Table::default();
        let mut s = Section::new(match about.get(name) {
            Some(about) => about.node.table()?,
            None => &nothing,
        });
        let mut text = |key| match s.node(key) {
            Some(node) => node.text().map(str::to_string),
            None => Err(Problem::new(format!("policy `{name}` lacks its `{key}`"))
                .at(Some(e.place.clone()))),
        };
        let (group, delays) = (text("group")?, text("delays")?);
        let (retries, source) = (text("retries")?, text("source")?);
        let sures = [
            ("read", Sure::Read),
            ("second", Sure::Second),
            ("own", Sure::Own),
        ];
        let sure = s.word("sure", "certainty", &sures)?.unwrap_or(Sure::Second);
        s.finish()?;
        entries.push(Entry {
            name: name.to_string(),
            policy: policy(&known.lookup(name, None, &mut Vec::new())?)?,
            group,
            delays,
            retries,
            source,
            sure,
        });
    }
    Ok(entries)
}

/// Where policies come from: the file, then the catalogue, then overrides.
pub(super) struct Policies<'a> {
    own: Table,
    catalogue: &'static Table,
    overrides: &'a [Override],
    /// Compared beside the others.
    beside: &'a [String],
}

/// A policy's name, and where it is asked for.
type Asked = (String, Option<Place>);
type Named = Vec<(String, Policy)>;

impl<'a> Policies<'a> {
    pub fn new(own: Option<&Node>, overlay: &'a Overlay) -> Result<Policies<'a>, Problem> {
        Ok(Policies {
            own: match own {
                Some(node) => node.table()?.clone(),
                None => Table::default(),
            },
            catalogue: &read()?.policies,
            overrides: &overlay.policy_overrides,
            beside: &overlay.beside,
        })
    }

    /// Which policies are compared: those asked for, those of the file that no
    /// service uses, or else the `default` ones.
    pub fn compared(
        &self,
        compare: Option<&Node>,
        default: &[&str],
        used: &[&str],
    ) -> Result<Vec<Asked>, Problem> {
        let mut names: Vec<Asked> = Vec::new();
        match compare {
            Some(node) => {
                for item in node.list()? {
                    names.push((item.text()?.to_string(), Some(item.place.clone())));
                }
                if names.is_empty() {
                    return Err(
                        Problem::new("there is no policy to compare").at(Some(node.place.clone()))
                    );
                }
            }
            None => {
                let own = self.own.entries.iter();
                let free = own
                    .filter(|e| !used.contains(&e.key.as_str()) && !self.beside.contains(&e.key));
                names.extend(free.map(|e| (e.key.clone(), Some(e.place.clone()))));
                // Callers have a policy too, and not one that nobody asked for.
                if let (true, Some(own)) = (names.is_empty(), self.own.entries.first())
                    && self.beside.is_empty()
                {
                    let problem = "every policy here is that of a service: which have the callers?";
                    let help = format!("name them: compare = [\"{}\"]", default.join("\", \""));
                    return Err(Problem::new(problem).at(Some(own.place.clone())).help(help));
                }
                if names.is_empty() {
                    names.extend(default.iter().map(|name| (name.to_string(), None)));
                }
            }
        }
        // First, so that differences are from what a person has.
        for name in self.beside.iter().rev() {
            if names.iter().all(|(other, _)| other != name) {
                names.insert(0, (name.clone(), None));
            }
        }
        if let Some((_, place)) = names.get(MOST_COMPARED) {
            let problem = format!("a run compares at most {MOST_COMPARED} policies");
            return Err(Problem::new(problem).at(place.clone()));
        }
        for (i, (name, place)) in names.iter().enumerate() {
            if names[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(
                    Problem::new(format!("policy `{name}` is named twice")).at(place.clone())
                );
            }
        }
        Ok(names)
    }

    /// Resolves the policies compared, and those used by services.
    pub fn resolve(&self, compared: &[Asked], used: &[&str]) -> Result<(Named, Named), Problem> {
        let mut inner: Vec<Asked> = Vec::new();
        for name in used {
            if inner.iter().all(|(other, _)| other != name) {
                inner.push((name.to_string(), None));
            }
        }
        for (name, place) in compared.iter().chain(&inner) {
            if let Some(reason) = unfit(name) {
                let problem = Problem::new(format!("a policy's name {reason}"));
                return Err(problem.at(place.clone()));
            }
        }
        for Override {
            policy: name, path, ..
        } in self.overrides
        {
            let mut names = compared.iter().chain(&inner).map(|(n, _)| n.as_str());
            if name != "*" && !names.any(|n| n == name) {
                let place = path.first().map(|(_, place)| place.clone());
                let known: Vec<&str> = compared.iter().map(|(n, _)| n.as_str()).collect();
                return Err(
                    Problem::new(format!("policy `{name}` is not part of this run"))
                        .at(place)
                        .help(suggest(name, &known)),
                );
            }
        }
        Ok((self.tables(compared, true)?, self.tables(&inner, false)?))
    }

    /// Reads policies; what is set for all of them concerns those `compared`.
    fn tables(&self, names: &[Asked], compared: bool) -> Result<Named, Problem> {
        let mut policies = Vec::with_capacity(names.len());
        for (name, place) in names {
            let mut table = self.lookup(name, place.clone(), &mut Vec::new())?;
            for set in self.overrides {
                if set.policy == *name || set.policy == "*" && compared {
                    table.set(&set.path, set.node.clone())?;
                }
            }
            policies.push((name.clone(), policy(&table)?));
        }
        Ok(policies)
    }

    /// The policy's table with everything it extends laid under it.
    fn lookup(
        &self,
        name: &str,
        place: Option<Place>,
        seen: &mut Vec<String>,
    ) -> Result<Table, Problem> {
        // A file's policy may extend the catalogue's of the same name.
        let own = self
            .own
            .get(name)
            .filter(|_| !seen.iter().any(|s| s == name));
        let entry = match own.or_else(|| self.catalogue.get(name)) {
            Some(entry) => entry,
            None if seen.iter().any(|s| s == name) => {
                let path = seen.join(" → ");
                return Err(Problem::new(format!(
                    "policy `{name}` extends itself: {path} → {name}"
                ))
                .at(place));
            }
            None => {
                let own = self.own.entries.iter().chain(&self.catalogue.entries);
                let names = own.map(|e| e.key.as_str());
                return Err(Problem::new(format!("unknown policy `{name}`"))
                    .at(place)
                    .help(match nearest(name, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "`herdsim policies` lists those with a name".to_string(),
                    }));
            }
        };
        if seen.len() > DEEPEST {
            let problem = format!("policies extend each other at most {DEEPEST} deep");
            return Err(Problem::new(problem).at(place));
        }
        let first = seen.is_empty();
        if own.is_some() || first {
            seen.push(name.to_string());
        }
        let table = entry.node.table()?;
        // `--set` may give the policy itself another base, not one further down.
        let instead = self.overrides.iter().rev().find(|set| {
            first && (set.policy == "*" || set.policy == name) && set.path[0].0 == "extends"
        });
        let base = match (instead, table.get("extends")) {
            (Some(set), _) => &set.node,
            (None, Some(entry)) => &entry.node,
            (None, None) => return Ok(table.clone()),
        };
        let mut merged = self.lookup(base.text()?, Some(base.place.clone()), seen)?;
        merged.overlay(table);
        Ok(merged)
    }
}
