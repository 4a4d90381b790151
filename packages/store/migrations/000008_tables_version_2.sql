-- The second version of the tables: states know whole descriptions and when they were last updated. Who knows it builds tables of an
-- older version anew; where nothing was projected yet, there is nothing to build anew.

update es.projections set version = 2 where name = 'tables' and version = 1 and position = 0;
