//! Commands and background processes.

use std::time::Duration;

use bailey_core::chat::{Channel, Outcome};
use bailey_core::mask::Masker;

use super::arguments::ProcessAction;
use super::clip::{Keeper, text};
use super::{Bench, Done, RESULT_BYTES, RUN_LIMIT, Request};
use crate::workspace::{Exit, WorkspaceError};

/// What bash is started with: the text is one argument, whatever is in it.
fn bash(command: &str) -> Vec<String> {
    ["bash", "-c", command].map(str::to_owned).to_vec()
}

/// Runs a program to its end; its output streams to whoever looks on, and head and tail are kept.
pub(super) async fn exec(
    bench: &mut Bench<'_>,
    argv: Vec<String>,
    directory: Option<&str>,
    limit: Duration,
) -> Result<(Exit, String), WorkspaceError> {
    let command = bench.command(argv, directory, Some(limit));
    let mut kept = Keeper::new(RESULT_BYTES);
    let output = &mut *bench.output;
    // Of either channel, what may be the beginning of a secret waits for what follows.
    let mut maskers = [Channel::Stdout, Channel::Stderr].map(|channel| (channel, Masker::new(bench.secrets)));
    let mut both = |channel, bytes: &[u8]| {
        kept.push(bytes);
        output(channel, bytes);
    };
    let mut masked = |channel, bytes: &[u8]| {
        if let Some((_, masker)) = maskers.iter_mut().find(|(of, _)| *of == channel) {
            both(channel, &masker.push(bytes));
        }
    };
    let exit = bench.workspace.exec(&command, &mut masked).await?;
    for (channel, masker) in &mut maskers {
        both(*channel, &masker.finish());
    }
    Ok((exit, kept.finish()))
}

pub(super) async fn run(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let Request::Run {
        command,
        directory,
        timeout,
        background,
    } = request
    else {
        return Ok(Done::error("This is no command."));
    };
    if *background {
        let command = bench.command(bash(command), directory.as_deref(), None);
        let name = bench.workspace.process_start(&command).await?;
        return Ok(Done::ok(format!("It runs in the background as the process {name:?}.")));
    }
    let limit = timeout.map_or(RUN_LIMIT, Duration::from_secs);
    let (exit, output) = exec(bench, bash(command), directory.as_deref(), limit).await?;
    Ok(ended(exit, &output, limit))
}

/// What a program came to.
pub(super) fn ended(exit: Exit, output: &str, limit: Duration) -> Done {
    let end = if exit.timed_out {
        format!(
            "[ended after {} seconds, with all that it had started]",
            limit.as_secs()
        )
    } else {
        format!("[exit status {}]", exit.status)
    };
    let separator = if output.is_empty() || output.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    Done {
        outcome: if exit.status == 0 && !exit.timed_out {
            Outcome::Ok
        } else {
            Outcome::Error
        },
        text: format!("{output}{separator}{end}"),
    }
}

pub(super) async fn process(request: &Request, bench: &mut Bench<'_>) -> Result<Done, WorkspaceError> {
    let Request::Process {
        process,
        action,
        after,
        wait,
        text: input,
    } = request
    else {
        return Ok(Done::error("This is no process."));
    };
    match action {
        ProcessAction::Output => {
            let wait = Duration::from_secs(*wait);
            let output = bench.workspace.process_output(process, *after, wait).await?;
            let lost = if output.lost {
                "[older output is not kept any more]\n"
            } else {
                ""
            };
            let state = output.exited.map_or_else(
                || "it runs".to_owned(),
                |status| format!("it has ended, exit status {status}"),
            );
            let said = text(&output.bytes);
            let said = super::clip::clip(&said, RESULT_BYTES - 256);
            let next = output.next;
            Ok(Done::ok(format!("{lost}{said}\n[{state}; go on with after={next}]")))
        }
        ProcessAction::Input => {
            bench.workspace.process_input(process, input.as_bytes()).await?;
            Ok(Done::ok(format!("{} bytes were written.", input.len())))
        }
        ProcessAction::Stop => {
            bench.workspace.process_stop(process).await?;
            Ok(Done::ok("It was ended."))
        }
    }
}
