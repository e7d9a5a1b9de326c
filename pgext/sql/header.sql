\echo Use "CREATE EXTENSION ruvector CASCADE" to load this file. \quit
