//! Walks over every number of a state and finds one that is not finite, negative, or more than one where it is a ratio.

use std::fmt;

use serde::{
    Serialize,
    ser::{
        self, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant, Serializer,
    },
};

/// Fields that may be negative: times that have run out, and what a scenario or a red herring asks for.
const SIGNED: &[&str] = &["crash_wait_s", "breaker_wait_s", "failover_left_s", "magnitude", "herring"];
/// Fields that are ratios.
const RATIOS: &[&str] = &[
    "taken",
    "own_success",
    "calls_success",
    "failure",
    "wrong",
    "write_error",
    "unseen",
    "refused",
    "hit_ratio",
    "hit_limit",
    "sessions",
    "ejected",
    "outlier",
    "check_runs",
    "pass_runs",
    "share",
    "pass",
    "throttle",
    "allowed",
    "failure_ewma",
    "sessions_left",
    "stale_secret",
    "loss",
    "local",
    "spill",
    "diverged",
    "disk",
    "bad_ratio",
    "zone_weight",
    "zone_target",
    "scaling",
];
/// Rounding that a ratio may exceed one by.
const ROUNDING: f64 = 1e-5;

/// The first number found that cannot be, with the path that leads to it.
pub(super) fn violation(state: &impl Serialize) -> Option<String> {
    state.serialize(&mut Walk::default()).err().map(|found| found.0)
}

/// Where the walk is.
#[derive(Default)]
struct Walk {
    path: Vec<Segment>,
}

#[derive(Clone, Copy)]
enum Segment {
    Field(&'static str),
    Index(usize),
}

/// What was found, as the error that ends the walk.
#[derive(Debug)]
struct Found(String);

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Walk {
    fn number(&self, value: f64) -> Result<(), Found> {
        let field = self.path.iter().rev().find_map(|segment| match segment {
            Segment::Field(name) => Some(*name),
            Segment::Index(_) => None,
        });
        let field = field.unwrap_or_default();
        let is_sound = value.is_finite()
            && (value >= 0.0 || SIGNED.contains(&field))
            && (value <= 1.0 + ROUNDING || !RATIOS.contains(&field));
        if is_sound { Ok(()) } else { Err(Found(format!("{} = {value}", self.place()))) }
    }

    fn place(&self) -> String {
        let segments = self.path.iter().map(|segment| match segment {
            Segment::Field(name) => (*name).to_owned(),
            Segment::Index(index) => index.to_string(),
        });
        segments.collect::<Vec<String>>().join(".")
    }

    fn inside(&mut self, segment: Segment, value: &(impl Serialize + ?Sized)) -> Result<(), Found> {
        self.path.push(segment);
        value.serialize(&mut *self)?;
        self.path.pop();
        Ok(())
    }
}

macro_rules! sound {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, _: $kind) -> Result<(), Found> { Ok(()) })*
    };
}

impl<'a> Serializer for &'a mut Walk {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    sound!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_char: char,
        serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str
    );

    fn serialize_f32(self, value: f32) -> Result<(), Found> {
        self.number(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Found> {
        self.number(value)
    }

    fn serialize_none(self) -> Result<(), Found> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Found> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Found> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Found> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Found> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Found> {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Items<'a>, Found> {
        Ok(Items { walk: self, next: 0 })
    }
}

/// What a compound value holds.
struct Items<'a> {
    walk: &'a mut Walk,
    next: usize,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Found> {
        self.next += 1;
        self.walk.inside(Segment::Index(self.next - 1), value)
    }
}

macro_rules! items {
    ($($compound:ident::$method:ident),*) => {
        $(impl $compound for Items<'_> {
            type Ok = ();
            type Error = Found;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Found> {
                self.item(value)
            }

            fn end(self) -> Result<(), Found> {
                Ok(())
            }
        })*
    };
}

items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($compound:ident),*) => {
        $(impl $compound for Items<'_> {
            type Ok = ();
            type Error = Found;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Found> {
                self.walk.inside(Segment::Field(name), value)
            }

            fn end(self) -> Result<(), Found> {
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Found;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Found> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Found> {
        self.item(value)
    }

    fn end(self) -> Result<(), Found> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sample {
        crash_wait_s: f32,
        taken: [f32; 2],
        other: Option<f64>,
    }

    #[test]
    fn a_number_that_cannot_be_is_found_and_named() {
        let sample = |crash_wait_s, taken, other| violation(&Sample { crash_wait_s, taken, other });
        assert_eq!(sample(-1.0, [0.0, 1.0], Some(7.0)), None);
        assert_eq!(sample(0.0, [0.0, 1.5], None).as_deref(), Some("taken.1 = 1.5"));
        assert_eq!(sample(0.0, [0.0, 1.0], Some(-1.0)).as_deref(), Some("other = -1"));
        assert_eq!(sample(f32::NAN, [0.0, 1.0], None).as_deref(), Some("crash_wait_s = NaN"));
    }
}
