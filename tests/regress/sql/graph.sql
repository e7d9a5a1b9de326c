-- The graph, its cut, the status and the picture.
\set SHOW_CONTEXT never
SELECT summary ->> 'collection' AS collection, (summary ->> 'node_count')::int > 4 AS nodes,
       (summary ->> 'edge_count')::int > 4 AS edges, summary -> 'merged_nodes' AS merged
  FROM ruvector_rebuild_contracted_graph('docs') summary;
SELECT node_type, node_name FROM ruvector.contracted_graph g
  JOIN ruvector.collections c ON c.id = g.collection_id
 WHERE c.name = 'docs' AND node_type = 'partition' ORDER BY node_name;
SELECT jsonb_object_keys(ruvector_contracted_graph('docs')) AS key ORDER BY key;
SELECT jsonb_object_keys(ruvector_contracted_graph('docs') -> 'nodes' -> 0) AS key ORDER BY key;
SELECT jsonb_object_keys(ruvector_contracted_graph('docs') -> 'edges' -> 0) AS key ORDER BY key;
SELECT jsonb_object_keys(ruvector_integrity_status('docs')) AS key ORDER BY key;
SELECT ruvector_contracted_graph_dot('docs') ~ '^graph "docs" \{.*\}$' AS graphviz,
       ruvector_contracted_graph_dot('docs') ~ 'style=dashed' AS with_its_cut;
SELECT count(*) = (SELECT witness_edge_count FROM ruvector.integrity WHERE collection = 'docs') AS every_witness
  FROM ruvector.witness_edges WHERE collection = 'docs';
SELECT ruvector_contracted_graph('nope');
\echo :SQLSTATE
SELECT ruvector_contracted_graph_dot('nope');
\echo :SQLSTATE
SELECT ruvector_rebuild_contracted_graph('nope');
\echo :SQLSTATE
