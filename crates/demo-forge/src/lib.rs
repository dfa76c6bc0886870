#![doc = include_str!("../README.md")]

mod act;
mod api;
mod auth;
mod clock;
mod config;
mod deliver;
mod dispatch;
mod error;
mod events;
mod git;
pub mod html;
pub mod markdown;
mod merge;
mod model;
mod oauth;
mod owner;
mod pages;
pub mod params;
pub mod path;
mod present;
mod push;
mod query;
mod reply;
mod secret;
mod seed;
mod server;
mod store;

pub use auth::basic;
pub use config::{DeliveryFaults, DeliveryOptions, DemoConfig};
pub use deliver::{DeliveryOutcome, DeliveryRecord};
pub use git::GitError;
pub use owner::OauthClient;
pub use seed::apply::SeedError;
pub use seed::{Role, Seed, SeedCommit, SeedFile, SeedLabel, SeedProject, SeedTicket, SeedUser, Visibility};
pub use server::{DemoError, DemoForge};
pub use store::StoreError;
