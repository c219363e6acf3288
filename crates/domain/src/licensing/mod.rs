//! The registry's decisions: products, licences and the supply of mobile tokens.
