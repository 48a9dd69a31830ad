//! The evaluate, scenario and bench commands.
