-- Sales with what is derived from a single row.
select
    sale_key,
    row_id,
    order_id,
    order_date,
    ship_date,
    datediff(day, order_date, ship_date) as days_to_ship,
    ship_mode,
    order_priority,
    customer_id,
    product_id,
    store_id,
    postal_code,
    quantity,
    discount_rate,
    sales_amount,
    profit_amount,
    shipping_amount,
    profit_amount < 0 as is_loss
from {{ ref('stg_superstore__sales') }}
