use std::process::ExitCode;
#[derive(clap::Args)]
pub struct RustAnalyzer {}
impl RustAnalyzer {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::bail!("not yet")
    }
}
