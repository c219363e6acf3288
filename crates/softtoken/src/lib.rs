//! softtoken
