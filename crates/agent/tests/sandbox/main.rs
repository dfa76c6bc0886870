//! The sandbox on the real kernel. Needs root; what an ordinary user may do is tried in a process of another user.

mod basics;
mod escapes;
mod support;
