//! Tests of everything around the executable: manuals, completions, packages, examples.

/// What bash, zsh and fish offer after Tab.
mod completions;
/// The example services that boot scripts start.
mod examples;
/// The manual pages.
mod manual;
/// Installation, packages and recipes.
mod packages;
