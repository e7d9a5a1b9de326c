-- Written by the integrity worker: `pending` in the transaction of the
-- transition, the rest when the delivery has ended. Not dumped: the counters
-- belong to this server.
CREATE TABLE ruvector.webhook_deliveries (
    collection_id     integer NOT NULL REFERENCES ruvector.collections (id) ON DELETE CASCADE,
    url               text NOT NULL,
    delivered         bigint NOT NULL DEFAULT 0,
    failed            bigint NOT NULL DEFAULT 0,
    dropped           bigint NOT NULL DEFAULT 0,
    pending           bigint NOT NULL DEFAULT 0,
    last_attempt_at   timestamptz,
    last_delivered_at timestamptz,
    last_status       integer,
    last_error        text,
    PRIMARY KEY (collection_id, url)
);
COMMENT ON TABLE ruvector.webhook_deliveries IS 'what became of the messages to each webhook; URLs can be secrets';

CREATE VIEW ruvector.webhooks AS
    SELECT c.name AS collection, w.url, w.delivered, w.failed, w.dropped, w.pending,
           w.last_attempt_at, w.last_delivered_at, w.last_status, w.last_error
      FROM ruvector.webhook_deliveries w JOIN ruvector.collections c ON c.id = w.collection_id;
COMMENT ON VIEW ruvector.webhooks IS 'webhooks of the policies in force and what became of their messages, a row each';
