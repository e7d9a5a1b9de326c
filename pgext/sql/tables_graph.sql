CREATE TABLE ruvector.contracted_graph (
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    node_type     text NOT NULL CHECK (node_type IN
                      ('partition', 'centroid', 'shard', 'maintenance_dep', 'replication_target')),
    node_id       bigint NOT NULL,
    node_name     text,
    node_data     jsonb NOT NULL DEFAULT '{}',
    health_score  real DEFAULT 1.0 CHECK (health_score BETWEEN 0 AND 1),
    last_updated  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection_id, node_type, node_id)
);
COMMENT ON TABLE ruvector.contracted_graph IS 'nodes of the operational graph as of the last pass';
COMMENT ON COLUMN ruvector.contracted_graph.health_score IS '0 failed, 1 healthy, NULL not measured';
COMMENT ON COLUMN ruvector.contracted_graph.node_data IS 'the values behind the health and where each came from';
CREATE INDEX idx_contracted_graph_health ON ruvector.contracted_graph (collection_id, health_score);

CREATE TABLE ruvector.contracted_edges (
    id            bigserial PRIMARY KEY,
    collection_id integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    source_type   text NOT NULL,
    source_id     bigint NOT NULL,
    target_type   text NOT NULL,
    target_id     bigint NOT NULL,
    edge_type     text NOT NULL CHECK (edge_type IN
                      ('partition_link', 'routing_link', 'dependency', 'replication')),
    capacity      real NOT NULL DEFAULT 1.0 CHECK (capacity >= 0 AND capacity < 'Infinity'),
    baseline_capacity real NOT NULL DEFAULT 1.0,
    current_flow  real,
    latency_ms    real,
    error_rate    real NOT NULL DEFAULT 0.0,
    in_cut        boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection_id, source_type, source_id, target_type, target_id, edge_type),
    FOREIGN KEY (collection_id, source_type, source_id)
        REFERENCES ruvector.contracted_graph (collection_id, node_type, node_id) ON DELETE CASCADE,
    FOREIGN KEY (collection_id, target_type, target_id)
        REFERENCES ruvector.contracted_graph (collection_id, node_type, node_id) ON DELETE CASCADE
);
COMMENT ON TABLE ruvector.contracted_edges IS 'edges of the operational graph as of the last pass';
COMMENT ON COLUMN ruvector.contracted_edges.current_flow IS 'share of the traffic since the pass before; NULL not measured';
COMMENT ON COLUMN ruvector.contracted_edges.in_cut IS 'crosses the minimum cut';
CREATE INDEX idx_contracted_edges_source ON ruvector.contracted_edges (collection_id, source_type, source_id);
CREATE INDEX idx_contracted_edges_target ON ruvector.contracted_edges (collection_id, target_type, target_id);
CREATE INDEX idx_contracted_edges_capacity ON ruvector.contracted_edges (collection_id, capacity);
