-- Since when each partition stands still: PostgreSQL 15 does not say when a
-- table was last read. Counters belong to this server, so it is not dumped.
CREATE TABLE ruvector.partition_activity (
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    table_oid     oid NOT NULL,
    touched       bigint NOT NULL,
    quiet_since   timestamptz NOT NULL,
    PRIMARY KEY (collection_id, table_oid)
);
COMMENT ON TABLE ruvector.partition_activity IS 'since when the counters of each leaf table stand still, as far as we watched';
COMMENT ON COLUMN ruvector.partition_activity.touched IS 'sum of its cumulative counters when it was last seen to move';
