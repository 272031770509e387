{% snapshot products_history %}

{{
    config(
        unique_key='product_id',
        strategy='timestamp',
        updated_at='changed_at'
    )
}}

select * from {{ ref('int_products') }}

{% endsnapshot %}
