//! Configuration: what is accepted, and what every fault says.
