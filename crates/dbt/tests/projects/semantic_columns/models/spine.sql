select cast('2024-01-01' as timestamp) as date_day, 1 as fy
