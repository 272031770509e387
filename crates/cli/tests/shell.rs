//! The shell of `sluice sql`, through a terminal as Python makes one, and what Ctrl-C does.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Types `steps` into `sluice` at a terminal: each waits for a text on the screen and then types
/// another. Prints the screen's text, without its colours and moves, and the exit code.
const TYPIST: &str = r#"
import json, os, pty, re, select, sys, time
program, folder, steps = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm", PAGER="", NO_COLOR="1")
    os.environ.pop("SLUICE_ENV", None)
    os.execv(program, [program, "-C", folder, "sql"])
import fcntl, struct, termios
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
screen, seen, code = "", 0, None
def read(deadline, wanted=None):
    global screen, seen
    while time.time() < deadline:
        if wanted is not None and wanted in screen[seen:]:
            seen += screen[seen:].index(wanted) + len(wanted)
            return True
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                return wanted is None
            if not data:
                return wanted is None
            screen += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", data.decode("utf-8", "replace"))
    return wanted is None
for wanted, typed in steps:
    if not read(time.time() + 120, wanted):
        print(json.dumps({"screen": screen, "missing": wanted, "code": None}))
        os.kill(pid, 9)
        sys.exit()
    os.write(terminal, typed.encode())
end = time.time() + 60
while code is None and time.time() < end:
    read(time.time() + 0.2)
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        code = os.waitstatus_to_exitcode(status)
read(time.time() + 0.3)
print(json.dumps({"screen": screen, "missing": None, "code": code}))
"#;

/// A folder with a project that has one table.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sluice.yml"), "name: shop\n").unwrap();
    let script = "create schema if not exists public;
                  create table orders (id int, amount number(10,2));
                  insert into orders values (1, 2.50), (2, null);";
    let made = sluice(folder.path()).args(["sql", "-c", script]).output();
    let made = made.unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    folder
}

fn sluice(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.arg("-C").arg(folder).env_remove("SLUICE_ENV");
    command.env("NO_COLOR", "1");
    command
}

/// What was on the screen, and the exit code.
fn typed(folder: &Path, steps: &[(&str, &str)]) -> (String, Option<i64>) {
    let output = Command::new("python3")
        .args(["-c", TYPIST, env!("CARGO_BIN_EXE_sluice")])
        .arg(folder)
        .arg(serde_json::to_string(steps).unwrap())
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let screen = told["screen"].as_str().unwrap_or_default().to_owned();
    assert!(
        told["missing"].is_null(),
        "no {} in\n{screen}",
        told["missing"]
    );
    (screen, told["code"].as_i64())
}

fn has_python() -> bool {
    let python = Command::new("python3").arg("--version").output();
    python.is_ok_and(|output| output.status.success())
}

#[test]
fn statements_are_read_over_several_lines_and_shown() {
    if !has_python() {
        return;
    }
    let folder = project();
    let (screen, code) = typed(
        folder.path(),
        &[
            ("> ", "select id,\r"),
            ("> ", "amount from orders\r"),
            ("> ", "order by id;\r"),
            ("2 rows", "\\dt\r"),
            ("ORDERS", "select 1 +;\r"),
            ("error[", "\\nonsense\r"),
            ("no command", "\\x\r"),
            ("column by column", "select null as n;\r"),
            ("-[ row 1 ]-", "\\q\r"),
        ],
    );
    assert_eq!(code, Some(0), "{screen}");
    for expected in ["│  1 ┆   2.50 │", "│  2 ┆ NULL   │", "Time: ", "N | NULL"] {
        assert!(screen.contains(expected), "no {expected} in\n{screen}");
    }
}

#[test]
fn tab_completes_names_and_the_history_comes_back() {
    if !has_python() {
        return;
    }
    let folder = project();
    typed(
        folder.path(),
        &[
            ("> ", "select count(*) as rows_of_orders from ord\t;\r"),
            ("Time: ", ""),
            // Before the next prompt Ctrl-D would end no input.
            ("> ", "\x04"),
        ],
    );
    // Another session: the arrow brings the statement back.
    let (screen, code) = typed(
        folder.path(),
        &[
            ("> ", "\x1b[A"),
            ("orders;", "\r"),
            ("Time: ", ""),
            ("> ", "\x04"),
        ],
    );
    assert_eq!(code, Some(0), "{screen}");
    let kept = std::fs::read_to_string(folder.path().join(".sluice/sql_history")).unwrap();
    assert_eq!(kept, "select count(*) as rows_of_orders from orders;\n");
}

/// Runs for hours if nobody stops it.
const ENDLESS: &str = "select count(*) from table(generator(rowcount => 1000000)) a, \
                       table(generator(rowcount => 1000000)) b, table(generator(rowcount => 1000000)) c \
                       where a.seq4 + b.seq4 + c.seq4 = -1;";

#[test]
fn ctrl_c_stops_a_query_and_not_the_shell() {
    if !has_python() {
        return;
    }
    let folder = project();
    let endless = format!("{}\r", endless());
    let (screen, code) = typed(
        folder.path(),
        &[
            ("> ", "select typed but not wanted\x03"),
            ("^C", &endless),
            ("Ctrl-C cancels", "\x03"),
            ("Cancelled.", "select 6 * 7 as answer;\r"),
            ("42", "\\q\r"),
        ],
    );
    assert_eq!(code, Some(0), "{screen}");
}

/// The endless query without the column that the generator does not have.
fn endless() -> String {
    ENDLESS.replace(" where a.seq4 + b.seq4 + c.seq4 = -1", "")
}

#[test]
fn ctrl_c_ends_other_commands_with_130_and_leaves_nothing() {
    let folder = project();
    let script = format!("create table half as {}", endless());
    let mut child = sluice(folder.path())
        .args(["sql", "-c", &script])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let runs = std::fs::read_dir(folder.path().join(".sluice/processes")).unwrap();
    assert_eq!(runs.count(), 0, "the run was not dropped");
    let tables = sluice(folder.path())
        .args(["sql", "--format", "csv", "-c", "show tables"])
        .output()
        .unwrap();
    let tables = String::from_utf8(tables.stdout).unwrap();
    assert!(
        tables.contains("ORDERS") && !tables.contains("HALF"),
        "{tables}"
    );
}

#[test]
fn statements_from_a_pipe_are_a_script() {
    let folder = project();
    let mut child = sluice(folder.path())
        .args(["sql", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(
        &mut stdin,
        b"select 1 as a; select id from orders order by id",
    )
    .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "A\n1\nID\n1\n2\n"
    );
}

#[test]
fn geography_is_shown_as_geojson() {
    let folder = project();
    let run = |format: &str| {
        let output = sluice(folder.path())
            .args([
                "sql",
                "--format",
                format,
                "-c",
                "select st_point(1.5, 2) as p",
            ])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        run("csv"),
        "P\n\"{\"\"coordinates\"\":[1.5,2],\"\"type\"\":\"\"Point\"\"}\"\n"
    );
    assert_eq!(
        run("ndjson"),
        "{\"P\":{\"coordinates\":[1.5,2],\"type\":\"Point\"}}\n"
    );
}
