//! Metrics are said once: the tables of `docs/model.md` come from their lists, and every
//! value of every shipped scenario lies in the domain of its metric.

use std::path::{Path, PathBuf};

use herdsim::run::{Context, Finished, simulate};
use herdsim_core::ensemble::quorum::{self, VERSIONS, VERSIONS_PBS, VISIBILITY};
use herdsim_core::ensemble::{Watch, Workers};
use herdsim_core::herd;
use herdsim_core::metric::{Better, Domain, Metric, Unit};
use herdsim_core::scenario::sweep::Grid;
use herdsim_core::scenario::{Job, JobKind, Overlay};
use herdsim_core::stats::Estimate;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A list of metrics as a table in Markdown.
fn table(metrics: &[Metric]) -> String {
    let mut out =
        "| metric | unit | domain | better | definition |\n|---|---|---|---|---|\n".to_string();
    for metric in metrics {
        let unit = match metric.unit {
            Unit::One | Unit::Percent | Unit::Chance => "",
            Unit::Seconds => "s",
            Unit::PerSecond => "1/s",
            Unit::Times => "×",
        };
        let better = match metric.better {
            Better::More => "more",
            Better::Less => "less",
            Better::Neither => "",
        };
        out += &format!(
            "| `{}` | {unit} | {} | {better} | {} |\n",
            metric.name,
            metric.domain.name(),
            metric.doc
        );
    }
    out
}

/// `UPDATE_DOCS=1 cargo test --test metrics` writes them anew.
#[test]
fn the_tables_of_metrics_are_those_of_the_lists() {
    let columns = |columns: Vec<herdsim_words::results::Column>| -> Vec<Metric> {
        columns.iter().map(|column| column.metric).collect()
    };
    let herd: Vec<Metric> = herd::METRICS.iter().map(|entry| entry.metric).collect();
    let mut settings: Vec<Metric> = quorum::METRICS.iter().map(|entry| entry.metric).collect();
    settings.extend([VISIBILITY, VERSIONS, VERSIONS_PBS]);
    let lists = [
        ("herd", herd),
        ("fence", columns(herdsim::study::fence::columns())),
        ("saga", columns(herdsim::study::saga::columns())),
        ("quorum", settings),
    ];
    let path = root().join("docs/model.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut made = text.clone();
    for (kind, metrics) in lists {
        let begin = format!("<!-- metrics of {kind}, from the code -->\n");
        let from = made.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
        let to = from + made[from..].find("<!-- end -->").unwrap();
        made.replace_range(from..to, &table(&metrics));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
        return;
    }
    assert!(
        made == text,
        "docs/model.md has other tables of metrics than the code"
    );
}

/// A shipped scenario, small; of a grid the scenario without its axes.
fn shipped(path: &Path) -> Job {
    let text = std::fs::read_to_string(path).unwrap();
    let mut overlay = Overlay::default();
    overlay.file(path.to_str().unwrap(), &text).unwrap();
    let is_trials = ["fence", "saga", "quorum"]
        .iter()
        .any(|kind| text.contains(&format!("kind = \"{kind}\"")));
    let size = if is_trials { "20_000" } else { "3" };
    overlay.set(&format!("run.replications={size}")).unwrap();
    match overlay.has_sweep() {
        true => Grid::from_overlay(overlay, JobKind::Herd, &[])
            .unwrap()
            .base()
            .unwrap(),
        false => Job::from_overlay(&overlay, JobKind::Herd).unwrap(),
    }
}

fn holds(what: &str, domain: Domain, e: Estimate) {
    for value in [e.mean, e.low, e.high] {
        assert_eq!(domain.refuses(value), None, "{what}: {value}");
    }
    let inside = e.mean.is_nan() || e.low.is_nan() || e.low <= e.mean && e.mean <= e.high;
    assert!(inside, "{what}: {} not in {} to {}", e.mean, e.low, e.high);
}

/// The values of single replications, where the kind leaves any.
fn replications_hold(what: &str, finished: &Finished) {
    let Some(file) = finished.files.iter().find(|f| f.name == "replications.csv") else {
        return;
    };
    let mut reader = csv::Reader::from_reader(&file.bytes[..]);
    let header = reader.headers().unwrap().clone();
    for record in reader.records() {
        for (name, text) in header.iter().zip(&record.unwrap()) {
            let Some(key) = herd::find(name) else {
                continue;
            };
            let value = text.parse().unwrap_or(f64::NAN);
            let domain = herd::METRICS[key.index()].metric.domain;
            assert_eq!(domain.refuses(value), None, "{what} {name}: {text}");
        }
    }
}

#[test]
fn every_value_of_every_shipped_scenario_lies_in_its_domain() {
    let workers = Workers::new(0).unwrap();
    let mut kinds = Vec::new();
    for entry in std::fs::read_dir(root().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // A system to audit.
        }
        let job = shipped(&path);
        let context = Context {
            workers: &workers,
            watch: Watch::default(),
            charts: false,
            before: None,
            measured: None,
        };
        let finished = simulate(&job, &context).unwrap();
        let what = path.file_stem().unwrap().to_str().unwrap();
        kinds.push(job.kind());
        let table = &finished.table;
        let mut known = 0;
        for row in &table.rows {
            assert_eq!(row.values.len(), table.columns.len());
            for (column, value) in table.columns.iter().zip(&row.values) {
                let place = format!("{what}, {}, {}", row.name, column.name);
                holds(&place, column.metric.domain, value.estimate);
                known += usize::from(!value.estimate.mean.is_nan());
            }
        }
        assert!(
            known > 5 * table.rows.len(),
            "{what}: {known} values are known"
        );
        replications_hold(what, &finished);
    }
    for kind in [
        JobKind::Herd,
        JobKind::Fence,
        JobKind::Saga,
        JobKind::Quorum,
    ] {
        assert!(kinds.contains(&kind), "no {kind:?} is shipped");
    }
}
