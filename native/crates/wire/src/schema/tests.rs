use super::*;

#[test]
fn finds_every_field_by_number_and_by_both_names() {
    for message in ALL {
        for field in message.fields {
            assert_eq!(message.field(field.number).unwrap().name, field.name, "{}", message.name);
            assert_eq!(message.field_by_name(field.name).unwrap().number, field.number, "{}", message.name);
            assert_eq!(message.field_by_name(field.json_name).unwrap().number, field.number, "{}", message.name);
        }
    }
}

#[test]
fn knows_nothing_of_other_numbers_and_names() {
    for number in [0, 17, 1000, u32::MAX] {
        assert!(SPAN.field(number).is_none());
    }
    // Reserved: once `labels`, and once `name`.
    assert!(NUMBER_DATA_POINT.field(1).is_none());
    assert!(LOG_RECORD.field(4).is_none());
    for name in ["", "labels", "TraceId", "trace-id"] {
        assert!(SPAN.field_by_name(name).is_none());
    }
}

#[test]
fn only_numbers_in_lists_are_packable() {
    let packable = |message: &Message, name| message.field_by_name(name).unwrap().is_packable();
    assert!(packable(&HISTOGRAM_DATA_POINT, "bucketCounts"));
    assert!(packable(&SAMPLE, "values"));
    assert!(!packable(&HISTOGRAM_DATA_POINT, "count"));
    assert!(!packable(&PROFILES_DICTIONARY, "stringTable"));
    assert!(!packable(&SPAN, "events"));
}

#[test]
fn marks_identifiers_by_their_length() {
    let length = |message: &Message, name| message.field_by_name(name).unwrap().kind.id_length();
    assert_eq!(length(&SPAN, "traceId"), Some(16));
    assert_eq!(length(&SPAN, "parentSpanId"), Some(8));
    assert_eq!(length(&EXEMPLAR, "spanId"), Some(8));
    assert_eq!(length(&LINK, "traceId"), Some(16));
    assert_eq!(length(&PROFILE, "profileId"), Some(16));
    assert_eq!(length(&PROFILE, "originalPayload"), None);
}

#[test]
fn only_values_contain_themselves() {
    fn walk(message: &'static Message, path: &mut Vec<&'static str>) {
        if message.role == Role::Value {
            return;
        }
        assert!(!path.contains(&message.name), "{} contains itself", message.name);
        path.push(message.name);
        for field in message.fields {
            if let Kind::Message(inner) = field.kind {
                walk(inner, path);
            }
        }
        path.pop();
    }
    for message in ALL {
        walk(message, &mut Vec::new());
    }
}

#[test]
fn enumerations_name_their_numbers() {
    assert_eq!(SPAN_SPAN_KIND.number("SPAN_KIND_SERVER"), Some(2));
    assert_eq!(SPAN_SPAN_KIND.label(2), Some("SPAN_KIND_SERVER"));
    assert_eq!(SPAN_SPAN_KIND.number("SERVER"), None);
    assert_eq!(SPAN_SPAN_KIND.label(6), None);
}

#[test]
fn numbers_fit_a_set_of_32_bits() {
    assert!(ALL.iter().flat_map(|message| message.fields).all(|field| field.number < 32));
    assert!(ALL.iter().all(|message| message.fields.len() <= 32 && message.oneofs.len() <= 32));
}

#[test]
fn steps_say_what_the_fields_say() {
    for message in ALL {
        for (tag, step) in (0_u32..).zip(message.steps) {
            let field = message.field(tag >> 3).filter(|field| field.kind.wire_type() as u32 == tag & 7);
            let expected = match field.map(|field| (field.kind, field.kind.id_length())) {
                None => Step::Other,
                // Exemplars call theirs otherwise; they are few, and take the way of other messages.
                Some((Kind::Message(child), _)) if child.is(&KEY_VALUE) && step == Step::Attribute => step,
                Some((Kind::Message(_), _)) => Step::Other,
                Some((_, Some(length))) => Step::Id(length as u8),
                Some((kind, None)) => match kind.wire_type() {
                    WireType::Varint => Step::Varint,
                    WireType::Fixed64 => Step::Fixed64,
                    WireType::Fixed32 => Step::Fixed32,
                    WireType::Delimited => Step::Bytes,
                },
            };
            assert_eq!(step, expected, "{} {tag:#x}", message.name);
        }
    }
    for message in [&SPAN, &LOG_RECORD, &NUMBER_DATA_POINT, &RESOURCE, &SPAN_EVENT] {
        assert!(message.steps.contains(&Step::Attribute), "{}", message.name);
    }
}
