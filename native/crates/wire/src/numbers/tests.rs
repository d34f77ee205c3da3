use super::*;
use crate::schema::{self, Message};

fn holds(message: &Message, names: &[(u32, &str)]) {
    for (number, name) in names {
        let field = message.field(*number).unwrap_or_else(|| panic!("{} has no field {number}", message.name));
        assert_eq!(field.name, *name, "{} {number}", message.name);
    }
}

#[test]
fn upper_levels_are_alike_in_all_signals() {
    for (entry, scope_name) in [
        (&schema::RESOURCE_SPANS, "scope_spans"),
        (&schema::RESOURCE_METRICS, "scope_metrics"),
        (&schema::RESOURCE_LOGS, "scope_logs"),
        (&schema::RESOURCE_PROFILES, "scope_profiles"),
    ] {
        holds(
            entry,
            &[
                (resource_entry::RESOURCE, "resource"),
                (resource_entry::SCOPES, scope_name),
                (resource_entry::SCHEMA_URL, "schema_url"),
            ],
        );
    }
    for (entry, record) in [
        (&schema::SCOPE_SPANS, "spans"),
        (&schema::SCOPE_METRICS, "metrics"),
        (&schema::SCOPE_LOGS, "log_records"),
        (&schema::SCOPE_PROFILES, "profiles"),
    ] {
        holds(
            entry,
            &[(scope_entry::SCOPE, "scope"), (scope_entry::RECORDS, record), (scope_entry::SCHEMA_URL, "schema_url")],
        );
    }
    for (request, resources) in [
        (&schema::EXPORT_TRACE_SERVICE_REQUEST, "resource_spans"),
        (&schema::EXPORT_METRICS_SERVICE_REQUEST, "resource_metrics"),
        (&schema::EXPORT_LOGS_SERVICE_REQUEST, "resource_logs"),
        (&schema::EXPORT_PROFILES_SERVICE_REQUEST, "resource_profiles"),
    ] {
        holds(request, &[(RESOURCES, resources)]);
    }
}

#[test]
fn common_messages_match_the_schema() {
    holds(
        &schema::RESOURCE,
        &[(resource::ATTRIBUTES, "attributes"), (resource::DROPPED_ATTRIBUTES_COUNT, "dropped_attributes_count")],
    );
    holds(
        &schema::INSTRUMENTATION_SCOPE,
        &[
            (scope::NAME, "name"),
            (scope::VERSION, "version"),
            (scope::ATTRIBUTES, "attributes"),
            (scope::DROPPED_ATTRIBUTES_COUNT, "dropped_attributes_count"),
        ],
    );
    holds(&schema::KEY_VALUE, &[(key_value::KEY, "key"), (key_value::VALUE, "value")]);
    holds(
        &schema::ANY_VALUE,
        &[
            (any_value::STRING, "string_value"),
            (any_value::BOOL, "bool_value"),
            (any_value::INT, "int_value"),
            (any_value::DOUBLE, "double_value"),
            (any_value::ARRAY, "array_value"),
            (any_value::KVLIST, "kvlist_value"),
            (any_value::BYTES, "bytes_value"),
            (any_value::STRING_STRINDEX, "string_value_strindex"),
        ],
    );
    holds(&schema::ARRAY_VALUE, &[(list::VALUES, "values")]);
    holds(&schema::KEY_VALUE_LIST, &[(list::VALUES, "values")]);
}

#[test]
fn span_log_and_profile_numbers_match_the_schema() {
    holds(
        &schema::SPAN,
        &[
            (span::TRACE_ID, "trace_id"),
            (span::SPAN_ID, "span_id"),
            (span::TRACE_STATE, "trace_state"),
            (span::PARENT_SPAN_ID, "parent_span_id"),
            (span::NAME, "name"),
            (span::KIND, "kind"),
            (span::START_TIME, "start_time_unix_nano"),
            (span::END_TIME, "end_time_unix_nano"),
            (span::ATTRIBUTES, "attributes"),
            (span::EVENTS, "events"),
            (span::LINKS, "links"),
            (span::STATUS, "status"),
            (span::FLAGS, "flags"),
        ],
    );
    holds(&schema::STATUS, &[(status::MESSAGE, "message"), (status::CODE, "code")]);
    holds(
        &schema::LOG_RECORD,
        &[
            (log::TIME, "time_unix_nano"),
            (log::SEVERITY_NUMBER, "severity_number"),
            (log::SEVERITY_TEXT, "severity_text"),
            (log::BODY, "body"),
            (log::ATTRIBUTES, "attributes"),
            (log::FLAGS, "flags"),
            (log::TRACE_ID, "trace_id"),
            (log::SPAN_ID, "span_id"),
            (log::OBSERVED_TIME, "observed_time_unix_nano"),
            (log::EVENT_NAME, "event_name"),
        ],
    );
    holds(&schema::PROFILE, &[(profile::SAMPLES, "samples"), (profile::PROFILE_ID, "profile_id")]);
}

#[test]
fn metric_numbers_match_the_schema() {
    holds(
        &schema::METRIC,
        &[
            (metric::NAME, "name"),
            (metric::DESCRIPTION, "description"),
            (metric::UNIT, "unit"),
            (metric::GAUGE, "gauge"),
            (metric::SUM, "sum"),
            (metric::HISTOGRAM, "histogram"),
            (metric::EXPONENTIAL_HISTOGRAM, "exponential_histogram"),
            (metric::SUMMARY, "summary"),
            (metric::METADATA, "metadata"),
        ],
    );
    for kind in [&schema::GAUGE, &schema::SUM, &schema::HISTOGRAM, &schema::EXPONENTIAL_HISTOGRAM, &schema::SUMMARY] {
        holds(kind, &[(data::POINTS, "data_points")]);
    }
    for kind in [&schema::SUM, &schema::HISTOGRAM, &schema::EXPONENTIAL_HISTOGRAM] {
        holds(kind, &[(data::TEMPORALITY, "aggregation_temporality")]);
    }
    holds(&schema::SUM, &[(data::IS_MONOTONIC, "is_monotonic")]);
}

#[test]
fn point_numbers_match_the_schema() {
    let number = &schema::NUMBER_DATA_POINT;
    let histogram = &schema::HISTOGRAM_DATA_POINT;
    let exponential = &schema::EXPONENTIAL_HISTOGRAM_DATA_POINT;
    let summary = &schema::SUMMARY_DATA_POINT;
    for kind in [number, histogram, exponential, summary] {
        holds(kind, &[(point::START_TIME, "start_time_unix_nano"), (point::TIME, "time_unix_nano")]);
    }
    for kind in [histogram, exponential, summary] {
        holds(kind, &[(point::COUNT, "count"), (point::SUM, "sum")]);
    }
    holds(
        number,
        &[
            (number_point::AS_DOUBLE, "as_double"),
            (number_point::AS_INT, "as_int"),
            (number_point::ATTRIBUTES, "attributes"),
            (number_point::FLAGS, "flags"),
        ],
    );
    holds(
        histogram,
        &[
            (histogram_point::BUCKET_COUNTS, "bucket_counts"),
            (histogram_point::EXPLICIT_BOUNDS, "explicit_bounds"),
            (histogram_point::ATTRIBUTES, "attributes"),
            (histogram_point::FLAGS, "flags"),
            (histogram_point::MIN, "min"),
            (histogram_point::MAX, "max"),
        ],
    );
    holds(
        exponential,
        &[
            (exponential_point::ATTRIBUTES, "attributes"),
            (exponential_point::SCALE, "scale"),
            (exponential_point::ZERO_COUNT, "zero_count"),
            (exponential_point::POSITIVE, "positive"),
            (exponential_point::NEGATIVE, "negative"),
            (exponential_point::FLAGS, "flags"),
            (exponential_point::MIN, "min"),
            (exponential_point::MAX, "max"),
            (exponential_point::ZERO_THRESHOLD, "zero_threshold"),
        ],
    );
    holds(
        summary,
        &[
            (summary_point::QUANTILES, "quantile_values"),
            (summary_point::ATTRIBUTES, "attributes"),
            (summary_point::FLAGS, "flags"),
        ],
    );
}
