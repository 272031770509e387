-- The daily figures add up to the fact's, day by day.
{{ config(tags=['daily']) }}

with fact as (

    select order_date_key, sum(sales_amount) as sales_amount
    from {{ ref('fact_sales') }}
    group by order_date_key

),

daily as (

    select order_date_key, sum(sales_amount) as sales_amount
    from {{ ref('fact_sales_daily') }}
    group by order_date_key

)

select fact.order_date_key, fact.sales_amount, daily.sales_amount as daily_sales_amount
from fact
left join daily
    on fact.order_date_key = daily.order_date_key
where daily.sales_amount is null
    or daily.sales_amount <> fact.sales_amount
