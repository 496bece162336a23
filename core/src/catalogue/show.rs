//! A service put into words: for scripts (JSON) and for the office (Indonesian).
