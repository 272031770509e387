{# Hooks and what materializations ask about their run. #}

{% macro run_hooks(hooks, inside_transaction=true) %}
  {% for hook in hooks if hook.get('transaction', true) == inside_transaction %}
    {% set rendered = render(hook.get('sql')) | trim %}
    {% if rendered | length > 0 %}
      {% call statement(auto_begin=inside_transaction) %}{{ rendered }}{% endcall %}
    {% endif %}
  {% endfor %}
{% endmacro %}

{% macro make_hook_config(sql, inside_transaction) %}
  {{ tojson({'sql': sql, 'transaction': inside_transaction}) }}
{% endmacro %}
{% macro before_begin(sql) %}{{ make_hook_config(sql, inside_transaction=false) }}{% endmacro %}
{% macro in_transaction(sql) %}{{ make_hook_config(sql, inside_transaction=true) }}{% endmacro %}
{% macro after_commit(sql) %}{{ make_hook_config(sql, inside_transaction=false) }}{% endmacro %}

{% macro should_full_refresh() %}
  {% set wanted = config.get('full_refresh') %}
  {% if wanted is none %}{% set wanted = flags.FULL_REFRESH %}{% endif %}
  {% do return(wanted) %}
{% endmacro %}

{% macro set_sql_header(config) -%}{{ config.set('sql_header', caller()) }}{%- endmacro %}

{% macro set_query_tag() -%}{{ return(adapter.dispatch('set_query_tag', 'dbt')()) }}{%- endmacro %}
{% macro default__set_query_tag() -%}{% do return(none) %}{%- endmacro %}
{% macro unset_query_tag(original_query_tag) -%}{{ return(adapter.dispatch('unset_query_tag', 'dbt')(original_query_tag)) }}{%- endmacro %}
{% macro default__unset_query_tag(original_query_tag) -%}{% do return(none) %}{%- endmacro %}
{% macro get_current_query_tag() -%}
  {{ return(run_query("show parameters like 'query_tag' in session").rows[0]['value']) }}
{%- endmacro %}

{% macro convert_datetime(date_str, date_fmt) %}
  {{ return(modules.datetime.datetime.strptime(date_str, date_fmt)) }}
{% endmacro %}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
  {% set parts = (raw_partition_date | string).split(',') %}
  {{ return(dates_in_range(parts[0], parts[1] if parts | length > 1 else none, date_fmt, date_fmt)) }}
{% endmacro %}

{% macro validate_sql(sql) -%}{{ return(adapter.dispatch('validate_sql', 'dbt')(sql)) }}{%- endmacro %}
{% macro default__validate_sql(sql) -%}
  {% call statement('validate_sql') -%}explain {{ sql }}{% endcall %}
  {{ return(load_result('validate_sql')) }}
{%- endmacro %}

{% macro get_show_sql(compiled_code, sql_header, limit) -%}
  {{ sql_header if sql_header is not none }}
  {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro %}
{% macro get_limit_sql(sql, limit) -%}
  {{ sql }}
  {{ 'limit ' ~ limit if limit is not none }}
{%- endmacro %}
{% macro get_limit_subquery_sql(sql, limit) -%}
  {{ adapter.dispatch('get_limit_subquery_sql', 'dbt')(sql, limit) }}
{%- endmacro %}
{% macro default__get_limit_subquery_sql(sql, limit) -%}{{ get_limit_sql(sql, limit) }}{%- endmacro %}
