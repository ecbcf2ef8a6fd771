\set person random(0, 19000)
SELECT at::date AS day, count(*), sum(amount) FROM visits WHERE person BETWEEN :person AND :person + 600
GROUP BY day ORDER BY sum(amount) DESC LIMIT 10;
