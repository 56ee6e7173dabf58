//! The wire format as one page, `descriptors.txt`, so that a change of it is seen for what it is in review: a
//! field number or type that changes breaks nodes that run today and needs a new protocol version.
//!
//! `UPDATE_GOLDEN=1 cargo test -p polymath-proto` rewrites the page.

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};
use std::fmt::Write as _;

#[test]
fn the_wire_format_is_the_one_on_record() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/descriptors.txt");
    let set = FileDescriptorSet::decode(polymath_proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut found = String::new();
    for file in &set.file {
        render_file(&mut found, file);
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let on_record = std::fs::read_to_string(path).unwrap_or_default();
    let differing = on_record.lines().zip(found.lines()).find(|(old, new)| old != new);
    assert!(
        found == on_record,
        "the wire format has changed, first at {differing:?}; if that is meant, run with UPDATE_GOLDEN=1"
    );
}

fn render_file(out: &mut String, file: &FileDescriptorProto) {
    writeln!(out, "file {} ({}, package {})", file.name(), file.syntax(), file.package()).unwrap();
    for message in &file.message_type {
        render_message(out, message, "");
    }
    for kind in &file.enum_type {
        render_enum(out, kind, "");
    }
    for service in &file.service {
        render_service(out, service);
    }
    out.push('\n');
}

fn render_message(out: &mut String, message: &DescriptorProto, within: &str) {
    let name = format!("{within}{}", message.name());
    writeln!(out, "  message {name}").unwrap();
    for field in &message.field {
        writeln!(out, "    {}", field_line(message, field)).unwrap();
    }
    for range in &message.reserved_range {
        writeln!(out, "    reserved {} to {}", range.start(), range.end() - 1).unwrap();
    }
    for reserved in &message.reserved_name {
        writeln!(out, "    reserved {reserved}").unwrap();
    }
    for nested in &message.nested_type {
        render_message(out, nested, &format!("{name}."));
    }
    for kind in &message.enum_type {
        render_enum(out, kind, &format!("{name}."));
    }
}

fn field_line(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let label = match (field.label(), field.proto3_optional()) {
        (Label::Repeated, _) => "repeated ",
        (_, true) => "optional ",
        _ => "",
    };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let oneof = match field.oneof_index {
        Some(index) if !field.proto3_optional() => {
            format!(" (one of {})", message.oneof_decl[usize::try_from(index).unwrap()].name())
        }
        _ => String::new(),
    };
    format!("{} {}: {label}{kind}{oneof}", field.number(), field.name())
}

fn render_enum(out: &mut String, kind: &EnumDescriptorProto, within: &str) {
    writeln!(out, "  enum {within}{}", kind.name()).unwrap();
    for value in &kind.value {
        writeln!(out, "    {} {}", value.number(), value.name()).unwrap();
    }
}

fn render_service(out: &mut String, service: &ServiceDescriptorProto) {
    writeln!(out, "  service {}", service.name()).unwrap();
    for method in &service.method {
        writeln!(out, "    {}", method_line(method)).unwrap();
    }
}

fn method_line(method: &MethodDescriptorProto) -> String {
    let stream = |streams: bool| if streams { "stream " } else { "" };
    format!(
        "{}({}{}) -> {}{}",
        method.name(),
        stream(method.client_streaming()),
        method.input_type().trim_start_matches('.'),
        stream(method.server_streaming()),
        method.output_type().trim_start_matches('.'),
    )
}
