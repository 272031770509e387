{#- The versions of each key follow each other without gap or overlap, and the last one is current. -#}
{% test no_overlap(model, key) %}

with versions as (

    select
        {{ key }},
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by {{ key }} order by valid_from, valid_to) as next_from
    from {{ model }}

)

select *
from versions
where valid_from > valid_to
    or (next_from is null and not is_current)
    or (next_from is not null and (is_current or next_from <> valid_to))

{% endtest %}
