{% snapshot stores_history %}

{{
    config(
        unique_key='store_id',
        strategy='timestamp',
        updated_at='changed_at'
    )
}}

select * from {{ ref('int_stores') }}

{% endsnapshot %}
