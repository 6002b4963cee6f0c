//! The command line: option rows and their parser, values, configuration files.

pub mod getopt;
pub mod tokenizer;
pub mod value;
