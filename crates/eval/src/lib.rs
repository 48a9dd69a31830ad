//! Runs policies on held-out levels and reports statistics.
