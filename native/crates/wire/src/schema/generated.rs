//! Generated from `proto/` by the example `generate-schema`. Do not edit; change the definitions instead.

use super::{EnumTable, Field, Kind, Message, Role};

/// Every message.
pub static ALL: &[&Message] = &[
    &EXPORT_LOGS_PARTIAL_SUCCESS,
    &EXPORT_LOGS_SERVICE_REQUEST,
    &EXPORT_LOGS_SERVICE_RESPONSE,
    &EXPORT_METRICS_PARTIAL_SUCCESS,
    &EXPORT_METRICS_SERVICE_REQUEST,
    &EXPORT_METRICS_SERVICE_RESPONSE,
    &EXPORT_PROFILES_PARTIAL_SUCCESS,
    &EXPORT_PROFILES_SERVICE_REQUEST,
    &EXPORT_PROFILES_SERVICE_RESPONSE,
    &EXPORT_TRACE_PARTIAL_SUCCESS,
    &EXPORT_TRACE_SERVICE_REQUEST,
    &EXPORT_TRACE_SERVICE_RESPONSE,
    &ANY_VALUE,
    &ARRAY_VALUE,
    &ENTITY_REF,
    &INSTRUMENTATION_SCOPE,
    &KEY_VALUE,
    &KEY_VALUE_LIST,
    &LOG_RECORD,
    &LOGS_DATA,
    &RESOURCE_LOGS,
    &SCOPE_LOGS,
    &EXEMPLAR,
    &EXPONENTIAL_HISTOGRAM,
    &EXPONENTIAL_HISTOGRAM_DATA_POINT,
    &EXPONENTIAL_HISTOGRAM_DATA_POINT_BUCKETS,
    &GAUGE,
    &HISTOGRAM,
    &HISTOGRAM_DATA_POINT,
    &METRIC,
    &METRICS_DATA,
    &NUMBER_DATA_POINT,
    &RESOURCE_METRICS,
    &SCOPE_METRICS,
    &SUM,
    &SUMMARY,
    &SUMMARY_DATA_POINT,
    &SUMMARY_DATA_POINT_VALUE_AT_QUANTILE,
    &FUNCTION,
    &KEY_VALUE_AND_UNIT,
    &LINE,
    &LINK,
    &LOCATION,
    &MAPPING,
    &PROFILE,
    &PROFILES_DATA,
    &PROFILES_DICTIONARY,
    &RESOURCE_PROFILES,
    &SAMPLE,
    &SCOPE_PROFILES,
    &STACK,
    &VALUE_TYPE,
    &RESOURCE,
    &RESOURCE_SPANS,
    &SCOPE_SPANS,
    &SPAN,
    &SPAN_EVENT,
    &SPAN_LINK,
    &STATUS,
    &TRACES_DATA,
];

/// `opentelemetry.proto.collector.logs.v1.ExportLogsPartialSuccess`
pub static EXPORT_LOGS_PARTIAL_SUCCESS: Message = Message::new(
    "opentelemetry.proto.collector.logs.v1.ExportLogsPartialSuccess",
    Role::Other,
    &[
        Field::new(1, "rejected_log_records", "rejectedLogRecords", Kind::Int64),
        Field::new(2, "error_message", "errorMessage", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest`
pub static EXPORT_LOGS_SERVICE_REQUEST: Message = Message::new(
    "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest",
    Role::Other,
    &[
        Field::new(1, "resource_logs", "resourceLogs", Kind::Message(&RESOURCE_LOGS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse`
pub static EXPORT_LOGS_SERVICE_RESPONSE: Message = Message::new(
    "opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse",
    Role::Other,
    &[
        Field::new(1, "partial_success", "partialSuccess", Kind::Message(&EXPORT_LOGS_PARTIAL_SUCCESS)),
    ],
    &[],
);

/// `opentelemetry.proto.collector.metrics.v1.ExportMetricsPartialSuccess`
pub static EXPORT_METRICS_PARTIAL_SUCCESS: Message = Message::new(
    "opentelemetry.proto.collector.metrics.v1.ExportMetricsPartialSuccess",
    Role::Other,
    &[
        Field::new(1, "rejected_data_points", "rejectedDataPoints", Kind::Int64),
        Field::new(2, "error_message", "errorMessage", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest`
pub static EXPORT_METRICS_SERVICE_REQUEST: Message = Message::new(
    "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
    Role::Other,
    &[
        Field::new(1, "resource_metrics", "resourceMetrics", Kind::Message(&RESOURCE_METRICS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse`
pub static EXPORT_METRICS_SERVICE_RESPONSE: Message = Message::new(
    "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse",
    Role::Other,
    &[
        Field::new(1, "partial_success", "partialSuccess", Kind::Message(&EXPORT_METRICS_PARTIAL_SUCCESS)),
    ],
    &[],
);

/// `opentelemetry.proto.collector.profiles.v1development.ExportProfilesPartialSuccess`
pub static EXPORT_PROFILES_PARTIAL_SUCCESS: Message = Message::new(
    "opentelemetry.proto.collector.profiles.v1development.ExportProfilesPartialSuccess",
    Role::Other,
    &[
        Field::new(1, "rejected_profiles", "rejectedProfiles", Kind::Int64),
        Field::new(2, "error_message", "errorMessage", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceRequest`
pub static EXPORT_PROFILES_SERVICE_REQUEST: Message = Message::new(
    "opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceRequest",
    Role::Other,
    &[
        Field::new(1, "resource_profiles", "resourceProfiles", Kind::Message(&RESOURCE_PROFILES)).repeated(),
        Field::new(2, "dictionary", "dictionary", Kind::Message(&PROFILES_DICTIONARY)),
    ],
    &[],
);

/// `opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceResponse`
pub static EXPORT_PROFILES_SERVICE_RESPONSE: Message = Message::new(
    "opentelemetry.proto.collector.profiles.v1development.ExportProfilesServiceResponse",
    Role::Other,
    &[
        Field::new(1, "partial_success", "partialSuccess", Kind::Message(&EXPORT_PROFILES_PARTIAL_SUCCESS)),
    ],
    &[],
);

/// `opentelemetry.proto.collector.trace.v1.ExportTracePartialSuccess`
pub static EXPORT_TRACE_PARTIAL_SUCCESS: Message = Message::new(
    "opentelemetry.proto.collector.trace.v1.ExportTracePartialSuccess",
    Role::Other,
    &[
        Field::new(1, "rejected_spans", "rejectedSpans", Kind::Int64),
        Field::new(2, "error_message", "errorMessage", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`
pub static EXPORT_TRACE_SERVICE_REQUEST: Message = Message::new(
    "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest",
    Role::Other,
    &[
        Field::new(1, "resource_spans", "resourceSpans", Kind::Message(&RESOURCE_SPANS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse`
pub static EXPORT_TRACE_SERVICE_RESPONSE: Message = Message::new(
    "opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse",
    Role::Other,
    &[
        Field::new(1, "partial_success", "partialSuccess", Kind::Message(&EXPORT_TRACE_PARTIAL_SUCCESS)),
    ],
    &[],
);

/// `opentelemetry.proto.common.v1.AnyValue`
pub static ANY_VALUE: Message = Message::new(
    "opentelemetry.proto.common.v1.AnyValue",
    Role::Value,
    &[
        Field::new(1, "string_value", "stringValue", Kind::String).oneof(0),
        Field::new(2, "bool_value", "boolValue", Kind::Bool).oneof(0),
        Field::new(3, "int_value", "intValue", Kind::Int64).oneof(0),
        Field::new(4, "double_value", "doubleValue", Kind::Double).oneof(0),
        Field::new(5, "array_value", "arrayValue", Kind::Message(&ARRAY_VALUE)).oneof(0),
        Field::new(6, "kvlist_value", "kvlistValue", Kind::Message(&KEY_VALUE_LIST)).oneof(0),
        Field::new(7, "bytes_value", "bytesValue", Kind::Bytes).oneof(0),
        Field::new(8, "string_value_strindex", "stringValueStrindex", Kind::Int32).oneof(0),
    ],
    &["value"],
);

/// `opentelemetry.proto.common.v1.ArrayValue`
pub static ARRAY_VALUE: Message = Message::new(
    "opentelemetry.proto.common.v1.ArrayValue",
    Role::Other,
    &[
        Field::new(1, "values", "values", Kind::Message(&ANY_VALUE)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.common.v1.EntityRef`
pub static ENTITY_REF: Message = Message::new(
    "opentelemetry.proto.common.v1.EntityRef",
    Role::Other,
    &[
        Field::new(1, "schema_url", "schemaUrl", Kind::String),
        Field::new(2, "type", "type", Kind::String),
        Field::new(3, "id_keys", "idKeys", Kind::String).repeated(),
        Field::new(4, "description_keys", "descriptionKeys", Kind::String).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.common.v1.InstrumentationScope`
pub static INSTRUMENTATION_SCOPE: Message = Message::new(
    "opentelemetry.proto.common.v1.InstrumentationScope",
    Role::Other,
    &[
        Field::new(1, "name", "name", Kind::String),
        Field::new(2, "version", "version", Kind::String),
        Field::new(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
    &[],
);

/// `opentelemetry.proto.common.v1.KeyValue`
pub static KEY_VALUE: Message = Message::new(
    "opentelemetry.proto.common.v1.KeyValue",
    Role::Other,
    &[
        Field::new(1, "key", "key", Kind::String),
        Field::new(2, "value", "value", Kind::Message(&ANY_VALUE)),
        Field::new(3, "key_strindex", "keyStrindex", Kind::Int32),
    ],
    &[],
);

/// `opentelemetry.proto.common.v1.KeyValueList`
pub static KEY_VALUE_LIST: Message = Message::new(
    "opentelemetry.proto.common.v1.KeyValueList",
    Role::Other,
    &[
        Field::new(1, "values", "values", Kind::Message(&KEY_VALUE)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.logs.v1.LogRecord`
pub static LOG_RECORD: Message = Message::new(
    "opentelemetry.proto.logs.v1.LogRecord",
    Role::Item,
    &[
        Field::new(1, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(2, "severity_number", "severityNumber", Kind::Enum(&SEVERITY_NUMBER)),
        Field::new(3, "severity_text", "severityText", Kind::String),
        Field::new(5, "body", "body", Kind::Message(&ANY_VALUE)),
        Field::new(6, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(7, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        Field::new(8, "flags", "flags", Kind::Fixed32),
        Field::new(9, "trace_id", "traceId", Kind::TraceId),
        Field::new(10, "span_id", "spanId", Kind::SpanId),
        Field::new(11, "observed_time_unix_nano", "observedTimeUnixNano", Kind::Fixed64),
        Field::new(12, "event_name", "eventName", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.logs.v1.LogsData`
pub static LOGS_DATA: Message = Message::new(
    "opentelemetry.proto.logs.v1.LogsData",
    Role::Other,
    &[
        Field::new(1, "resource_logs", "resourceLogs", Kind::Message(&RESOURCE_LOGS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.logs.v1.ResourceLogs`
pub static RESOURCE_LOGS: Message = Message::new(
    "opentelemetry.proto.logs.v1.ResourceLogs",
    Role::ResourceEntry,
    &[
        Field::new(1, "resource", "resource", Kind::Message(&RESOURCE)),
        Field::new(2, "scope_logs", "scopeLogs", Kind::Message(&SCOPE_LOGS)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.logs.v1.ScopeLogs`
pub static SCOPE_LOGS: Message = Message::new(
    "opentelemetry.proto.logs.v1.ScopeLogs",
    Role::ScopeEntry,
    &[
        Field::new(1, "scope", "scope", Kind::Message(&INSTRUMENTATION_SCOPE)),
        Field::new(2, "log_records", "logRecords", Kind::Message(&LOG_RECORD)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Exemplar`
pub static EXEMPLAR: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Exemplar",
    Role::Other,
    &[
        Field::new(2, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(3, "as_double", "asDouble", Kind::Double).oneof(0),
        Field::new(4, "span_id", "spanId", Kind::SpanId),
        Field::new(5, "trace_id", "traceId", Kind::TraceId),
        Field::new(6, "as_int", "asInt", Kind::Sfixed64).oneof(0),
        Field::new(7, "filtered_attributes", "filteredAttributes", Kind::Message(&KEY_VALUE)).repeated(),
    ],
    &["value"],
);

/// `opentelemetry.proto.metrics.v1.ExponentialHistogram`
pub static EXPONENTIAL_HISTOGRAM: Message = Message::new(
    "opentelemetry.proto.metrics.v1.ExponentialHistogram",
    Role::Other,
    &[
        Field::new(1, "data_points", "dataPoints", Kind::Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT)).repeated(),
        Field::new(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint`
pub static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = Message::new(
    "opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint",
    Role::Item,
    &[
        Field::new(1, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        Field::new(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(4, "count", "count", Kind::Fixed64),
        Field::new(5, "sum", "sum", Kind::Double).optional(),
        Field::new(6, "scale", "scale", Kind::Sint32),
        Field::new(7, "zero_count", "zeroCount", Kind::Fixed64),
        Field::new(8, "positive", "positive", Kind::Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT_BUCKETS)),
        Field::new(9, "negative", "negative", Kind::Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT_BUCKETS)),
        Field::new(10, "flags", "flags", Kind::Uint32),
        Field::new(11, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)).repeated(),
        Field::new(12, "min", "min", Kind::Double).optional(),
        Field::new(13, "max", "max", Kind::Double).optional(),
        Field::new(14, "zero_threshold", "zeroThreshold", Kind::Double),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint.Buckets`
pub static EXPONENTIAL_HISTOGRAM_DATA_POINT_BUCKETS: Message = Message::new(
    "opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint.Buckets",
    Role::Other,
    &[
        Field::new(1, "offset", "offset", Kind::Sint32),
        Field::new(2, "bucket_counts", "bucketCounts", Kind::Uint64).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Gauge`
pub static GAUGE: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Gauge",
    Role::Other,
    &[
        Field::new(1, "data_points", "dataPoints", Kind::Message(&NUMBER_DATA_POINT)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Histogram`
pub static HISTOGRAM: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Histogram",
    Role::Other,
    &[
        Field::new(1, "data_points", "dataPoints", Kind::Message(&HISTOGRAM_DATA_POINT)).repeated(),
        Field::new(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.HistogramDataPoint`
pub static HISTOGRAM_DATA_POINT: Message = Message::new(
    "opentelemetry.proto.metrics.v1.HistogramDataPoint",
    Role::Item,
    &[
        Field::new(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        Field::new(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(4, "count", "count", Kind::Fixed64),
        Field::new(5, "sum", "sum", Kind::Double).optional(),
        Field::new(6, "bucket_counts", "bucketCounts", Kind::Fixed64).repeated(),
        Field::new(7, "explicit_bounds", "explicitBounds", Kind::Double).repeated(),
        Field::new(8, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)).repeated(),
        Field::new(9, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(10, "flags", "flags", Kind::Uint32),
        Field::new(11, "min", "min", Kind::Double).optional(),
        Field::new(12, "max", "max", Kind::Double).optional(),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Metric`
pub static METRIC: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Metric",
    Role::Record,
    &[
        Field::new(1, "name", "name", Kind::String),
        Field::new(2, "description", "description", Kind::String),
        Field::new(3, "unit", "unit", Kind::String),
        Field::new(5, "gauge", "gauge", Kind::Message(&GAUGE)).oneof(0),
        Field::new(7, "sum", "sum", Kind::Message(&SUM)).oneof(0),
        Field::new(9, "histogram", "histogram", Kind::Message(&HISTOGRAM)).oneof(0),
        Field::new(10, "exponential_histogram", "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)).oneof(0),
        Field::new(11, "summary", "summary", Kind::Message(&SUMMARY)).oneof(0),
        Field::new(12, "metadata", "metadata", Kind::Message(&KEY_VALUE)).repeated(),
    ],
    &["data"],
);

/// `opentelemetry.proto.metrics.v1.MetricsData`
pub static METRICS_DATA: Message = Message::new(
    "opentelemetry.proto.metrics.v1.MetricsData",
    Role::Other,
    &[
        Field::new(1, "resource_metrics", "resourceMetrics", Kind::Message(&RESOURCE_METRICS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.NumberDataPoint`
pub static NUMBER_DATA_POINT: Message = Message::new(
    "opentelemetry.proto.metrics.v1.NumberDataPoint",
    Role::Item,
    &[
        Field::new(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        Field::new(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(4, "as_double", "asDouble", Kind::Double).oneof(0),
        Field::new(5, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)).repeated(),
        Field::new(6, "as_int", "asInt", Kind::Sfixed64).oneof(0),
        Field::new(7, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(8, "flags", "flags", Kind::Uint32),
    ],
    &["value"],
);

/// `opentelemetry.proto.metrics.v1.ResourceMetrics`
pub static RESOURCE_METRICS: Message = Message::new(
    "opentelemetry.proto.metrics.v1.ResourceMetrics",
    Role::ResourceEntry,
    &[
        Field::new(1, "resource", "resource", Kind::Message(&RESOURCE)),
        Field::new(2, "scope_metrics", "scopeMetrics", Kind::Message(&SCOPE_METRICS)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.ScopeMetrics`
pub static SCOPE_METRICS: Message = Message::new(
    "opentelemetry.proto.metrics.v1.ScopeMetrics",
    Role::ScopeEntry,
    &[
        Field::new(1, "scope", "scope", Kind::Message(&INSTRUMENTATION_SCOPE)),
        Field::new(2, "metrics", "metrics", Kind::Message(&METRIC)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Sum`
pub static SUM: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Sum",
    Role::Other,
    &[
        Field::new(1, "data_points", "dataPoints", Kind::Message(&NUMBER_DATA_POINT)).repeated(),
        Field::new(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
        Field::new(3, "is_monotonic", "isMonotonic", Kind::Bool),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.Summary`
pub static SUMMARY: Message = Message::new(
    "opentelemetry.proto.metrics.v1.Summary",
    Role::Other,
    &[
        Field::new(1, "data_points", "dataPoints", Kind::Message(&SUMMARY_DATA_POINT)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.SummaryDataPoint`
pub static SUMMARY_DATA_POINT: Message = Message::new(
    "opentelemetry.proto.metrics.v1.SummaryDataPoint",
    Role::Item,
    &[
        Field::new(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        Field::new(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(4, "count", "count", Kind::Fixed64),
        Field::new(5, "sum", "sum", Kind::Double),
        Field::new(6, "quantile_values", "quantileValues", Kind::Message(&SUMMARY_DATA_POINT_VALUE_AT_QUANTILE)).repeated(),
        Field::new(7, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(8, "flags", "flags", Kind::Uint32),
    ],
    &[],
);

/// `opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile`
pub static SUMMARY_DATA_POINT_VALUE_AT_QUANTILE: Message = Message::new(
    "opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile",
    Role::Other,
    &[
        Field::new(1, "quantile", "quantile", Kind::Double),
        Field::new(2, "value", "value", Kind::Double),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Function`
pub static FUNCTION: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Function",
    Role::Other,
    &[
        Field::new(1, "name_strindex", "nameStrindex", Kind::Int32),
        Field::new(2, "system_name_strindex", "systemNameStrindex", Kind::Int32),
        Field::new(3, "filename_strindex", "filenameStrindex", Kind::Int32),
        Field::new(4, "start_line", "startLine", Kind::Int64),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.KeyValueAndUnit`
pub static KEY_VALUE_AND_UNIT: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.KeyValueAndUnit",
    Role::Other,
    &[
        Field::new(1, "key_strindex", "keyStrindex", Kind::Int32),
        Field::new(2, "value", "value", Kind::Message(&ANY_VALUE)),
        Field::new(3, "unit_strindex", "unitStrindex", Kind::Int32),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Line`
pub static LINE: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Line",
    Role::Other,
    &[
        Field::new(1, "function_index", "functionIndex", Kind::Int32),
        Field::new(2, "line", "line", Kind::Int64),
        Field::new(3, "column", "column", Kind::Int64),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Link`
pub static LINK: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Link",
    Role::Other,
    &[
        Field::new(1, "trace_id", "traceId", Kind::TraceId),
        Field::new(2, "span_id", "spanId", Kind::SpanId),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Location`
pub static LOCATION: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Location",
    Role::Other,
    &[
        Field::new(1, "mapping_index", "mappingIndex", Kind::Int32),
        Field::new(2, "address", "address", Kind::Uint64),
        Field::new(3, "lines", "lines", Kind::Message(&LINE)).repeated(),
        Field::new(4, "attribute_indices", "attributeIndices", Kind::Int32).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Mapping`
pub static MAPPING: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Mapping",
    Role::Other,
    &[
        Field::new(1, "memory_start", "memoryStart", Kind::Uint64),
        Field::new(2, "memory_limit", "memoryLimit", Kind::Uint64),
        Field::new(3, "file_offset", "fileOffset", Kind::Uint64),
        Field::new(4, "filename_strindex", "filenameStrindex", Kind::Int32),
        Field::new(5, "attribute_indices", "attributeIndices", Kind::Int32).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Profile`
pub static PROFILE: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Profile",
    Role::Record,
    &[
        Field::new(1, "sample_type", "sampleType", Kind::Message(&VALUE_TYPE)),
        Field::new(2, "samples", "samples", Kind::Message(&SAMPLE)).repeated(),
        Field::new(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(4, "duration_nano", "durationNano", Kind::Uint64),
        Field::new(5, "period_type", "periodType", Kind::Message(&VALUE_TYPE)),
        Field::new(6, "period", "period", Kind::Int64),
        Field::new(7, "profile_id", "profileId", Kind::ProfileId),
        Field::new(8, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        Field::new(9, "original_payload_format", "originalPayloadFormat", Kind::String),
        Field::new(10, "original_payload", "originalPayload", Kind::Bytes),
        Field::new(11, "attribute_indices", "attributeIndices", Kind::Int32).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.ProfilesData`
pub static PROFILES_DATA: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.ProfilesData",
    Role::Other,
    &[
        Field::new(1, "resource_profiles", "resourceProfiles", Kind::Message(&RESOURCE_PROFILES)).repeated(),
        Field::new(2, "dictionary", "dictionary", Kind::Message(&PROFILES_DICTIONARY)),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.ProfilesDictionary`
pub static PROFILES_DICTIONARY: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.ProfilesDictionary",
    Role::Other,
    &[
        Field::new(1, "mapping_table", "mappingTable", Kind::Message(&MAPPING)).repeated(),
        Field::new(2, "location_table", "locationTable", Kind::Message(&LOCATION)).repeated(),
        Field::new(3, "function_table", "functionTable", Kind::Message(&FUNCTION)).repeated(),
        Field::new(4, "link_table", "linkTable", Kind::Message(&LINK)).repeated(),
        Field::new(5, "string_table", "stringTable", Kind::String).repeated(),
        Field::new(6, "attribute_table", "attributeTable", Kind::Message(&KEY_VALUE_AND_UNIT)).repeated(),
        Field::new(7, "stack_table", "stackTable", Kind::Message(&STACK)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.ResourceProfiles`
pub static RESOURCE_PROFILES: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.ResourceProfiles",
    Role::ResourceEntry,
    &[
        Field::new(1, "resource", "resource", Kind::Message(&RESOURCE)),
        Field::new(2, "scope_profiles", "scopeProfiles", Kind::Message(&SCOPE_PROFILES)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Sample`
pub static SAMPLE: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Sample",
    Role::Item,
    &[
        Field::new(1, "stack_index", "stackIndex", Kind::Int32),
        Field::new(2, "attribute_indices", "attributeIndices", Kind::Int32).repeated(),
        Field::new(3, "link_index", "linkIndex", Kind::Int32),
        Field::new(4, "values", "values", Kind::Int64).repeated(),
        Field::new(5, "timestamps_unix_nano", "timestampsUnixNano", Kind::Fixed64).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.ScopeProfiles`
pub static SCOPE_PROFILES: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.ScopeProfiles",
    Role::ScopeEntry,
    &[
        Field::new(1, "scope", "scope", Kind::Message(&INSTRUMENTATION_SCOPE)),
        Field::new(2, "profiles", "profiles", Kind::Message(&PROFILE)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.Stack`
pub static STACK: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.Stack",
    Role::Other,
    &[
        Field::new(1, "location_indices", "locationIndices", Kind::Int32).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.profiles.v1development.ValueType`
pub static VALUE_TYPE: Message = Message::new(
    "opentelemetry.proto.profiles.v1development.ValueType",
    Role::Other,
    &[
        Field::new(1, "type_strindex", "typeStrindex", Kind::Int32),
        Field::new(2, "unit_strindex", "unitStrindex", Kind::Int32),
    ],
    &[],
);

/// `opentelemetry.proto.resource.v1.Resource`
pub static RESOURCE: Message = Message::new(
    "opentelemetry.proto.resource.v1.Resource",
    Role::Other,
    &[
        Field::new(1, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(2, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        Field::new(3, "entity_refs", "entityRefs", Kind::Message(&ENTITY_REF)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.ResourceSpans`
pub static RESOURCE_SPANS: Message = Message::new(
    "opentelemetry.proto.trace.v1.ResourceSpans",
    Role::ResourceEntry,
    &[
        Field::new(1, "resource", "resource", Kind::Message(&RESOURCE)),
        Field::new(2, "scope_spans", "scopeSpans", Kind::Message(&SCOPE_SPANS)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.ScopeSpans`
pub static SCOPE_SPANS: Message = Message::new(
    "opentelemetry.proto.trace.v1.ScopeSpans",
    Role::ScopeEntry,
    &[
        Field::new(1, "scope", "scope", Kind::Message(&INSTRUMENTATION_SCOPE)),
        Field::new(2, "spans", "spans", Kind::Message(&SPAN)).repeated(),
        Field::new(3, "schema_url", "schemaUrl", Kind::String),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.Span`
pub static SPAN: Message = Message::new(
    "opentelemetry.proto.trace.v1.Span",
    Role::Item,
    &[
        Field::new(1, "trace_id", "traceId", Kind::TraceId),
        Field::new(2, "span_id", "spanId", Kind::SpanId),
        Field::new(3, "trace_state", "traceState", Kind::String),
        Field::new(4, "parent_span_id", "parentSpanId", Kind::SpanId),
        Field::new(5, "name", "name", Kind::String),
        Field::new(6, "kind", "kind", Kind::Enum(&SPAN_SPAN_KIND)),
        Field::new(7, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        Field::new(8, "end_time_unix_nano", "endTimeUnixNano", Kind::Fixed64),
        Field::new(9, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(10, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        Field::new(11, "events", "events", Kind::Message(&SPAN_EVENT)).repeated(),
        Field::new(12, "dropped_events_count", "droppedEventsCount", Kind::Uint32),
        Field::new(13, "links", "links", Kind::Message(&SPAN_LINK)).repeated(),
        Field::new(14, "dropped_links_count", "droppedLinksCount", Kind::Uint32),
        Field::new(15, "status", "status", Kind::Message(&STATUS)),
        Field::new(16, "flags", "flags", Kind::Fixed32),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.Span.Event`
pub static SPAN_EVENT: Message = Message::new(
    "opentelemetry.proto.trace.v1.Span.Event",
    Role::Other,
    &[
        Field::new(1, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field::new(2, "name", "name", Kind::String),
        Field::new(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.Span.Link`
pub static SPAN_LINK: Message = Message::new(
    "opentelemetry.proto.trace.v1.Span.Link",
    Role::Other,
    &[
        Field::new(1, "trace_id", "traceId", Kind::TraceId),
        Field::new(2, "span_id", "spanId", Kind::SpanId),
        Field::new(3, "trace_state", "traceState", Kind::String),
        Field::new(4, "attributes", "attributes", Kind::Message(&KEY_VALUE)).repeated(),
        Field::new(5, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        Field::new(6, "flags", "flags", Kind::Fixed32),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.Status`
pub static STATUS: Message = Message::new(
    "opentelemetry.proto.trace.v1.Status",
    Role::Other,
    &[
        Field::new(2, "message", "message", Kind::String),
        Field::new(3, "code", "code", Kind::Enum(&STATUS_STATUS_CODE)),
    ],
    &[],
);

/// `opentelemetry.proto.trace.v1.TracesData`
pub static TRACES_DATA: Message = Message::new(
    "opentelemetry.proto.trace.v1.TracesData",
    Role::Other,
    &[
        Field::new(1, "resource_spans", "resourceSpans", Kind::Message(&RESOURCE_SPANS)).repeated(),
    ],
    &[],
);

/// `opentelemetry.proto.logs.v1.LogRecordFlags`
pub static LOG_RECORD_FLAGS: EnumTable = EnumTable {
    name: "opentelemetry.proto.logs.v1.LogRecordFlags",
    values: &[
        ("LOG_RECORD_FLAGS_DO_NOT_USE", 0),
        ("LOG_RECORD_FLAGS_TRACE_FLAGS_MASK", 255),
    ],
};

/// `opentelemetry.proto.logs.v1.SeverityNumber`
pub static SEVERITY_NUMBER: EnumTable = EnumTable {
    name: "opentelemetry.proto.logs.v1.SeverityNumber",
    values: &[
        ("SEVERITY_NUMBER_UNSPECIFIED", 0),
        ("SEVERITY_NUMBER_TRACE", 1),
        ("SEVERITY_NUMBER_TRACE2", 2),
        ("SEVERITY_NUMBER_TRACE3", 3),
        ("SEVERITY_NUMBER_TRACE4", 4),
        ("SEVERITY_NUMBER_DEBUG", 5),
        ("SEVERITY_NUMBER_DEBUG2", 6),
        ("SEVERITY_NUMBER_DEBUG3", 7),
        ("SEVERITY_NUMBER_DEBUG4", 8),
        ("SEVERITY_NUMBER_INFO", 9),
        ("SEVERITY_NUMBER_INFO2", 10),
        ("SEVERITY_NUMBER_INFO3", 11),
        ("SEVERITY_NUMBER_INFO4", 12),
        ("SEVERITY_NUMBER_WARN", 13),
        ("SEVERITY_NUMBER_WARN2", 14),
        ("SEVERITY_NUMBER_WARN3", 15),
        ("SEVERITY_NUMBER_WARN4", 16),
        ("SEVERITY_NUMBER_ERROR", 17),
        ("SEVERITY_NUMBER_ERROR2", 18),
        ("SEVERITY_NUMBER_ERROR3", 19),
        ("SEVERITY_NUMBER_ERROR4", 20),
        ("SEVERITY_NUMBER_FATAL", 21),
        ("SEVERITY_NUMBER_FATAL2", 22),
        ("SEVERITY_NUMBER_FATAL3", 23),
        ("SEVERITY_NUMBER_FATAL4", 24),
    ],
};

/// `opentelemetry.proto.metrics.v1.AggregationTemporality`
pub static AGGREGATION_TEMPORALITY: EnumTable = EnumTable {
    name: "opentelemetry.proto.metrics.v1.AggregationTemporality",
    values: &[
        ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
        ("AGGREGATION_TEMPORALITY_DELTA", 1),
        ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
    ],
};

/// `opentelemetry.proto.metrics.v1.DataPointFlags`
pub static DATA_POINT_FLAGS: EnumTable = EnumTable {
    name: "opentelemetry.proto.metrics.v1.DataPointFlags",
    values: &[
        ("DATA_POINT_FLAGS_DO_NOT_USE", 0),
        ("DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK", 1),
    ],
};

/// `opentelemetry.proto.trace.v1.Span.SpanKind`
pub static SPAN_SPAN_KIND: EnumTable = EnumTable {
    name: "opentelemetry.proto.trace.v1.Span.SpanKind",
    values: &[
        ("SPAN_KIND_UNSPECIFIED", 0),
        ("SPAN_KIND_INTERNAL", 1),
        ("SPAN_KIND_SERVER", 2),
        ("SPAN_KIND_CLIENT", 3),
        ("SPAN_KIND_PRODUCER", 4),
        ("SPAN_KIND_CONSUMER", 5),
    ],
};

/// `opentelemetry.proto.trace.v1.SpanFlags`
pub static SPAN_FLAGS: EnumTable = EnumTable {
    name: "opentelemetry.proto.trace.v1.SpanFlags",
    values: &[
        ("SPAN_FLAGS_DO_NOT_USE", 0),
        ("SPAN_FLAGS_TRACE_FLAGS_MASK", 255),
        ("SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK", 256),
        ("SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK", 512),
    ],
};

/// `opentelemetry.proto.trace.v1.Status.StatusCode`
pub static STATUS_STATUS_CODE: EnumTable = EnumTable {
    name: "opentelemetry.proto.trace.v1.Status.StatusCode",
    values: &[
        ("STATUS_CODE_UNSET", 0),
        ("STATUS_CODE_OK", 1),
        ("STATUS_CODE_ERROR", 2),
    ],
};
