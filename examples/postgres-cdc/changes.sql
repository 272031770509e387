begin;
insert into orders values (10001, 7, 'new', 12.50), (10002, 8, 'new', 99.00);
update orders set status = 'sent', updated_at = now() where status = 'paid' and id % 10 = 0;
delete from orders where amount > 990;
commit;
update customers set profile = profile || '{"vip": true}' where id = 7;
insert into logins values (5001, 7, '2026-01-02 00:00+00');
