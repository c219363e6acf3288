//! gateway

pub mod udp;
