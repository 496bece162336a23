//! Stories of the two programs, each told through real processes.

mod bad_input;
mod conflict;
mod demo;
mod frozen;
mod greedy;
mod hostile;
mod kill;
mod live;
mod proxy;
mod script;
mod secret;
mod services;
mod walk;
mod wire;
