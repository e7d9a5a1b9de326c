"""What was committed, written down beside the product by triggers of the test.

`ledger` gets each row of the outbox and `sealed` each event, in the transaction
that makes it. Whatever crashes in between, in the end the two must agree.
"""

# Events that come from elsewhere than the outbox.
_OWN_EVENTS = ("'resume', 'gate_refusal', 'key_rotation', 'key_revocation', "
               "'prune'")

_INSTALL = """
CREATE TABLE public.ledger (event_type text, collection_name text,
                            at timestamptz);
CREATE TABLE public.sealed (id bigint, event_type text, collection_name text,
                            at timestamptz, leaf_hash bytea);
CREATE FUNCTION public.note_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ledger
    VALUES (NEW.event_type, NEW.collection_name, NEW.created_at);
    RETURN NULL;
END $$;
CREATE FUNCTION public.note_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An event from before its key began says so in its metadata.
    INSERT INTO public.sealed
    VALUES (NEW.id, NEW.event_type, NEW.collection_name,
            coalesce((NEW.metadata ->> 'occurred_at')::timestamptz,
                     NEW.created_at), NEW.leaf_hash);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT ON ruvector.audit_outbox
    FOR EACH ROW EXECUTE FUNCTION public.note_row();
CREATE TRIGGER note AFTER INSERT ON ruvector.integrity_events
    FOR EACH ROW EXECUTE FUNCTION public.note_event();
"""

_DIFFERENCE = f"""
SELECT event_type, collection_name, at::text,
       coalesce(l.n, 0) AS committed, coalesce(s.n, 0) AS sealed
  FROM (SELECT event_type, collection_name, at, count(*) AS n
          FROM public.ledger GROUP BY 1, 2, 3) l
  FULL JOIN (SELECT event_type, collection_name, at, count(*) AS n
               FROM public.sealed WHERE event_type NOT IN ({_OWN_EVENTS})
              GROUP BY 1, 2, 3) s USING (event_type, collection_name, at)
 WHERE l.n IS DISTINCT FROM s.n
"""

# Events that are not as they were sealed, and gaps in what was sealed.
_CHANGED = """
SELECT id FROM public.sealed s
  FULL JOIN (SELECT id, leaf_hash FROM ruvector.integrity_events
             UNION ALL
             SELECT id, leaf_hash FROM ruvector.audit_pruned_leaves) e
  USING (id)
 WHERE s.leaf_hash IS DISTINCT FROM e.leaf_hash
UNION ALL
SELECT i FROM generate_series(0, (SELECT max(id) FROM public.sealed)) i
 WHERE i NOT IN (SELECT id FROM public.sealed)
"""

# What comes through the ring is no row of any transaction: it may be lost in a
# crash, never told twice.
_TWICE = """
SELECT collection_name, at::text, count(*) FROM public.sealed
 WHERE event_type = 'gate_refusal' GROUP BY 1, 2 HAVING count(*) > 1
"""


def install(server, dbname="postgres"):
    """Right after CREATE EXTENSION, before anything is in the outbox."""
    server.psql(script=_INSTALL, dbname=dbname)


def check(server, dbname="postgres"):
    """Everything committed is sealed, once, and the chain holds."""
    server.wait_for("SELECT unsealed = 0 FROM ruvector_verify_chain()",
                    timeout=60, dbname=dbname)
    assert server.execute(_DIFFERENCE, dbname=dbname) == []
    assert server.execute(_CHANGED, dbname=dbname) == []
    assert server.execute(_TWICE, dbname=dbname) == []
    assert server.execute("SELECT ok, first_bad_event, reason, overflowed "
                          "FROM ruvector_verify_chain()", dbname=dbname
                          ) == [(True, None, None, 0)]
