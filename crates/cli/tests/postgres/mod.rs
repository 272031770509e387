//! PostgreSQL sources against a real server: copies, cursors, changes, and runs that die on the way.

mod apply;
mod batch;
mod changes;
mod crash;
mod cut;
mod failover;
mod follow;
mod many;
mod parallel;
mod server;
mod sources;
mod tls;

use std::process::{Command, Output};

use server::{PASSWORD, Server};

use crate::end_to_end::shop::{Shop, said};

/// A server, and a project that reads from it.
struct Pair {
    server: Server,
    shop: Shop,
}

impl Pair {
    /// A project whose source `pg` has `streams`.
    fn new(streams: &str) -> Self {
        let pair = Self {
            server: Server::start(),
            shop: Shop::empty(),
        };
        pair.shop.write("sluice.yml", b"name: shop\n");
        pair.streams(streams);
        pair
    }

    fn streams(&self, streams: &str) {
        self.streams_by(self.server.port(), streams);
    }

    /// The same through another port.
    fn streams_by(&self, port: u16, streams: &str) {
        let connection = self.server.connection(port);
        let text = format!(
            "sources:\n  - name: pg\n    kind: postgres\n    {connection}\n    streams:\n{streams}"
        );
        self.shop.write("sources/pg.yml", text.as_bytes());
    }

    /// A project whose source follows changes by these settings.
    fn with_replication(replication: &str, streams: &str) -> Self {
        let pair = Self::new(streams);
        pair.replication(replication, streams);
        pair
    }

    fn replication(&self, replication: &str, streams: &str) {
        let connection = self.server.connection(self.server.port());
        let text = format!(
            "sources:\n  - name: pg\n    kind: postgres\n    {connection}\n    {replication}\n    streams:\n{streams}"
        );
        self.shop.write("sources/pg.yml", text.as_bytes());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.shop.command(arguments);
        command.env("PGPASSWORD", PASSWORD);
        command
    }

    fn sluice(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs, which must go well, and gives what was said.
    fn run(&self, arguments: &[&str]) -> String {
        self.run_expecting(0, arguments)
    }

    fn run_expecting(&self, code: i32, arguments: &[&str]) -> String {
        let arguments = [&["run"], arguments].concat();
        let output = self.sluice(&arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        said
    }

    /// The rows of a statement on the project's warehouse, as CSV without a heading.
    fn ours(&self, sql: &str) -> String {
        let output = self.sluice(&["sql", "--format", "csv", "-c", sql]);
        assert!(output.status.success(), "{sql}\n{}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_once('\n').unwrap().1.to_owned()
    }

    /// Whether `table` is here what it is there, by the texts of `columns`.
    fn same(&self, table: &str, columns: &[&str]) {
        let list: Vec<String> = columns
            .iter()
            .map(|column| format!("{column}::text as {column}"))
            .collect();
        let order: Vec<String> = (1..=columns.len()).map(|at| at.to_string()).collect();
        let sql = |from: &str| {
            format!(
                "select {} from {from} order by {}",
                list.join(", "),
                order.join(", ")
            )
        };
        // `C` orders as the warehouse does.
        let theirs = self.server.sql(&sql(&format!("public.{table}")));
        let ours = self.ours(&sql(&format!("pg.{table}")));
        assert_eq!(ours, theirs, "{table}");
    }
}
