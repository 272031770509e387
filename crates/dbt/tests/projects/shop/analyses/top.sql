select * from {{ ref('fct_orders') }} limit 10
