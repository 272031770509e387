//! The addresses of a project's webhook sources.

use ::push::Endpoint;
use settings::{Project, SourceKind};

/// Every stream that events can be sent to, with the folder that keeps them.
#[must_use]
pub fn endpoints(project: &Project) -> Vec<Endpoint> {
    let raw = project.environment.lake.join("raw");
    let mut endpoints = Vec::new();
    for source in &project.sources {
        let SourceKind::Webhook(streams) = &source.kind else {
            continue;
        };
        endpoints.extend(streams.iter().map(|stream| Endpoint {
            source: source.name.value.clone(),
            stream: stream.clone(),
            folder: ::push::folder(&raw, &source.name.value, &stream.name.value),
        }));
    }
    endpoints
}
