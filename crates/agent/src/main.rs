//! The binary `bailey-agent`.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
