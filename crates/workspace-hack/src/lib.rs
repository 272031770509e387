//! Nothing but dependencies: every crate that builds on Arrow depends on this one, so that all of them
//! want the same features of every third-party crate, whichever package is built.
