//! The command line: option tables, their parser and help text, values, and configuration files.
//!
//! The applets declare a table of options and `option_sources` parses words into it.

pub mod expected;
pub mod getopt;
pub mod help;
pub mod option_table;
pub mod option_value;
pub mod tokenizer;
pub mod value;
pub mod variable_line;
