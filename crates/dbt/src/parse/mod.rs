//! From the files of a project to its resources.

pub mod generic_test;
