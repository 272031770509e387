{# Running SQL from templates. #}

{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
  {%- if execute -%}
    {%- set sql = caller() -%}
    {%- if language != 'sql' -%}
      {% do exceptions.raise_compiler_error('statement() runs SQL only, not ' ~ language) %}
    {%- endif -%}
    {%- if name == 'main' -%}{% do write(sql) %}{%- endif -%}
    {%- set answer = adapter.execute(sql, auto_begin=auto_begin, fetch=fetch_result) -%}
    {%- if name is not none -%}
      {% do store_result(name, response=answer[0], agate_table=answer[1]) %}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
  {%- set sql = caller() -%}
  {%- if name == 'main' -%}{% do write(sql) %}{%- endif -%}
  {%- if name is not none -%}
    {% do store_raw_result(name, message, code, rows_affected, res) %}
  {%- endif -%}
{%- endmacro %}

{% macro run_query(sql) %}
  {% call statement('run_query_statement', fetch_result=true, auto_begin=false) %}{{ sql }}{% endcall %}
  {% do return(load_result('run_query_statement').table) %}
{% endmacro %}

{% macro dbt_unit_testing_not_supported() %}{% endmacro %}
