//! Stories of the two programs, each told through real processes.

mod bad_input;
mod bindings;
mod conflict;
mod console;
mod day;
mod demo;
mod destroyed;
mod disk;
mod doors;
mod faults;
mod frozen;
mod greedy;
mod healed;
mod held;
mod hostile;
mod interface;
mod kill;
mod live;
mod proxy;
mod restored;
pub mod script;
mod secret;
mod services;
mod sms;
mod walk;
mod wire;
