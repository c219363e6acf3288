//! `symbolon manual`: the pages that `cli::manual` makes, as files.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use cli::manual::{self, Page};
use softtoken::ServerError;

#[derive(Debug, clap::Args)]
pub(crate) struct ManualArgs {
    /// Where to write it; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn run(args: &ManualArgs) -> Result<ExitCode> {
    let directory = &args.directory;
    fs::create_dir_all(directory).with_context(|| format!("directory {}", directory.display()))?;
    for Page { file, text } in manual::pages(&server_errors()) {
        let path = directory.join(file);
        fs::write(&path, text).with_context(|| format!("file {}", path.display()))?;
    }
    println!("{}", directory.join("README.md").display());
    Ok(ExitCode::SUCCESS)
}

fn server_errors() -> Vec<manual::ServerError> {
    let errors = ServerError::all().map(|error| manual::ServerError {
        number: error.gateway_code(),
        cause: error.cause(),
        next_step: error.next_step(),
    });
    errors.collect()
}
