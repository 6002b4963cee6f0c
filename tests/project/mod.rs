//! Tests of the manuals, the completions, the packages and the example services.

/// Shell completions for bash, zsh and fish.
mod completions;
/// The example services that boot scripts start.
mod examples;
/// The manual pages.
mod manual;
/// Installation, packages and recipes.
mod packages;
