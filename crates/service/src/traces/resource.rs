//! Who tells of spans.

use opentelemetry::Key;
use opentelemetry_sdk::Resource;

const SERVICE_NAME: Key = Key::from_static_str("service.name");
/// How the name begins that the SDK makes up where the environment has none.
const UNKNOWN: &str = "unknown_service";

/// What the environment says of the program (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`), and its own name where that has none.
pub(super) fn of(program: &'static str) -> Resource {
    let said = Resource::builder().build();
    let unnamed = said.get(&SERVICE_NAME).is_none_or(|name| name.as_str().starts_with(UNKNOWN));
    let mut resource = Resource::builder();
    if unnamed {
        resource = resource.with_service_name(program);
    }
    if said.get(&Key::from_static_str("service.version")).is_none() {
        resource = resource
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    }
    resource.build()
}
