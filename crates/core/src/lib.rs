//! The simulated cluster and its faults as reset/step environments.
