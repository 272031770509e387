{{ config(materialized='incremental', unique_key='order_id', pre_hook="select 1", alias='orders') }}
{%- set columns = ['order_id', 'amount'] %}
{%- do columns.append('country') %}
select {{ columns | join(', ') }}, {{ cents('amount') }} as cents
from {{ ref('eph_paid') }}
{% if is_incremental() %}
where order_id > (select max(order_id) from {{ this }})
{% endif %}
