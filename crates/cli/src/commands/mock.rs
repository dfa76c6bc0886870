//! `bailey mock`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bailey_mock::{Defaults, Mock, MockConfig, UsageSpec, load_scenarios};
use bailey_runtime::config::parse_duration;
use clap::Args;

use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7081")]
    listen: SocketAddr,
    /// Scenario file, or folder of them
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    scenarios: Option<PathBuf>,
    /// Usage to report and bill, such as `input=100,cache_read=2000,output=50` [default: counted from the text]
    #[arg(long, value_name = "CLASS=TOKENS", value_parser = usage)]
    usage: Option<UsageSpec>,
    /// What every answer says [default: the end of the last user message]
    #[arg(long)]
    text: Option<String>,
    /// Wait before the first event
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = parse_duration)]
    first_token_delay: Duration,
    /// Wait between two events
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = parse_duration)]
    event_delay: Duration,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let scenarios = match &arguments.scenarios {
        None => Vec::new(),
        Some(path) => load_scenarios(path).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(|error| format!("\n  {error}")).collect();
            Failure::new(format!("the scenarios cannot be played{}", lines.concat()))
        })?,
    };
    let mock = Mock::start(MockConfig {
        listen: arguments.listen,
        scenarios,
        defaults: Defaults {
            first_token_delay: arguments.first_token_delay,
            event_delay: arguments.event_delay,
            usage: arguments.usage,
            text: arguments.text.clone(),
            chunks: None,
        },
        ..MockConfig::default()
    })
    .await?;
    // The address alone is data: with port 0 a script needs it.
    output::data(&mock.url())?;
    output::note(&format!("the ledger is at {}/ledger; stop with Ctrl-C", mock.url()));
    super::stopped().await?;
    mock.stop().await;
    Ok(())
}

fn usage(text: &str) -> Result<UsageSpec, String> {
    const CLASSES: &str = "input, cache_read, cache_write_5m, cache_write_1h, output, reasoning";
    let mut usage = UsageSpec::default();
    for part in text.split(',') {
        let (class, tokens) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is not CLASS=TOKENS"))?;
        let tokens = tokens
            .trim()
            .parse()
            .map_err(|_| format!("`{tokens}` is no number of tokens"))?;
        let field = match class.trim() {
            "input" => &mut usage.input,
            "cache_read" => &mut usage.cache_read,
            "cache_write_5m" => &mut usage.cache_write_5m,
            "cache_write_1h" => &mut usage.cache_write_1h,
            "output" => &mut usage.output,
            "reasoning" => &mut usage.reasoning,
            _ => return Err(format!("unknown class `{class}`; use {CLASSES}")),
        };
        *field = Some(tokens);
    }
    Ok(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_class_by_class() {
        let read = usage("input=100, output=5").unwrap();
        assert_eq!((read.input, read.output, read.cache_read), (Some(100), Some(5), None));
        assert!(usage("input").is_err() && usage("in=1").is_err() && usage("input=-1").is_err());
    }
}
