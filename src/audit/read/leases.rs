//! Leader elections of Kubernetes in configuration: blocks and flags.
//!
//! Sources: kubernetes/component-base `config/v1alpha1/defaults.go`,
//! kubernetes-sigs/controller-runtime `pkg/manager/manager.go`.

use herdsim_core::units::Nanos;

use super::tree::At;
use super::units::with_unit;
use crate::audit::site::{Decision, Known, Lease, Reading, Site};

/// Blocks that say at least two of the three times by their names; of a component of Kubernetes
/// (`ours`) the third is client-go's default, elsewhere its program's.
pub fn read(at: At, ours: bool, reading: &mut Reading) {
    let mut found = Vec::new();
    let is = |at: At| {
        let has = |name: &str| {
            let said = at.find(name).is_some_and(|v| v.as_scalar().is_some());
            usize::from(said)
        };
        at.is_map() && has("leaseDuration") + has("renewDeadline") + has("retryPeriod") > 1
    };
    at.search(&mut |at| is(at), &mut found);
    for at in found {
        let off = ["leaderElect", "enabled"]
            .into_iter()
            .any(|name| at.find(name).and_then(|v| v.bool()) == Some(false));
        if !off {
            let get = |name: &str| at.find(name);
            let place = if at.key.is_some() {
                at.whole()
            } else {
                at.place()
            };
            reading.sites.push(site(
                place,
                at.name(),
                [
                    get("leaseDuration"),
                    get("renewDeadline"),
                    get("retryPeriod"),
                ],
                ours,
            ));
        }
    }
}

fn site(
    place: herdsim_core::scenario::Place,
    name: &str,
    times: [Option<At>; 3],
    ours: bool,
) -> Site {
    let time = |at: Option<At>, default: u64| match at {
        Some(at) => at.known("duration", with_unit),
        None if !ours => Known::unresolved(Some(place.clone()), "its program's default"),
        None => Known::default(Nanos::from_secs(default), "client-go's default"),
    };
    let [ttl, deadline, renew] = times;
    let lease = Lease {
        ttl: time(ttl, 15).map(Some),
        deadline: Some(time(deadline, 10)),
        renew: Some(time(renew, 2)),
        bare_write: None,
    };
    Site::new("leader-election", place, name, Decision::Lease(lease))
}

/// `--leader-elect-lease-duration=30s` among the arguments of a container.
pub fn flags(container: At, name: &str, reading: &mut Reading) {
    let lists = ["args", "command"]
        .into_iter()
        .filter_map(|n| container.get(n));
    let items: Vec<At> = lists.flat_map(At::items).collect();
    let flag = |end: &str| {
        items.iter().enumerate().find_map(|(at, item)| {
            let text = item.text()?;
            let rest = text.strip_prefix("--leader-elect")?;
            let rest = rest.strip_prefix("ion").unwrap_or(rest).strip_prefix('-')?;
            let rest = rest.strip_prefix(end)?;
            match rest.strip_prefix('=') {
                Some(value) => Some((*item, value.to_string())),
                None if rest.is_empty() => {
                    let next = items.get(at + 1)?;
                    Some((*next, next.text()?.to_string()))
                }
                None => None,
            }
        })
    };
    if items.iter().any(|i| {
        matches!(
            i.text(),
            Some("--leader-elect=false" | "--leader-election=false")
        )
    }) {
        return;
    }
    let all = ["lease-duration", "renew-deadline", "retry-period"].map(flag);
    let Some((first, _)) = all.iter().flatten().next() else {
        return;
    };
    // cert-manager's are its own.
    let longer = name.contains("cert-manager");
    let defaults: [u64; 3] = if longer { [60, 40, 15] } else { [15, 10, 2] };
    let place = first.place();
    let known = |at: usize| match &all[at] {
        Some((item, text)) => match with_unit(text) {
            Some(time) => Known::read(time, item.place()),
            None => Known::unresolved(Some(item.place()), "it is no duration"),
        },
        None => Known::default(Nanos::from_secs(defaults[at]), "its default"),
    };
    let lease = Lease {
        ttl: known(0).map(Some),
        deadline: Some(known(1)),
        renew: Some(known(2)),
        bare_write: None,
    };
    let decision = Decision::Lease(lease);
    reading
        .sites
        .push(Site::new("leader-election", place, name, decision));
}
