select 1 as order_id, 2 as customer_id, date '2024-01-01' as ordered_at, true as is_food, 5 as amount, date '2024-01-01' as valid_from
