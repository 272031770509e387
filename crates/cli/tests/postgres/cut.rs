//! Connections that are cut: a run fails and says so, and the next one goes on as if nothing had been.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::crash::{STREAMS, TABLES, WORK};
use super::{Pair, said};

/// Passes bytes on until so many have come from the server, then cuts every connection.
pub struct Wire {
    pub port: u16,
    pub budget: Arc<AtomicI64>,
}

impl Wire {
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let budget = Arc::new(AtomicI64::new(0));
        let left = Arc::clone(&budget);
        std::thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    continue;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass(from, to, &AtomicI64::new(i64::MAX)));
                let left = Arc::clone(&left);
                std::thread::spawn(move || pass(server, client, &left));
            }
        });
        Self { port, budget }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, left: &AtomicI64) {
    let mut bytes = [0; 4096];
    while let Ok(read) = from.read(&mut bytes) {
        let more = i64::try_from(read).unwrap();
        let cut = left.fetch_sub(more, Ordering::SeqCst) < more;
        if read == 0 || cut || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_is_cut_harms_nothing() {
    const ROUNDS: u32 = 10;
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let pair = Pair::new(STREAMS);
    pair.server.sql(TABLES);
    let wire = Wire::to(pair.server.port());
    pair.streams_by(wire.port, STREAMS);
    let mut failed = 0;
    for _ in 0..ROUNDS {
        pair.server.sql(WORK);
        let budget = 1_000 + i64::try_from(random.next_u64() % 30_000).unwrap();
        wire.budget.store(budget, Ordering::SeqCst);
        let output = pair.sluice(&["run"]);
        let said = said(&output);
        if !output.status.success() {
            failed += 1;
            assert!(said.contains("P1001"), "{said}");
        }
    }
    assert!(failed >= ROUNDS / 3, "only {failed} of {ROUNDS} were cut");
    wire.budget.store(i64::MAX, Ordering::SeqCst);
    pair.run(&[]);
    pair.crash_same();
}
