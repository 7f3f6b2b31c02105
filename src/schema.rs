//! A JSON Schema of scenario files, for editors.
//!
//! There is no second list of fields: the readers themselves are asked. A key that nobody
//! knows makes a reader name those that it does; a value that cannot be meant makes it say
//! what it expects. Fields that go with a word only (`kind = "ratio"`) are found by trying
//! every word.

use herdsim_core::scenario::{Job, JobKind, Overlay, Problem, Scenario};
use serde_json::{Map, Value as Json, json};

/// A key that no table has, unlike any that one has.
const NOBODYS: &str = "____________";
/// Tables within tables at most.
const DEEPEST: usize = 5;

/// The schema, draft 2020-12.
pub fn schema() -> Json {
    let defaults = Scenario::default().to_toml().parse::<toml::Table>();
    let defaults = defaults.unwrap_or_default();
    let of = |kind: JobKind| {
        let defaults = match kind {
            JobKind::Herd => defaults.clone(),
            JobKind::Fence | JobKind::Saga | JobKind::Quorum => toml::Table::new(),
        };
        Reader { kind, defaults }.top()
    };
    let is = |kind: JobKind| json!({ "properties": { "kind": { "const": kind.name() } }, "required": ["kind"] });
    let choice = |kind: JobKind, otherwise: Json| json!({ "if": is(kind), "then": of(kind), "else": otherwise });
    let mut whole = [JobKind::Quorum, JobKind::Saga, JobKind::Fence]
        .into_iter()
        .fold(of(JobKind::Herd), |otherwise, kind| choice(kind, otherwise));
    if let Some(whole) = whole.as_object_mut() {
        let version = env!("CARGO_PKG_VERSION");
        whole.insert(
            "$schema".to_string(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        whole.insert(
            "title".to_string(),
            format!("A scenario of herdsim {version}").into(),
        );
    }
    whole
}

/// What is known of one kind's readers.
struct Reader {
    kind: JobKind,
    /// The default scenario of a herd.
    defaults: toml::Table,
}

/// Lines of TOML that a table needs before its reader comes to what is asked.
type Fixed = Vec<String>;

impl Reader {
    /// What the readers say of a file of these lines.
    fn read(&self, lines: &[String]) -> Result<(), Problem> {
        let mut overlay = Overlay::default();
        let text = format!("kind = \"{}\"\n{}\n", self.kind.name(), lines.join("\n"));
        overlay.file("schema", &text)?;
        Job::from_overlay(&overlay, self.kind).map(|_| ())
    }

    /// The same of `path = value` after others; nothing where all is well.
    fn ask(&self, fixed: &Fixed, path: &str, value: &str) -> Option<Problem> {
        let mut lines = fixed.clone();
        // What is asked takes the place of what was fixed of it.
        lines.retain(|line| !line.starts_with(&format!("{path} =")));
        lines.push(format!("{path} = {value}"));
        self.read(&lines).err()
    }

    /// The whole of a file of this kind.
    fn top(&self) -> Json {
        let (keys, _) = self.keys(&Fixed::new(), "");
        let mut properties = Map::new();
        for key in keys {
            let own = match key.as_str() {
                "kind" => json!({ "const": self.kind.name() }),
                "policy" => self.policies(),
                "service" | "callers" => self.one_or_several(&key),
                key => self.field(&Fixed::new(), key, 0),
            };
            properties.insert(key, own);
        }
        let anything = |what: &str| json!({ "type": "object", "description": what });
        let conditions = "conditions on results: \"budget.recovery_s\" = \"< 5\"";
        properties.insert("assert".to_string(), anything(conditions));
        let axes = "fields and the values that they take: \"service.queue\" = [500, 1_000]";
        properties.insert("sweep".to_string(), anything(axes));
        object(properties)
    }

    /// Any number of policies by name.
    fn policies(&self) -> Json {
        let path = "policy.own";
        let compared = vec!["compare = [\"own\"]".to_string()];
        match self.table(&compared, path, 1) {
            Some(policy) => json!({ "type": "object", "additionalProperties": policy }),
            None => json!({ "type": "object" }),
        }
    }

    /// One table, or several that have fields of their own: a chain of services, groups of
    /// callers.
    fn one_or_several(&self, table: &str) -> Json {
        let mut properties = Map::new();
        let alone = self.table(&Fixed::new(), table, 1);
        for more in [alone, self.first_of_two(table)] {
            if let Some(Json::Object(fields)) = more.as_ref().and_then(|t| t.get("properties")) {
                for (key, field) in fields {
                    let known = properties.get(key).and_then(Json::as_object);
                    if known.is_none_or(Map::is_empty) {
                        properties.insert(key.clone(), field.clone());
                    }
                }
            }
        }
        let one = object(properties);
        json!({ "anyOf": [one, { "type": "array", "items": one }] })
    }

    /// Fields that a table has beside another.
    fn first_of_two(&self, table: &str) -> Option<Json> {
        let with = |field: &str| vec![format!("{table} = [{{ {field} }}, {{}}]")];
        let problem = self.read(&with(&format!("{NOBODYS} = 1"))).err()?;
        let mut properties = Map::new();
        for key in named(&problem)? {
            let says = self.read(&with(&format!("{key} = {{}}"))).err();
            properties.insert(key, says.and_then(|p| value_of(&p)).unwrap_or(json!({})));
        }
        Some(object(properties))
    }

    /// The keys of a table, and what has to be fixed in it for its reader to name them.
    fn keys(&self, fixed: &Fixed, path: &str) -> (Vec<String>, Fixed) {
        let at = |key: &str| match path {
            "" => key.to_string(),
            path => format!("{path}.{key}"),
        };
        let mut fixed = fixed.clone();
        for _ in 0..8 {
            let Some(problem) = self.ask(&fixed, &at(NOBODYS), "1") else {
                break;
            };
            if let Some(keys) = named(&problem) {
                return (keys, fixed);
            }
            // What it cannot do without, as its own example has it.
            let Some(needed) = quoted_after(&problem.message, "needs its ") else {
                break;
            };
            let line = match self.ask(&fixed, &at(&needed), "{}") {
                Some(says) => match (first_word(&says), example(&says)) {
                    (Some(word), _) => format!("{} = \"{word}\"", at(&needed)),
                    (_, Some(example)) => format!("{} = \"{example}\"", at(&needed)),
                    _ => break,
                },
                None => break,
            };
            fixed.push(line);
        }
        (Vec::new(), fixed)
    }

    /// A table as an object, if it is one.
    fn table(&self, fixed: &Fixed, path: &str, depth: usize) -> Option<Json> {
        let bare = fixed;
        let (keys, fixed) = self.keys(bare, path);
        if keys.is_empty() || depth > DEEPEST {
            return None;
        }
        let mut properties = Map::new();
        for key in &keys {
            let at = format!("{path}.{key}");
            let own = self.field(&fixed, &at, depth);
            // Fields that go with one of its words only.
            for word in words(&own) {
                let mut chosen = bare.clone();
                chosen.push(format!("{at} = \"{word}\""));
                let (more, chosen) = self.keys(&chosen, path);
                for other in more.iter().filter(|other| !keys.contains(other)) {
                    let at = format!("{path}.{other}");
                    let field = self.field(&chosen, &at, depth);
                    properties.entry(other.clone()).or_insert(field);
                }
            }
            properties.insert(key.clone(), own);
        }
        // Again with every word: a field may be read, and mean something, with one only.
        self.refine(bare, path, depth, &keys, &mut properties);
        Some(object(properties))
    }

    /// Asks again, word by word, about fields of which nothing was said.
    fn refine(
        &self,
        bare: &Fixed,
        path: &str,
        depth: usize,
        keys: &[String],
        properties: &mut Map<String, Json>,
    ) {
        let unknown = |field: &Json| field.as_object().is_some_and(Map::is_empty);
        let choices: Vec<(String, String)> = properties
            .iter()
            .flat_map(|(key, field)| words(field).into_iter().map(|w| (key.clone(), w)))
            .collect();
        for key in keys {
            if !properties.get(key).is_some_and(unknown) {
                continue;
            }
            for (other, word) in &choices {
                let mut chosen = bare.clone();
                chosen.push(format!("{path}.{other} = \"{word}\""));
                let (_, chosen) = self.keys(&chosen, path);
                let field = self.field(&chosen, &format!("{path}.{key}"), depth);
                if !unknown(&field) {
                    properties.insert(key.clone(), field);
                    break;
                }
            }
        }
    }

    /// A field: a value, a list, or a table.
    fn field(&self, fixed: &Fixed, path: &str, depth: usize) -> Json {
        let says = self.ask(fixed, path, "{}");
        let value = says.as_ref().and_then(value_of);
        let own = match value {
            Some(value) => Some(value),
            None => self.table(fixed, path, depth + 1),
        };
        let Some(mut own) = own else {
            return json!({});
        };
        // Lists where one value does, and words such as `none` where a table does.
        let list = self.ask(fixed, path, "[{}]");
        let in_list = list.as_ref().and_then(value_of);
        let empty = self.ask(fixed, path, "[]");
        let takes_lists = empty.is_none_or(|says| expected(&says).is_none());
        if let (Some(items), true, false) = (in_list, takes_lists, own["type"] == "array") {
            own = json!({ "anyOf": [own, { "type": "array", "items": items }] });
        }
        let short = ["\"none\"", "\"10%\"", "\"50ms\""];
        let is_short = |value: &&str| self.ask(fixed, path, value).is_none();
        if own["type"] == "object" && short.iter().any(is_short) {
            own = json!({ "anyOf": [own, { "type": ["string", "number"] }] });
        }
        if own["type"] == "array" {
            let items = list.as_ref().and_then(value_of);
            own["items"] = items.unwrap_or(json!({}));
        }
        if let Some(default) = self.default_of(path) {
            own["default"] = default;
        }
        own
    }
}

impl Reader {
    /// What the default scenario has there, where it is a value.
    fn default_of(&self, path: &str) -> Option<Json> {
        let path = path.replace("policy.own", "policy.fixed");
        let mut keys = path.split('.');
        let first = self.defaults.get(keys.next()?)?;
        match keys.try_fold(first, |value, key| value.get(key))? {
            toml::Value::Table(_) => None,
            value => serde_json::to_value(value).ok(),
        }
    }
}

/// An object that has these fields and no others.
fn object(properties: Map<String, Json>) -> Json {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// The keys that a reader names as it refuses one.
fn named(problem: &Problem) -> Option<Vec<String>> {
    let refused = problem.message == format!("unknown key `{NOBODYS}`");
    let names = problem.help.as_deref()?.strip_prefix("one of: ")?;
    refused.then(|| names.split(", ").map(String::from).collect())
}

/// The first name in backticks after a text.
fn quoted_after(message: &str, text: &str) -> Option<String> {
    let rest = message.split_once(text)?.1.strip_prefix('`')?;
    Some(rest.split_once('`')?.0.to_string())
}

/// What a reader expects in place of a value that it cannot take.
fn expected(problem: &Problem) -> Option<&str> {
    problem.message.strip_prefix("expected ")
}

/// The words of which it expects one.
fn choice(problem: &Problem) -> Option<Vec<&str>> {
    let (_, words) = expected(problem)?.split_once(", one of: ")?;
    Some(words.split(", ").collect())
}

fn first_word(problem: &Problem) -> Option<String> {
    choice(problem)?.first().map(|word| word.to_string())
}

/// The first of its examples.
fn example(problem: &Problem) -> Option<String> {
    let (_, examples) = expected(problem)?.split_once("such as ")?;
    let end = examples.find([' ', ',']).unwrap_or(examples.len());
    Some(examples[..end].to_string())
}

/// A value by what a reader expects of it, if it expects one.
fn value_of(problem: &Problem) -> Option<Json> {
    let what = expected(problem)?;
    if let Some(words) = choice(problem) {
        return Some(json!({ "enum": words }));
    }
    Some(match what {
        "true or false" => json!({ "type": "boolean" }),
        "true, false or both" => json!({ "enum": [true, false, "both"] }),
        "a list in brackets" => json!({ "type": "array" }),
        "text in quotes" => json!({ "type": "string" }),
        "a table" => return None,
        what if what.starts_with("a whole number") => {
            json!({ "type": ["integer", "string"], "description": what })
        }
        what => json!({ "type": ["string", "number"], "description": what }),
    })
}

/// The words of a field that is one of a few.
fn words(field: &Json) -> Vec<String> {
    let words = field["enum"].as_array().map_or(&[][..], Vec::as_slice);
    words
        .iter()
        .filter_map(Json::as_str)
        .map(String::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_tell_their_fields() {
        let schema = schema();
        let herd = &schema["else"]["else"]["else"]["properties"];
        let herd = if herd.is_null() {
            &schema["properties"]
        } else {
            herd
        };
        let queue = &herd["service"]["anyOf"][0]["properties"]["queue"];
        assert_eq!(queue["default"], 5_000, "{queue}");
        let policy = &herd["policy"]["additionalProperties"]["properties"];
        for field in [
            "attempts", "timeout", "retry_on", "backoff", "jitter", "budget",
        ] {
            assert!(policy.get(field).is_some(), "{field}");
        }
        let budget = &policy["budget"]["anyOf"][0]["properties"];
        for field in ["capacity", "ratio", "percent", "threshold", "max_tokens"] {
            assert!(budget.get(field).is_some(), "{field} in {budget}");
        }
        for field in ["budget", "hedge", "breaker", "throttle"] {
            let short = policy[field]["anyOf"][1]["type"].as_array();
            assert!(
                short.is_some_and(|types| types.contains(&"string".into())),
                "{field}"
            );
        }
        assert_eq!(policy["cap_after"]["enum"][2], "both");
    }
}
