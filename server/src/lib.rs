//! The registry office's program: merges what officers send, decides, and tells everyone.
//!
//! `office` decides and never looks at a clock; around it stand the one thread that writes (`ingest`), a task per
//! phone (`sync`), HTTP (`router`, `enrol`, `attachments`) and the commands.

pub mod api;
pub mod app;
pub mod attachments;
pub mod checkpoints;
pub mod commands;
pub mod config;
pub mod connection;
pub mod console;
pub mod demo;
pub mod enrol;
pub mod figures;
pub mod given;
pub mod guests;
pub mod ingest;
pub mod office;
pub mod press;
pub mod proxy;
pub mod readers;
pub mod retention;
pub mod router;
pub mod serve;
pub mod sms;
pub mod status;
pub mod sync;
pub mod telemetry;
pub mod tls;
