use super::*;

#[test]
fn varints_round_trip_at_every_width() {
    for shift in 0..64 {
        for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
            let mut out = Vec::new();
            put_varint(value, &mut out);
            assert_eq!(out.len(), varint_len(value));
            let mut cursor = Cursor::new(&out);
            assert_eq!(cursor.varint(), Ok(value));
            assert!(cursor.is_empty());
        }
    }
}

#[test]
fn varints_past_64_bits_or_ten_bytes_are_refused() {
    let mut eleven = vec![0x80; 10];
    eleven.push(0);
    assert_eq!(Cursor::new(&eleven).varint(), Err(WireError::BadVarint { offset: 0 }));
    let mut wide = vec![0xff; 9];
    wide.push(2);
    assert_eq!(Cursor::new(&wide).varint(), Err(WireError::BadVarint { offset: 0 }));
    assert_eq!(Cursor::new(&[0x80; 9]).varint(), Err(WireError::Truncated { offset: 9 }));
    let mut padded = vec![0x81; 1];
    padded.extend([0x80; 8]);
    padded.push(0);
    assert_eq!(Cursor::new(&padded).varint(), Ok(1));
}

#[test]
fn tags_refuse_zero_groups_and_giants() {
    for bytes in [&[0x02][..], &[0x0b], &[0x0c], &[0x0e], &[0x0f], &[0x82, 0x80, 0x80, 0x80, 0x10]] {
        assert_eq!(Cursor::new(bytes).tag(), Err(WireError::BadTag { offset: 0 }), "{bytes:?}");
    }
    let mut top = Vec::new();
    put_tag((1 << 29) - 1, WireType::Fixed32, &mut top);
    assert_eq!(Cursor::new(&top).tag(), Ok(Tag { number: (1 << 29) - 1, wire: WireType::Fixed32 }));
}

#[test]
fn a_lying_length_is_truncated_at_its_offset() {
    let mut cursor = Cursor::new(&[0x0a, 0x05, 1, 2]);
    assert_eq!(cursor.tag(), Ok(Tag { number: 1, wire: WireType::Delimited }));
    assert_eq!(cursor.bytes(), Err(WireError::Truncated { offset: 2 }));
    let mut huge = vec![0x0a];
    put_varint(u64::MAX, &mut huge);
    assert!(Cursor::new(&huge).field().is_err());
}

#[test]
fn offsets_survive_nesting() {
    let mut cursor = Cursor::new(&[0x0a, 0x03, 0x12, 0x04, 0x00]);
    cursor.tag().unwrap();
    let mut inner = cursor.message().unwrap();
    assert_eq!(inner.offset(), 2);
    inner.tag().unwrap();
    assert_eq!(inner.bytes(), Err(WireError::Truncated { offset: 4 }));
}

#[test]
fn fields_stop_at_the_first_bad_byte() {
    let fields: Vec<_> = Fields::new(&[0x08, 0x07, 0x12, 0x01, 0x61, 0x03]).collect();
    assert_eq!(fields.len(), 2);
    assert_eq!(fields[0].payload, Payload::Varint(7));
    assert_eq!(fields[1].raw, &[0x12, 0x01, 0x61]);
}
