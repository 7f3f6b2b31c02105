//! Readers: what a file is, and the sites in it.

mod argo;
mod asl;
pub mod aws;
mod cloudformation;
pub mod code;
pub mod compose;
mod cql;
mod dapr;
pub mod envoy;
mod format;
pub mod gateway;
pub mod grpc;
mod haproxy;
mod hcl;
pub mod herdsim;
pub mod istio;
pub mod json;
pub mod kafka;
pub mod kubernetes;
mod leases;
pub mod lines;
pub mod linkerd;
mod mongo;
mod nginx;
pub mod prefilter;
mod queues;
pub mod quorum;
pub mod spring;
pub mod template;
mod terraform;
pub mod tree;
pub mod units;
mod words;
pub mod yaml;

use std::path::Path;
use std::sync::Arc;

use herdsim_core::scenario::{Place, Source};

use self::code::project::Project;
pub use self::format::{Document, Format};
use self::template::Masked;
use self::tree::{At, Node};
use super::site::{Aside, NotRead, Reading, line};

/// Reads a file that is no code.
pub fn document(path: &Path, format: Format, source: &Arc<Source>, reading: &mut Reading) {
    let text = source.text.as_str();
    let masked = match format {
        Format::Yaml | Format::Json => Masked::of(text),
        _ => Masked::plain(text),
    };
    let mut roots: Vec<Arc<Node>> = Vec::new();
    let mut broken: Vec<tree::Broken> = Vec::new();
    match format {
        Format::Yaml => {
            let (mut documents, mut errors) = yaml::documents(&masked);
            // Templates within texts may be valid as they stand.
            if !errors.is_empty() && masked.has_templates() {
                let (open, fewer) = yaml::documents(&masked.open(text));
                if fewer.len() < errors.len() {
                    (documents, errors) = (open, fewer);
                }
            }
            roots.extend(documents);
            broken.extend(errors);
        }
        Format::Json => match json::document(&masked) {
            Ok(root) => roots.extend(root),
            Err(error) => broken.push(error),
        },
        Format::Toml => match herdsim::toml(source) {
            Ok(root) => roots.push(root),
            Err(error) => broken.push(error),
        },
        Format::Properties => {
            // Documents are parted by `#---` (Spring Boot).
            for part in lines::documents(&lines::properties(text), text) {
                roots.push(Arc::new(lines::nested(&part)));
            }
            kafka::properties(source, &lines::properties(text), reading);
        }
        Format::Ini | Format::Env => {
            aws::read(source, format, reading);
            mongo::everywhere(source, reading);
        }
        Format::Terraform => {
            if let Err(error) = terraform::read(path, source, reading) {
                broken.push(error);
            }
        }
        Format::Haproxy => haproxy::read(source, reading),
        Format::Conf => {
            nginx::read(source, reading);
            cql::driver(source, reading);
        }
        Format::Cql => cql::keyspaces(source, text, 0, reading),
        _ => {}
    }
    for error in broken {
        // Some count in bytes, and end within a letter.
        let at = (0..=error.at.min(text.len())).rfind(|at| text.is_char_boundary(*at));
        let at = at.unwrap_or(0);
        let place = Place {
            source: source.clone(),
            span: at..at,
        };
        let before = &text[..at];
        let column = before.len() - before.rfind('\n').map_or(0, |n| n + 1) + 1;
        reading.not_read.push(NotRead {
            file: source.name.clone(),
            line: Some(line(&place)),
            reason: format!("column {column}: {}", error.reason),
        });
    }
    let mut spring = spring::Spring::default();
    for root in &roots {
        let document = Document {
            path,
            format,
            at: At::root(source, root),
        };
        if !(kubernetes::read(&document, reading)
            || compose::read(&document, reading)
            || cloudformation::read(&document, reading))
        {
            leases::read(document.at, false, reading);
            envoy::read(&document, reading);
            grpc::read(&document, reading);
            spring.read(&document, reading);
        }
        machines(&document, reading);
        cql::spring(document.at, reading);
        mongo::document(document.at, reading);
        quorum::read(&document, reading);
        if format == Format::Toml {
            herdsim::read(&document, reading);
        }
    }
    if masked.has_templates() {
        templates(source, &roots, reading);
    }
}

/// State machines of Step Functions: a file of one, and those of the Serverless Framework.
fn machines(document: &Document, reading: &mut Reading) {
    if asl::is_machine(&document.at) {
        let stem = document.path.file_stem().and_then(|s| s.to_str());
        let name = stem.and_then(|s| s.split('.').next()).unwrap_or("");
        asl::machine(document.at, name, reading);
    }
    let all = document.at.path(&["stepFunctions", "stateMachines"]);
    for machine in all.into_iter().flat_map(At::entries) {
        if let Some(definition) = machine.get("definition") {
            asl::definition(definition, machine.name(), reading);
        }
    }
}

/// Values that are templates where a retry or a timeout is set.
fn templates(source: &Arc<Source>, roots: &[Arc<Node>], reading: &mut Reading) {
    for root in roots {
        let mut found = Vec::new();
        At::root(source, root).search(
            &mut |at| at.as_scalar().is_some_and(|scalar| scalar.template) && at.key.is_some(),
            &mut found,
        );
        for at in found {
            let name = at.name().to_lowercase();
            let speaks = ["retr", "attempt", "backoff", "pertry", "acks", "quorum"];
            let word = !name.contains(' ');
            if word && speaks.iter().any(|word| name.contains(word)) || name == "timeout" {
                reading.unresolved.push(Aside {
                    place: at.whole(),
                    text: format!("`{}` is a template", at.name()),
                });
            }
        }
    }
}

/// What one file says of another's values.
pub fn join(reading: &mut Reading) {
    cql::join(reading);
}

/// Reads a file of code.
pub fn code(project: &Project, path: &Path, source: &Arc<Source>, reading: &mut Reading) {
    // It is let go afterwards: only what others ask for is kept.
    match code::project::parse(path, source.clone()) {
        Some(file) => code::read(project, &file, reading),
        None => reading.not_read.push(NotRead {
            file: source.name.clone(),
            line: None,
            reason: "its grammar finds no end in it".to_string(),
        }),
    }
}
