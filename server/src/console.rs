//! The console: what the office's staff work with in a browser. Pages are made here and need no script; a script only
//! keeps a queue up to date and turns scans.
//!
//! Who may see what and do what follows from the same rules as everywhere: the desk's role and regions, and what the
//! workflow offers. Whatever shows a person's data is noted before it is sent.

pub mod admin;
pub mod application;
pub mod assets;
pub mod blanks;
pub mod compare;
pub mod counter;
pub mod dashboard;
pub mod desk;
pub mod forms;
pub mod live;
pub mod page;
pub mod plots;
pub mod prints;
pub mod scan;
pub mod search;
pub mod session;
pub mod sheet;
pub mod shipments;
pub mod signin;
pub mod words;
