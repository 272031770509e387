-- No sale is lost or doubled on the way to the mart.
with staged as (

    select count(*) as sale_count, sum(sales_amount) as sales_amount, sum(quantity) as quantity
    from {{ ref('stg_superstore__sales') }}

),

fact as (

    select count(*) as sale_count, sum(sales_amount) as sales_amount, sum(quantity) as quantity
    from {{ ref('fact_sales') }}

)

select *
from staged
inner join fact
    on staged.sale_count <> fact.sale_count
    or staged.sales_amount <> fact.sales_amount
    or staged.quantity <> fact.quantity
