#![doc = include_str!("../README.md")]

mod agent;
mod apps;
mod capture;
mod clock;
mod control;
pub mod credentials;
pub mod cron;
pub mod dns;
mod environment;
mod exec;
mod files;
mod forward;
mod layer;
mod lines;
mod links;
mod metadata;
mod outbox;
mod pipes;
mod ports;
mod put;
mod run;
pub mod sandbox;
mod scripts;
mod settings;
mod shell;
mod state;
mod tasks;
pub mod terminal;
mod usage;

pub mod program;
