-- A model is one query. This one becomes a table, whatever dbt_project.yml says about its folder.
{{ config(materialized='table') }}

select 1 as id
union all
select 2 as id
