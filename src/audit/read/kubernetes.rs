//! Objects of Kubernetes: which reader takes which, and who calls whom by their environment.

use super::argo;
use super::compose::addresses;
use super::dapr;
use super::format::Document;
use super::gateway;
use super::istio;
use super::leases;
use super::linkerd;
use super::nginx;
use super::tree::At;
use crate::audit::site::{Backend, Edge, Reading};

/// Whether the document is one of Kubernetes.
pub fn read(document: &Document, reading: &mut Reading) -> bool {
    object(document.at, reading)
}

fn object(at: At, reading: &mut Reading) -> bool {
    let (Some(version), Some(kind)) = (
        at.get("apiVersion").and_then(|v| v.text()),
        at.get("kind").and_then(|k| k.text()),
    ) else {
        return false;
    };
    if let Some(items) = at.get("items").filter(|_| kind.ends_with("List")) {
        items.items().for_each(|item| {
            object(item, reading);
        });
        return true;
    }
    let group = version.split('/').next().unwrap_or("");
    let name = at
        .path(&["metadata", "name"])
        .and_then(|n| n.text())
        .unwrap_or("");
    match (group, kind) {
        ("networking.istio.io", "VirtualService") => istio::virtual_service(at, name, reading),
        ("networking.istio.io", "DestinationRule") => istio::destination_rule(at, reading),
        ("gateway.networking.k8s.io", "HTTPRoute") => gateway::route(at, name, reading),
        ("gateway.networking.x-k8s.io", "XBackendTrafficPolicy" | "BackendTrafficPolicy") => {
            gateway::constraint(at, reading);
        }
        ("gateway.envoyproxy.io", "BackendTrafficPolicy") => {
            gateway::envoy_gateway(at, name, reading)
        }
        ("dapr.io", "Resiliency") => dapr::read(at, reading),
        (
            "argoproj.io",
            "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow",
        ) => argo::read(at, kind, name, reading),
        ("networking.k8s.io" | "extensions", "Ingress") => nginx::ingress(at, name, reading),
        ("linkerd.io", "ServiceProfile") => linkerd::profile(at, name, reading),
        (
            _,
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Pod" | "Job" | "CronJob"
            | "Rollout",
        ) => {
            workload(at, kind, name, reading);
        }
        (_, "Service") if !name.is_empty() => {
            reading.services.push((name.to_string(), None));
        }
        _ => {}
    }
    leases::read(
        at,
        kind.ends_with("Configuration") || kind.ends_with("Config"),
        reading,
    );
    // Annotations stand on Services and routes.
    linkerd::annotations(at, kind, name, reading);
    true
}

/// The addresses in the environment of a workload's containers.
fn workload(at: At, kind: &str, name: &str, reading: &mut Reading) {
    let spec = match kind {
        "Pod" => at.get("spec"),
        "CronJob" => at.path(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => at.path(&["spec", "template", "spec"]),
    };
    let containers = spec.and_then(|s| s.get("containers"));
    let containers = containers.into_iter().flat_map(At::items);
    // A name that is a template is nobody's in the graph.
    let named = !name.is_empty();
    if named {
        reading.services.push((name.to_string(), None));
        if let Some(replicas) = at.path(&["spec", "replicas"])
            && !matches!(kind, "Pod" | "Job" | "CronJob")
        {
            reading.backends.push(Backend {
                hosts: Some(replicas.count()),
                ..Backend::new(name)
            });
        }
    }
    for container in containers {
        let own = container.get("name").and_then(|n| n.text());
        leases::flags(
            container,
            if named { name } else { own.unwrap_or(kind) },
            reading,
        );
        if !named {
            continue;
        }
        let Some(env) = container.get("env") else {
            continue;
        };
        for entry in env.items() {
            let Some(value) = entry.get("value") else {
                continue;
            };
            for host in value.text().map(addresses).unwrap_or_default() {
                reading.edges.push(Edge {
                    from: name.to_string(),
                    to: host,
                    how: "kubernetes environment",
                    weak: false,
                    place: value.place(),
                });
            }
        }
    }
}
