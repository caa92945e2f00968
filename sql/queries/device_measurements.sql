-- What are the measurements of these devices called ({devices})?
SELECT DISTINCT name FROM series WHERE device IN {devices:Array(String)} ORDER BY name
