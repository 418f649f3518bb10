//! Fleets in virtual time.
