//! The registry office's program: merges what officers send, decides, and tells everyone.

pub mod office;
