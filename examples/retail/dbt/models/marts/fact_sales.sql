{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='sale_key',
        on_schema_change='fail'
    )
}}

-- One row for each product of an order, with the product and store as they were on the order's day.
with sales as (

    select * from {{ ref('int_sales') }}
    {% if is_incremental() %}
    where order_date >= (
        select dateadd(day, -{{ var('correction_days') }}, max(order_date)) from {{ this }}
    )
    {% endif %}

)

select
    sales.sale_key,
    {{ date_key('sales.order_date') }} as order_date_key,
    {{ date_key('sales.ship_date') }} as ship_date_key,
    {{ surrogate_key(['sales.customer_id']) }} as customer_key,
    products.product_key,
    stores.store_key,
    sales.row_id,
    sales.order_id,
    sales.order_date,
    sales.ship_date,
    sales.days_to_ship,
    sales.ship_mode,
    sales.order_priority,
    sales.quantity,
    sales.discount_rate,
    sales.sales_amount,
    sales.profit_amount,
    sales.shipping_amount,
    sales.is_loss
from sales
left join {{ ref('dim_product') }} as products
    on sales.product_id = products.product_id
    and sales.order_date >= products.valid_from
    and sales.order_date < products.valid_to
left join {{ ref('dim_store') }} as stores
    on sales.store_id = stores.store_id
    and sales.order_date >= stores.valid_from
    and sales.order_date < stores.valid_to
