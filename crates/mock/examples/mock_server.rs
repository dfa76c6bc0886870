//! Runs the mock until it is ended: `cargo run -p bailey-mock --example mock_server -- [SCENARIOS] [ADDR:PORT]`.

use std::error::Error;
use std::path::Path;

use bailey_mock::{Mock, MockConfig, load_scenarios};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut config = MockConfig::default();
    if let Some(path) = arguments.next() {
        config.scenarios = load_scenarios(Path::new(&path)).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
    }
    if let Some(listen) = arguments.next() {
        config.listen = listen.parse()?;
    }
    let mock = Mock::start(config).await?;
    write_line(&mock.url())?;
    std::future::pending::<()>().await;
    Ok(())
}

fn write_line(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{text}")
}
