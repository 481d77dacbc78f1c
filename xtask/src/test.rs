//! x
use anyhow::Result;
use std::process::ExitCode;
#[derive(clap::Args)]
pub struct Options {}
pub fn run(_: &Options) -> Result<ExitCode> { let _ = crate::browser::find()?; Ok(ExitCode::SUCCESS) }
