-- Sales by day, market, region and category: what the daily report reads.
select
    sales.order_date_key,
    sales.order_date,
    stores.market,
    stores.region,
    products.category,
    count(*) as sale_count,
    sum(sales.quantity) as quantity,
    sum(sales.sales_amount) as sales_amount,
    sum(sales.profit_amount) as profit_amount,
    sum(iff(sales.is_loss, 1, 0)) as loss_count,
    round(sum(sales.profit_amount) / nullif(sum(sales.sales_amount), 0), 4) as profit_margin
from {{ ref('fact_sales') }} as sales
left join {{ ref('dim_store') }} as stores
    on sales.store_key = stores.store_key
left join {{ ref('dim_product') }} as products
    on sales.product_key = products.product_key
group by 1, 2, 3, 4, 5
