with days as (

    select dateadd(day, row_number() over (order by seq4()) - 1, to_date('{{ var("date_spine_start") }}')) as date_day
    from table(generator(rowcount => {{ var("date_spine_days") }}))

)

select
    {{ date_key('date_day') }} as date_key,
    date_day,
    year(date_day) as year_number,
    quarter(date_day) as quarter_number,
    month(date_day) as month_number,
    monthname(date_day) as month_name,
    day(date_day) as day_of_month,
    dayofweekiso(date_day) as iso_day_of_week,
    dayname(date_day) as day_name,
    weekiso(date_day) as iso_week,
    cast(date_trunc('month', date_day) as date) as month_start,
    last_day(date_day) as month_end,
    dayofweekiso(date_day) in (6, 7) as is_weekend
from days
