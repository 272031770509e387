{# Snapshot strategies and staging, for projects that write or change their own. #}

{% macro strategy_dispatch(name) -%}
  {% set parts = (name ~ '').split('.') %}
  {% set wanted = 'snapshot_' ~ parts[-1] ~ '_strategy' %}
  {% set found = context.get(parts[0]).get(wanted) if parts | length > 1 else context.get(wanted) %}
  {% if found is none %}{% do exceptions.raise_compiler_error("Could not find the snapshot strategy macro '" ~ wanted ~ "'") %}{% endif %}
  {{ return(found) }}
{%- endmacro %}

{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {% set unique_key = model_config.get('unique_key') %}
  {% set updated_at = model_config.get('updated_at') %}
  {% set columns = model_config.get('snapshot_table_column_names') or get_snapshot_table_column_names() %}
  {{ return({
    'unique_key': unique_key, 'updated_at': updated_at,
    'row_changed': '(' ~ snapshotted_rel ~ '.' ~ columns.dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')',
    'scd_id': snapshot_hash_arguments((([unique_key] if unique_key is string else unique_key) | list) + [updated_at]),
    'hard_deletes': adapter.get_hard_deletes_behavior(model_config),
    'invalidate_hard_deletes': adapter.get_hard_deletes_behavior(model_config) == 'invalidate'
  }) }}
{% endmacro %}

{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {% set unique_key = model_config.get('unique_key') %}
  {% set wanted = model_config.get('check_cols') %}
  {% set updated_at = model_config.get('updated_at') or snapshot_get_time() %}
  {% if wanted == 'all' %}
    {% set wanted = get_columns_in_query(node['compiled_code']) %}
  {% elif wanted is string or not wanted %}
    {% do exceptions.raise_compiler_error("Invalid value for 'check_cols': " ~ wanted) %}
  {% endif %}
  {% set differs = [] %}
  {% for column in wanted %}
    {% do differs.append(snapshotted_rel ~ '.' ~ column ~ ' is distinct from ' ~ current_rel ~ '.' ~ column) %}
  {% endfor %}
  {{ return({
    'unique_key': unique_key, 'updated_at': updated_at, 'row_changed': '(' ~ differs | join(' or ') ~ ')',
    'scd_id': snapshot_hash_arguments((([unique_key] if unique_key is string else unique_key) | list) + [updated_at]),
    'hard_deletes': adapter.get_hard_deletes_behavior(model_config),
    'invalidate_hard_deletes': adapter.get_hard_deletes_behavior(model_config) == 'invalidate'
  }) }}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}{{ adapter.dispatch('post_snapshot', 'dbt')(staging_relation) }}{% endmacro %}
{% macro default__post_snapshot(staging_relation) %}{% endmacro %}
{% macro build_snapshot_table(strategy, sql) -%}{{ adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql) }}{%- endmacro %}
{% macro default__build_snapshot_table(strategy, sql) %}
  {%- set columns = get_snapshot_table_column_names() %}
  select *,
    {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
    {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
    {{ get_dbt_valid_to_current(strategy, columns) }}
  from (
    {{ sql }}
  ) sbq
{% endmacro %}
{% macro unique_key_fields(unique_key) %}
  {%- set keys = [unique_key] if unique_key is string else unique_key -%}
  {%- for key in keys %}{{ key }} as {{ 'dbt_unique_key' if unique_key is string else 'dbt_unique_key_' ~ loop.index }}{{ ', ' if not loop.last }}{% endfor -%}
{% endmacro %}
{% macro unique_key_join_on(unique_key, identifier, from_identifier) %}
  {%- set keys = [unique_key] if unique_key is string else unique_key -%}
  {%- for key in keys %}{% set name = 'dbt_unique_key' if unique_key is string else 'dbt_unique_key_' ~ loop.index %}{{ identifier }}.{{ name }} = {{ from_identifier }}.{{ name }}{{ ' and ' if not loop.last }}{% endfor -%}
{% endmacro %}
{% macro unique_key_is_null(unique_key, identifier) %}{{ identifier }}.{{ 'dbt_unique_key' if unique_key is string else 'dbt_unique_key_1' }} is null{% endmacro %}
{% macro unique_key_is_not_null(unique_key, identifier) %}{{ identifier }}.{{ 'dbt_unique_key' if unique_key is string else 'dbt_unique_key_1' }} is not null{% endmacro %}
{% macro collect_freshness_custom_sql(source, loaded_at_query) %}{{ return(adapter.dispatch('collect_freshness_custom_sql', 'dbt')(source, loaded_at_query)) }}{% endmacro %}
{% macro default__collect_freshness_custom_sql(source, loaded_at_query) %}
  {% call statement('collect_freshness_custom_sql', fetch_result=true, auto_begin=false) -%}
    with source_query as (
      {{ loaded_at_query }}
    )
    select (select * from source_query) as max_loaded_at, {{ current_timestamp() }} as snapshotted_at
  {% endcall %}
  {{ return(load_result('collect_freshness_custom_sql')) }}
{% endmacro %}
