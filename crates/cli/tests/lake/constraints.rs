//! CHECK constraints that Sluice wrote are heeded by delta-rs.

use super::peers::{Peer, run};
use crate::end_to_end::shop::{Shop, said};

#[test]
fn other_writers_heed_check_constraints() {
    let shop = Shop::empty();
    shop.write("sluice.yml", b"name: shop\n");
    let script =
        "create table public.checked (id int, kind text, constraint positive check (id > 0));
         insert into public.checked values (1, 'a'), (2, null)";
    let done = shop.sluice(&["sql", "-c", script]);
    assert!(done.status.success(), "{}", said(&done));
    let table = shop.path().join(".sluice/warehouse/shop/public/checked");
    let told = run(
        Peer::Python,
        "constraints.py",
        &[table.display().to_string()],
    );
    assert!(told.contains("1 rows failed validation check"), "{told}");
    let refused = shop.sluice(&["sql", "-c", "insert into public.checked values (0, 'a')"]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("E1203"), "{}", said(&refused));
}
