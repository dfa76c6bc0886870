//! How workspaces are shown.

use bailey_api::Page;
use bailey_api::workspaces::{Live, LogLine, Workspace};
use bailey_core::template::ParameterValue;
use bailey_core::workspace::WorkspaceStatus;
use bailey_runtime::config::format_size;

use crate::table::{Details, Table, or_nothing, plain, time};

pub(super) fn table(page: &Page<Workspace>) -> String {
    let mut table = Table::new([
        "NAME",
        "OWNER",
        "TEMPLATE",
        "STATUS",
        "LAST ACTIVE (UTC)",
        "STOPS AFTER",
        "ID",
    ]);
    for workspace in &page.items {
        let newer = if workspace.outdated { " (outdated)" } else { "" };
        table.row([
            workspace.name.clone(),
            workspace.owner.name.clone(),
            format!("{} v{}{newer}", workspace.template.name, workspace.version),
            workspace.status.to_string(),
            time(workspace.last_active_at),
            or_nothing(workspace.auto_stop.clone()),
            workspace.id.to_string(),
        ]);
    }
    table.text("no workspaces; `bailey create shell` makes one")
}

pub(super) fn details(workspace: &Workspace, live: &Live) -> String {
    let resources = &workspace.resources;
    let parameters = workspace.parameters.iter();
    let parameters: Vec<String> = parameters
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    let head = Details::default()
        .with("id", workspace.id.to_string())
        .with("name", workspace.name.clone())
        .with("owner", workspace.owner.name.clone())
        .with(
            "template",
            format!("{} v{}", workspace.template.name, workspace.version),
        )
        .with("status", workspace.status.to_string())
        .maybe("failed because", workspace.build.error.as_deref().map(plain))
        .with("agent", if live.connected { "connected" } else { "not connected" })
        .maybe("parameters", (!parameters.is_empty()).then(|| parameters.join(" ")))
        .maybe(
            "CPUs",
            resources
                .cpu_milli
                .map(|milli| format!("{}", f64::from(milli) / 1000.0)),
        )
        .maybe("memory", resources.memory.map(format_size))
        .maybe("processes", resources.processes.map(|count| count.to_string()))
        .maybe("disk", resources.disk.map(format_size))
        .maybe("stops after", workspace.auto_stop.clone())
        .maybe("ends (UTC)", workspace.ends_at.map(time))
        .with("created (UTC)", time(workspace.created_at))
        .with("last active (UTC)", time(workspace.last_active_at))
        .text();
    format!("{head}{}{}", apps(workspace, live), figures(live))
}

fn apps(workspace: &Workspace, live: &Live) -> String {
    if workspace.apps.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["APP", "HEALTH", "SHARED WITH", "WHERE"]);
    for app in &workspace.apps {
        let health = live.apps.get(&app.name).copied().or(app.health);
        let open = || format!("bailey open {} {}", workspace.name, app.name);
        table.row([
            app.name.clone(),
            or_nothing(health.map(|health| format!("{health:?}").to_lowercase())),
            format!("{:?}", app.sharing).to_lowercase(),
            app.external.clone().unwrap_or_else(open),
        ]);
    }
    format!("\n{}", table.text(""))
}

fn figures(live: &Live) -> String {
    if live.metadata.is_empty() {
        return String::new();
    }
    let mut table = Table::new(["FIGURE", "VALUE", "READ (UTC)"]);
    for figure in live.metadata.values() {
        let value = figure
            .error
            .as_ref()
            .map_or_else(|| figure.value.clone(), |error| format!("error: {error}"));
        table.row([figure.display_name.clone(), plain(&value), time(figure.at)]);
    }
    format!("\n{}", table.text(""))
}

fn text(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Bool(value) => value.to_string(),
        ParameterValue::Number(value) => value.to_string(),
        ParameterValue::Text(value) => value.clone(),
        ParameterValue::List(values) => values.join(","),
    }
}

/// A line of a log; what an agent says cannot steer the terminal it is shown on.
pub(super) fn line(line: &LogLine) -> String {
    format!("{:<14} {}", line.source, plain(&line.text))
}

/// What came of a build, in a line.
pub(super) fn done(workspace: &Workspace) -> String {
    let name = &workspace.name;
    match workspace.status {
        WorkspaceStatus::Running => format!("{name} runs; `bailey open {name}` opens a terminal in it"),
        WorkspaceStatus::Stopped => format!("{name} is stopped; its home is kept"),
        WorkspaceStatus::Failed => format!("{name} failed"),
        status => format!("{name} is {status}"),
    }
}
