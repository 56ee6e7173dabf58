//! A typed client of a Polymath node.
