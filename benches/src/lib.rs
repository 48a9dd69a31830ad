//! Performance questions, one file each.
