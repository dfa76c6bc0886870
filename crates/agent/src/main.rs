//! The binary `bailey-agent`.

fn main() -> std::process::ExitCode {
    bailey_agent::program::main()
}
