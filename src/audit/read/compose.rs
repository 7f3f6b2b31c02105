//! Compose files: services, and who calls whom by their environment.

use herdsim_core::input;

use super::format::Document;
use super::tree::At;
use crate::audit::site::{Backend, Edge, Reading};

/// Whether the document is a compose file.
pub fn read(document: &Document, reading: &mut Reading) -> bool {
    let Some(services) = document.at.get("services").filter(At::is_map) else {
        return false;
    };
    let stem = document
        .path
        .file_name()
        .map(|n| n.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let named = stem.contains("compose");
    let runs = |service: At| {
        [
            "image",
            "build",
            "environment",
            "depends_on",
            "extends",
            "env_file",
        ]
        .iter()
        .any(|key| service.get(key).is_some())
    };
    if !named && !services.entries().all(runs) {
        return false;
    }
    let variables = variables(document.path);
    let mut stated = Vec::new();
    for service in services.entries() {
        let name = service.name().to_string();
        reading
            .services
            .push((name.clone(), directory(document, service)));
        let replicas = service.path(&["deploy", "replicas"]);
        if let Some(replicas) = replicas.or_else(|| service.get("scale")) {
            reading.backends.push(Backend {
                hosts: Some(replicas.count()),
                ..Backend::new(&name)
            });
        }
        if let Some(environment) = service.get("environment") {
            let values = environment.entries().chain(environment.items());
            for value in values {
                let text = value.text().map(|text| filled(text, &variables));
                for host in text.as_deref().map(addresses).unwrap_or_default() {
                    stated.push((name.clone(), host.clone()));
                    reading.edges.push(Edge {
                        from: name.clone(),
                        to: host,
                        how: "compose environment",
                        weak: false,
                        place: value.place(),
                    });
                }
            }
        }
        if let Some(depends) = service.get("depends_on") {
            let named = depends
                .entries()
                .map(|e| (e.name().to_string(), e.key_place()));
            let listed = depends
                .items()
                .filter_map(|i| Some((i.text()?.to_string(), i.place())));
            let all: Vec<_> = named.chain(listed).collect();
            for (to, place) in all {
                let said = stated
                    .iter()
                    .any(|(from, host)| *from == name && *host == to);
                if !said {
                    reading.edges.push(Edge {
                        from: name.clone(),
                        to,
                        how: "compose depends_on",
                        weak: true,
                        place,
                    });
                }
            }
        }
    }
    true
}

/// What `.env` beside a compose file sets.
fn variables(path: &std::path::Path) -> Vec<(String, String)> {
    let file = path.with_file_name(".env");
    let text = std::fs::metadata(&file)
        .ok()
        .filter(|meta| meta.len() < 1_000_000)
        .and_then(|_| input::text(&file).ok());
    let groups = super::lines::ini(&text.unwrap_or_default());
    let lines = groups.into_iter().flat_map(|group| group.lines);
    lines.map(|line| (line.key.text, line.value)).collect()
}

/// A value with its variables filled in; `NAME` alone is what `.env` says of it.
fn filled(text: &str, variables: &[(String, String)]) -> String {
    let get = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    };
    if let Some(value) = get(text) {
        return value.to_string();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let Some(end) = rest[at..].find('}') else {
            break;
        };
        let name = &rest[at + 2..at + end];
        let (name, default) = name.split_once(":-").unwrap_or((name, ""));
        out.push_str(&rest[..at]);
        out.push_str(get(name).unwrap_or(default));
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    out
}

/// The directory that a service is built from, from where the file is.
fn directory(document: &Document, service: At) -> Option<String> {
    let build = service.get("build")?;
    let context = build.text().or_else(|| build.get("context")?.text())?;
    let base = std::path::Path::new(&document.at.source.name)
        .parent()
        .unwrap_or(std::path::Path::new(""));
    let joined = base.join(context.trim_start_matches("./"));
    Some(joined.to_string_lossy().replace('\\', "/"))
}

/// The hosts of a value: `http://orders:8080/x`, `orders:8080`, `mongodb://a:1,b:2/x`; what
/// calls nobody is left out.
pub fn addresses(value: &str) -> Vec<String> {
    let value = value.trim().trim_matches(['"', '\'']);
    // NAME=value
    let value = match value.split_once('=') {
        Some((name, rest))
            if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
        {
            rest.trim_matches(['"', '\''])
        }
        _ => value,
    };
    let value = value.strip_prefix("jdbc:").unwrap_or(value);
    let (scheme, rest) = match value.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, value),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let authority = authority.rsplit('@').next().unwrap_or("");
    let mut hosts = Vec::new();
    for part in authority.split(',') {
        let (host, port) = match part.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (part, None),
        };
        let numbered = port.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        let word = host.starts_with(|c: char| c.is_ascii_alphabetic())
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        if word && (scheme || numbered) && host != "localhost" {
            hosts.push(host.to_string());
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn hosts_of_values() {
        for (value, hosts) in [
            ("http://orders:8080/x", vec!["orders"]),
            ("PAYMENTS=payments:50051", vec!["payments"]),
            ("mongodb://a:27017,b:27017/app?x=1", vec!["a", "b"]),
            ("amqp://guest:guest@rabbit:5672/%2f", vec!["rabbit"]),
            ("jdbc:postgresql://database:5432/app", vec!["database"]),
            ("09:00", vec![]),
            ("info", vec![]),
            ("localhost:9000", vec![]),
            ("127.0.0.1:80", vec![]),
        ] {
            assert_eq!(addresses(value), hosts, "{value}");
        }
    }
}
