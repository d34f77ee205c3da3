//! Spans of HTTP servers and clients.

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::content::{Content, text};

pub fn resource_spans(content: &mut Content, items: usize) -> ResourceSpans {
    let (resource, scope) = (content.resource(), content.scope());
    let mut trace_id = content.id(16);
    let mut parent_span_id = Vec::new();
    let spans = (0..items)
        .map(|nth| {
            if nth % SPANS_A_TRACE == 0 {
                trace_id = content.id(16);
                parent_span_id = Vec::new();
            }
            let span = span(content, &trace_id, &parent_span_id);
            parent_span_id.clone_from(&span.span_id);
            span
        })
        .collect();
    ResourceSpans {
        resource,
        scope_spans: vec![ScopeSpans { scope, spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }
}

fn span(content: &mut Content, trace_id: &[u8], parent_span_id: &[u8]) -> Span {
    let route = content.route();
    let mut attributes = content.attributes(route);
    attributes.push(text("user_agent.original", content.pick(&USER_AGENTS)));
    let start_time_unix_nano = content.next_time();
    Span {
        trace_id: trace_id.to_vec(),
        span_id: content.id(8),
        parent_span_id: parent_span_id.to_vec(),
        flags: 0x101,
        name: format!("GET {route}"),
        kind: 2 + content.below(2) as i32,
        start_time_unix_nano,
        end_time_unix_nano: start_time_unix_nano + 1_000 + content.below(50_000_000),
        attributes,
        status: Some(Status { code: i32::from(content.below(20) == 0) * 2, ..Status::default() }),
        ..Span::default()
    }
}

const SPANS_A_TRACE: usize = 3;
const USER_AGENTS: [&str; 4] =
    ["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (Macintosh)", "okhttp/4.12.0", "shop/7.31 (iPhone; iOS 18.5)"];
