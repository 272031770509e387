//! The binary `sluice`: reads the command line, runs one command, tells what went wrong.

mod arguments;
mod commands;
mod display;
mod output;
mod query_output;
mod report;
mod shell;

use std::process::ExitCode;

use arguments::Cli;

/// Bytes of stack for the threads that work on statements. Trees as deep as a chain of thousands of operators or unions
/// are walked by recursion; only what is used of it takes memory.
const STACK: usize = 256 << 20;

/// Exit code of a program that panicked, as Rust has it.
const PANICKED: u8 = 101;

/// Queries and loads allocate in many threads at once, which the system's allocator serialises.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The system gives the first thread much less stack.
    let work = std::thread::Builder::new().stack_size(STACK).spawn(run);
    match work.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // The panic has been told.
        Ok(Err(_)) => ExitCode::from(PANICKED),
        Err(_) => run(),
    }
}

fn run() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        // Prints help and versions to stdout with code 0, mistakes to stderr with code 2.
        Err(error) => error.exit(),
    };
    let globals = cli.globals;
    telemetry::start(&telemetry::LogSettings {
        format: globals.log_format.into(),
        verbosity: globals.verbosity(),
        writer: Some(display::log_writer),
    });
    match commands::dispatch(&globals, cli.command) {
        Ok(exit) => exit.into(),
        Err(error) => {
            report::error(&error, globals.log_format);
            ExitCode::from(error.class().exit_code())
        }
    }
}
