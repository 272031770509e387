select 1 as order_id, 2 as customer_id, cast('2024-01-01' as timestamp) as ordered_at, 10.0 as amount, 1 as is_food
